//! Tables: what the API server answers where a client asks `as=Table`, as `kubectl get` does, and
//! the text that `kubectl` makes of one.
//!
//! Follows `pkg/endpoints/handlers/response.go` of k8s.io/apiserver (`asTable`, `asPartialObjectMetadata`)
//! and `pkg/printers/tableprinter.go` of k8s.io/cli-runtime.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::object::ApiObject;
use super::printers::{self, Column};

/// What of the object itself goes with each row: the `includeObject` parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// Its metadata, as `PartialObjectMetadata`.
    #[default]
    Metadata,
    /// The whole object.
    Object,
}

impl IncludeObject {
    /// Reads the parameter; empty is the default.
    ///
    /// # Errors
    /// The message of the BadRequest that any other value gets (`ValidateTableOptions` upstream).
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" | "Metadata" => Ok(IncludeObject::Metadata),
            "None" => Ok(IncludeObject::None),
            "Object" => Ok(IncludeObject::Object),
            _ => Err(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: {text:?}: must be \
                 'Metadata', 'Object', 'None', or empty"
            )),
        }
    }
}

/// The metadata of a list: `ListMeta`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListMetadata {
    /// The revision at which the list was read; for one object, its own.
    pub resource_version: String,
    /// Where the next page starts; empty on the last.
    pub continue_token: String,
    /// How many items the pages after this one have, where that is known.
    pub remaining_item_count: Option<i64>,
}

impl ListMetadata {
    /// As it stands in a list.
    pub fn to_value(&self) -> Value {
        let mut metadata = Map::new();
        if !self.resource_version.is_empty() {
            metadata.insert("resourceVersion".to_owned(), self.resource_version.as_str().into());
        }
        if !self.continue_token.is_empty() {
            metadata.insert("continue".to_owned(), self.continue_token.as_str().into());
        }
        if let Some(count) = self.remaining_item_count {
            metadata.insert("remainingItemCount".to_owned(), count.into());
        }
        Value::Object(metadata)
    }
}

/// How a table is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// What goes with each row.
    pub include_object: IncludeObject,
    /// Leaves out the column definitions, as a watch does after its first event.
    pub no_headers: bool,
}

/// The group and version of tables and partial metadata.
const META_V1: &str = "meta.k8s.io/v1";

/// A `Table` of `objects`, which are all of the given kind, as JSON. Ages are counted up to `now`.
pub fn render(
    api_version: &str,
    kind: &str,
    objects: &[&dyn ApiObject],
    metadata: &ListMetadata,
    options: &TableOptions,
    now: Timestamp,
) -> Value {
    let columns = if options.no_headers { Value::Null } else { json!(printers::columns(api_version, kind)) };
    let rows: Vec<_> = objects.iter().map(|object| row(*object, options, now)).collect();
    json!({
        "kind": "Table",
        "apiVersion": META_V1,
        "metadata": metadata.to_value(),
        "columnDefinitions": columns,
        "rows": rows,
    })
}

fn row(object: &dyn ApiObject, options: &TableOptions, now: Timestamp) -> Value {
    let mut row = Map::new();
    row.insert("cells".to_owned(), printers::row(object, now).into());
    let conditions = printers::conditions(object);
    if !conditions.is_empty() {
        row.insert("conditions".to_owned(), json!(conditions));
    }
    let included = match options.include_object {
        IncludeObject::None => Value::Null,
        IncludeObject::Metadata => partial_object(object),
        IncludeObject::Object => object.to_value(),
    };
    row.insert("object".to_owned(), included);
    Value::Object(row)
}

/// The object's metadata alone, as a `PartialObjectMetadata`.
pub fn partial_object(object: &dyn ApiObject) -> Value {
    json!({ "kind": "PartialObjectMetadata", "apiVersion": META_V1, "metadata": object.metadata() })
}

/// The objects' metadata alone, as a `PartialObjectMetadataList`.
pub fn partial_object_list(objects: &[&dyn ApiObject], metadata: &ListMetadata) -> Value {
    let items: Vec<_> = objects.iter().map(|object| partial_object(*object)).collect();
    json!({
        "kind": "PartialObjectMetadataList",
        "apiVersion": META_V1,
        "metadata": metadata.to_value(),
        "items": items,
    })
}

/// Spaces between columns.
const PADDING: usize = 3;
/// The least width of a column with its padding.
const MINIMUM_WIDTH: usize = 6;

/// The text that `kubectl get` prints for rows of cells, with `-o wide` if `wide`: headers in capitals,
/// columns as wide as their widest cell and three spaces, no spaces after the last.
pub fn text(columns: &[Column], rows: &[Vec<Value>], wide: bool) -> String {
    let shown: Vec<_> = (0..columns.len()).filter(|&number| wide || columns[number].priority == 0).collect();
    let mut lines = vec![shown.iter().map(|&number| columns[number].name.to_uppercase()).collect::<Vec<_>>()];
    lines.extend(rows.iter().map(|row| shown.iter().map(|&number| cell_text(row.get(number))).collect()));
    let widths: Vec<_> = (0..shown.len()).map(|column| width(&lines, column)).collect();
    lines.iter().map(|line| pad(line, &widths)).collect()
}

fn width(lines: &[Vec<String>], column: usize) -> usize {
    let widest = lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    MINIMUM_WIDTH.max(widest + PADDING)
}

fn pad(line: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (number, (cell, width)) in line.iter().zip(widths).enumerate() {
        let is_last = number + 1 == line.len();
        let width = if is_last { 0 } else { *width };
        text.push_str(&format!("{cell:<width$}"));
    }
    text.push('\n');
    text
}

/// A cell in one line: what comes after a line end is cut off and marked.
fn cell_text(cell: Option<&Value>) -> String {
    match cell {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => match text.find(['\x0c', '\n', '\r']) {
            Some(end) => format!("{}...", &text[..end]),
            None => text.clone(),
        },
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
