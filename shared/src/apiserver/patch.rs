//! `patch`: parts of a stored object changed, by JSON patch, merge patch or strategic merge patch.
//!
//! Follows `pkg/endpoints/handlers/patch.go` of kubernetes/apiserver.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use serde_json::Value;

use crate::api::object::{ApiObject, SharedObject};
use crate::api::patch::{PatchError, UNPROCESSABLE};
use crate::api::schema::Schema;
use crate::api::status;

use super::registry::Target;
use super::request::{Patch, Reply, WriteOptions};
use super::user::Caller;
use super::{ApiServer, Result, input, update};

impl ApiServer {
    /// Applies the patch to the newest revision of the object, again if others were faster.
    pub(crate) async fn patch(
        &self,
        caller: &Caller,
        target: &Target,
        patch: &Patch,
        options: &WriteOptions,
        warnings: &mut Vec<String>,
    ) -> Result<Reply> {
        let make = |old: &SharedObject, said: &mut Vec<String>| patched(target, patch, options, old, said);
        self.change(caller, target, options, warnings, make).await.map(Reply::Object)
    }
}

fn patched(
    target: &Target,
    patch: &Patch,
    options: &WriteOptions,
    old: &SharedObject,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn ApiObject>> {
    let before = old.body().to_value();
    let known_version = before["metadata"]["resourceVersion"].clone();
    let mut after = apply(target, patch, before)?;
    // A patch insists on a revision only where it names another one than the object has.
    if after["metadata"]["resourceVersion"] == known_version
        && let Some(metadata) = after["metadata"].as_object_mut()
    {
        metadata.remove("resourceVersion");
    }
    let object = input::typed(target.kind, after, &[], options.field_validation, warnings)?;
    update::check_name(target, &*object)?;
    Ok(object)
}

fn apply(target: &Target, patch: &Patch, before: Value) -> Result<Value> {
    let Some(schema) = Schema::for_kind(target.kind.api_version, target.kind.kind) else {
        return Err(Box::new(status::internal(format!("no schema of {:?}", target.kind))));
    };
    patch.form.apply(before, patch.body.clone(), schema).map_err(refused)
}

fn refused(error: PatchError) -> Box<Status> {
    let message = match &error {
        PatchError::Unprocessable(why) => format!("{UNPROCESSABLE}: {why}"),
        other => other.to_string(),
    };
    let reason = Some(error.reason()).filter(|reason| !reason.is_empty()).map(str::to_owned);
    Box::new(Status { code: Some(i32::from(error.code())), reason, ..status::bad_request(message) })
}
