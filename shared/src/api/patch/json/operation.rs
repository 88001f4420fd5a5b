//! One operation of a JSON Patch.

use serde_json::{Map, Value};

use super::pointer::{Container, find};

/// An operation as the patch has it; what it lacks comes to light when it is applied.
pub(super) struct Operation<'a> {
    members: &'a Map<String, Value>,
}

impl<'a> Operation<'a> {
    pub(super) fn new(members: &'a Map<String, Value>) -> Operation<'a> {
        Operation { members }
    }

    /// Applies it; the error is upstream's text.
    pub(super) fn apply(&self, document: &mut Value) -> Result<(), String> {
        match self.text("op").unwrap_or("unknown") {
            "add" => self.add(document),
            "remove" => self.remove(document),
            "replace" => self.replace(document),
            "move" => self.r#move(document),
            "test" => self.test(document),
            "copy" => self.copy(document),
            other => Err(format!("Unexpected kind: {other}")),
        }
    }

    fn add(&self, document: &mut Value) -> Result<(), String> {
        let path = self.path("add")?;
        let (container, key) = find(document, path).ok_or_else(|| {
            format!("add operation does not apply: doc is missing path: \"{path}\": missing value")
        })?;
        container.add(key, self.value()).map_err(|error| format!("error in add for path: '{path}': {error}"))
    }

    fn remove(&self, document: &mut Value) -> Result<(), String> {
        let path = self.path("remove")?;
        let (container, key) = find(document, path).ok_or_else(|| {
            format!("remove operation does not apply: doc is missing path: \"{path}\": missing value")
        })?;
        match container.remove(&key) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("error in remove for path: '{path}': {error}")),
        }
    }

    fn replace(&self, document: &mut Value) -> Result<(), String> {
        let path = self.path("replace")?;
        if path.is_empty() {
            return self.replace_document(document);
        }
        let missing =
            |what| format!("replace operation does not apply: doc is missing {what}: {path}: missing value");
        let (container, key) = find(document, path).ok_or_else(|| missing("path"))?;
        container.get(&key).map_err(|_| missing("key"))?;
        container
            .set(key, self.value())
            .map_err(|error| format!("error in remove for path: '{path}': {error}"))
    }

    fn replace_document(&self, document: &mut Value) -> Result<(), String> {
        match self.value() {
            value @ (Value::Object(_) | Value::Array(_)) => {
                *document = value;
                Ok(())
            }
            _ => Err("replace operation value must be object or array: %!w(<nil>)".to_owned()),
        }
    }

    fn r#move(&self, document: &mut Value) -> Result<(), String> {
        let from = self.from("move")?;
        let (container, key) = find(document, from).ok_or_else(|| {
            format!("move operation does not apply: doc is missing from path: {from}: missing value")
        })?;
        let value =
            container.remove(&key).map_err(|error| format!("error in move for path: '{key}': {error}"))?;
        let path = self.path("move")?;
        let (container, key) = destination(document, "move", path)?;
        container.add(key, value).map_err(|error| format!("error in move for path: '{path}': {error}"))
    }

    fn copy(&self, document: &mut Value) -> Result<(), String> {
        let from = self.from("copy")?;
        let (container, key) = find(document, from).ok_or_else(|| {
            format!("copy operation does not apply: doc is missing from path: {from}: missing value")
        })?;
        let found =
            container.get(&key).map_err(|error| format!("error in copy for from: '{from}': {error}"))?;
        let value = found.cloned().unwrap_or_default();
        let (container, key) = destination(document, "copy", self.path("copy")?)?;
        container.add(key, value).map_err(|error| format!("error while adding value during copy: {error}"))
    }

    fn test(&self, document: &mut Value) -> Result<(), String> {
        let path = self.path("test")?;
        let failed = format!("testing value {path} failed: test failed");
        if path.is_empty() {
            return if *document == self.value() { Ok(()) } else { Err(failed) };
        }
        let (container, key) = find(document, path).ok_or_else(|| {
            format!("test operation does not apply: is missing path: {path}: missing value")
        })?;
        let found =
            container.get(&key).map_err(|error| format!("error in test for path: '{path}': {error}"))?;
        let same = found.is_none_or(Value::is_null) && self.value().is_null() || found == Some(&self.value());
        if same { Ok(()) } else { Err(failed) }
    }

    fn value(&self) -> Value {
        self.members.get("value").cloned().unwrap_or_default()
    }

    fn path(&self, operation: &str) -> Result<&'a str, String> {
        let detail = match operation {
            "replace" | "move" | "test" => "operation missing path field: ",
            _ => "",
        };
        self.text("path")
            .ok_or_else(|| format!("{operation} operation failed to decode path: {detail}missing value"))
    }

    fn from(&self, operation: &str) -> Result<&'a str, String> {
        let detail = "operation, missing from field: missing value";
        self.text("from").ok_or_else(|| format!("{operation} operation failed to decode from: {detail}"))
    }

    fn text(&self, member: &str) -> Option<&'a str> {
        self.members.get(member).and_then(Value::as_str)
    }
}

fn destination<'a>(
    document: &'a mut Value,
    operation: &str,
    path: &str,
) -> Result<(Container<'a>, String), String> {
    find(document, path).ok_or_else(|| {
        format!(
            "{operation} operation does not apply: doc is missing destination path: {path}: missing value"
        )
    })
}
