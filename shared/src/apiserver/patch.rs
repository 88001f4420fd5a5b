//! `patch`: parts of a stored object changed, by JSON patch, merge patch or strategic merge patch.
//!
//! Follows `pkg/endpoints/handlers/patch.go` of kubernetes/apiserver.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Status, StatusDetails};
use serde_json::Value;

use crate::api::object::{ApiObject, SharedObject};
use crate::api::patch::{PatchError, PatchType, UNPROCESSABLE, go};
use crate::api::schema::Schema;
use crate::api::status;
use crate::api::strict::{self, FieldValidation, StrictError};
use crate::validation::field::{ErrorList, Path};

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

/// What a patch makes of an object of the target's kind.
pub(super) fn patched(
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
    let said = strict_errors(target, patch, options.field_validation, &after);
    let is_refused = options.field_validation == FieldValidation::Strict && !said.is_empty();
    let refusal = is_refused.then(|| match patch.form {
        PatchType::Strategic => refused_strictly(&go::print(&patch.body), &said),
        PatchType::Json | PatchType::Merge => refused_strictly(&after.to_string(), &said),
    });
    let object = input::typed(target.kind, after, &[], FieldValidation::Ignore, warnings)?;
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    warnings.extend(said);
    update::check_name(target, &*object)?;
    Ok(object)
}

/// What a strict reader objects to: fields that stand in the patch twice, then unknown ones of the object
/// that it makes.
fn strict_errors(target: &Target, patch: &Patch, validation: FieldValidation, after: &Value) -> Vec<String> {
    let schema = Schema::for_kind(target.kind.api_version, target.kind.kind);
    if validation == FieldValidation::Ignore {
        return Vec::new();
    }
    let duplicates = patch.duplicates.iter().cloned().map(StrictError::DuplicateField);
    let mut errors: Vec<String> = match patch.form {
        PatchType::Json => unknown_in_operations(&patch.body)
            .chain(duplicates)
            .map(|error| format!("json patch {error}"))
            .collect(),
        PatchType::Merge | PatchType::Strategic => duplicates.map(|error| error.to_string()).collect(),
    };
    let unknown = schema.map(|ty| strict::strict_errors(after, &[], ty)).unwrap_or_default();
    errors.extend(unknown.iter().map(StrictError::to_string));
    errors.truncate(strict::MAX_ERRORS);
    errors
}

/// The fields that operations of a JSON patch do not have.
fn unknown_in_operations(patch: &Value) -> impl Iterator<Item = StrictError> {
    const FIELDS: [&str; 4] = ["op", "path", "from", "value"];
    let operations = patch.as_array().into_iter().flatten().enumerate();
    operations.flat_map(|(index, operation)| {
        let names = operation.as_object().into_iter().flat_map(|operation| operation.keys());
        names
            .filter(|name| !FIELDS.contains(&name.as_str()))
            .map(move |name| StrictError::UnknownField(format!("[{index}].{name}")))
    })
}

/// 422 with everything that a strict reader objects to.
fn refused_strictly(shown: &str, said: &[String]) -> Box<Status> {
    let mut errors = ErrorList::new();
    errors.invalid(&Path::root("patch"), shown, format!("strict decoding error: {}", said.join(", ")));
    let causes = Some(errors.to_causes());
    Box::new(Status {
        code: Some(422),
        reason: Some("Invalid".into()),
        details: Some(StatusDetails { causes, ..StatusDetails::default() }),
        ..status::bad_request(format!(" \"\" is invalid: {errors}"))
    })
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
