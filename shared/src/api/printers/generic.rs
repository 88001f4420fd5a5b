//! Kinds without columns of their own: `pkg/registry/rest/table.go` of k8s.io/apiserver.

use serde_json::Value;

use super::{Column, Printer, descriptions, name};
use crate::api::object::ApiObject;

pub(super) const PRINTER: Printer = Printer {
    api_version: "",
    kind: "",
    columns: &[
        Column::NAME,
        Column {
            name: "Created At",
            kind: "date",
            format: "",
            description: descriptions::CREATION_TIMESTAMP,
            priority: 0,
        },
    ],
    row: |object, _| Some(row(object)),
};

/// What Go prints for a time that was never set.
const NEVER: &str = "0001-01-01T00:00:00Z";

pub(super) fn row(object: &dyn ApiObject) -> Vec<Value> {
    let created = object.metadata().creation_timestamp.as_ref();
    let created = created.map_or_else(|| NEVER.to_owned(), |time| format!("{:.0}", time.0));
    vec![name(object), created.into()]
}
