//! Deployments: `printDeployment`.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::Value;

use super::template::{container_cells, selector_text};
use super::{Column, Printer, age_cell, descriptions, name};

pub(super) const PRINTER: Printer = Printer {
    api_version: "apps/v1",
    kind: "Deployment",
    columns: &[
        Column::NAME,
        Column::text("Ready", "Number of the pod with ready state"),
        Column::text("Up-to-date", descriptions::DEPLOYMENT_UPDATED_REPLICAS),
        Column::text("Available", descriptions::DEPLOYMENT_AVAILABLE_REPLICAS),
        Column::AGE,
        Column::text("Containers", descriptions::CONTAINERS).wide(),
        Column::text("Images", descriptions::IMAGES).wide(),
        Column::text("Selector", descriptions::DEPLOYMENT_SELECTOR).wide(),
    ],
    row: |object, now| object.downcast_ref().map(|deployment| row(deployment, now)),
};

fn row(deployment: &Deployment, now: Timestamp) -> Vec<Value> {
    let spec = &deployment.spec;
    let status = deployment.status.clone().unwrap_or_default();
    let (names, images) = container_cells(Some(&spec.template));
    vec![
        name(deployment),
        format!("{}/{}", status.ready_replicas.unwrap_or(0), spec.replicas.unwrap_or(0)).into(),
        status.updated_replicas.unwrap_or(0).into(),
        status.available_replicas.unwrap_or(0).into(),
        age_cell(deployment, now),
        names.into(),
        images.into(),
        selector_text(&spec.selector).unwrap_or_default().into(),
    ]
}
