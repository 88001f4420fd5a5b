//! `patch`: parts of a stored object changed, by JSON patch, merge patch or strategic merge patch.
//!
//! Follows `pkg/endpoints/handlers/patch.go` of kubernetes/apiserver.

use serde_json::Value;

use crate::api::object::{ApiObject, SharedObject};
use crate::api::patch::{json, merge, strategic};
use crate::api::schema::Schema;
use crate::api::status;

use super::registry::Target;
use super::request::{Patch, PatchForm, Reply, WriteOptions};
use super::user::Caller;
use super::{ApiServer, Result, input};

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
    input::typed(target.kind, after, Vec::new(), options.field_validation, warnings)
}

fn apply(target: &Target, patch: &Patch, before: Value) -> Result<Value> {
    let unprocessable = |message: String| {
        let mut status = status::bad_request(message);
        status.code = Some(422);
        status.reason = Some("Invalid".into());
        Box::new(status)
    };
    match patch.form {
        PatchForm::Json => json::apply(before, &patch.body).map_err(|error| unprocessable(error.to_string())),
        PatchForm::Merge => Ok(merge::apply(before, &patch.body)),
        PatchForm::Strategic => {
            let Some(schema) = Schema::for_kind(target.kind.api_version, target.kind.kind) else {
                return Err(Box::new(status::internal(format!("no schema of {:?}", target.kind))));
            };
            strategic::apply(before, patch.body.clone(), schema)
                .map_err(|error| Box::new(status::bad_request(error.to_string())))
        }
    }
}
