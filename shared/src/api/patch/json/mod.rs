//! JSON Patch, <https://www.rfc-editor.org/rfc/rfc6902>, with the behaviour and the words of the
//! library that the API server uses (`gopkg.in/evanphx/json-patch.v4`): `replace` may name a map's
//! key that is not there, and a negative index counts from a list's end.

use serde_json::Value;

use super::PatchError;

mod operation;
mod pointer;
#[cfg(test)]
mod tests;

use operation::Operation;

/// The most operations that one patch may have.
pub const MAX_OPERATIONS: usize = 10_000;

/// Applies a JSON Patch: a list of operations, all or nothing.
///
/// # Errors
/// [`PatchError::BadRequest`] where `patch` is no list of operations, [`PatchError::TooLarge`] beyond
/// [`MAX_OPERATIONS`], [`PatchError::Unprocessable`] where an operation does not apply.
pub fn apply(original: Value, patch: Value) -> Result<Value, PatchError> {
    let operations = read_operations(&patch)?;
    let mut document = original;
    for operation in operations {
        operation.apply(&mut document).map_err(PatchError::Unprocessable)?;
    }
    Ok(document)
}

fn read_operations(patch: &Value) -> Result<Vec<Operation<'_>>, PatchError> {
    let Value::Array(operations) = patch else {
        return Err(undecodable(patch, "[]handlers.jsonPatchOp"));
    };
    if operations.len() > MAX_OPERATIONS {
        return Err(PatchError::TooLarge(format!(
            "The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}",
            operations.len()
        )));
    }
    operations
        .iter()
        .map(|operation| {
            operation
                .as_object()
                .map(Operation::new)
                .ok_or_else(|| undecodable(operation, "handlers.jsonPatchOp"))
        })
        .collect()
}

fn undecodable(value: &Value, expected: &str) -> PatchError {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    PatchError::BadRequest(format!(
        "error decoding patch: json: cannot unmarshal {found} into Go value of type {expected}"
    ))
}
