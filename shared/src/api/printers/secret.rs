//! Secrets: `printSecret`.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

use super::{Column, Printer, age_cell, descriptions, name};

pub(super) const PRINTER: Printer = Printer {
    api_version: "v1",
    kind: "Secret",
    columns: &[
        Column::NAME,
        Column::text("Type", descriptions::SECRET_TYPE),
        Column::text("Data", descriptions::SECRET_DATA),
        Column::AGE,
    ],
    row: |object, now| object.downcast_ref().map(|secret| row(secret, now)),
};

fn row(secret: &Secret, now: Timestamp) -> Vec<Value> {
    let count = secret.data.as_ref().map_or(0, |data| data.len());
    vec![
        name(secret),
        secret.type_.as_deref().unwrap_or_default().into(),
        count.into(),
        age_cell(secret, now),
    ]
}
