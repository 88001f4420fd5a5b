//! Namespaces: `printNamespace`.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use serde_json::Value;

use super::{Column, Printer, age_cell, name};

pub(super) const PRINTER: Printer = Printer {
    api_version: "v1",
    kind: "Namespace",
    columns: &[Column::NAME, Column::text("Status", "The status of the namespace"), Column::AGE],
    row: |object, now| object.downcast_ref().map(|namespace| row(namespace, now)),
};

fn row(namespace: &Namespace, now: Timestamp) -> Vec<Value> {
    let phase = namespace.status.as_ref().and_then(|status| status.phase.as_deref());
    vec![name(namespace), phase.unwrap_or_default().into(), age_cell(namespace, now)]
}
