//! Leases: `printLease`.

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use serde_json::Value;

use super::{Column, Printer, age_cell, descriptions, name};

pub(super) const PRINTER: Printer = Printer {
    api_version: "coordination.k8s.io/v1",
    kind: "Lease",
    columns: &[Column::NAME, Column::text("Holder", descriptions::HOLDER_IDENTITY), Column::AGE],
    row: |object, now| object.downcast_ref().map(|lease| row(lease, now)),
};

fn row(lease: &Lease, now: Timestamp) -> Vec<Value> {
    let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
    vec![name(lease), holder.unwrap_or_default().into(), age_cell(lease, now)]
}
