//! ReplicaSets: `printReplicaSet`.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use serde_json::Value;

use super::template::{container_cells, format_selector};
use super::{Column, Printer, age_cell, descriptions, name};

pub(super) const PRINTER: Printer = Printer {
    api_version: "apps/v1",
    kind: "ReplicaSet",
    columns: &[
        Column::NAME,
        Column::integer("Desired", descriptions::REPLICA_SET_REPLICAS),
        Column::integer("Current", descriptions::REPLICA_SET_STATUS_REPLICAS),
        Column::integer("Ready", descriptions::REPLICA_SET_READY_REPLICAS),
        Column::AGE,
        Column::text("Containers", descriptions::CONTAINERS).wide(),
        Column::text("Images", descriptions::IMAGES).wide(),
        Column::text("Selector", descriptions::REPLICA_SET_SELECTOR).wide(),
    ],
    row: |object, now| object.downcast_ref().map(|replica_set| row(replica_set, now)),
};

fn row(replica_set: &ReplicaSet, now: Timestamp) -> Vec<Value> {
    let spec = &replica_set.spec;
    let status = replica_set.status.clone().unwrap_or_default();
    let (names, images) = container_cells(spec.template.as_ref());
    vec![
        name(replica_set),
        spec.replicas.unwrap_or(0).into(),
        status.replicas.into(),
        status.ready_replicas.unwrap_or(0).into(),
        age_cell(replica_set, now),
        names.into(),
        images.into(),
        format_selector(&spec.selector).into(),
    ]
}
