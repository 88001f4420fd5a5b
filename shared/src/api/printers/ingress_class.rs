//! IngressClasses: `printIngressClass`.

use jiff::Timestamp;
use k8s_openapi::api::networking::v1::{IngressClass, IngressClassParametersReference};
use serde_json::Value;

use super::{Column, NONE, Printer, age_cell, descriptions, name};

pub(super) const PRINTER: Printer = Printer {
    api_version: "networking.k8s.io/v1",
    kind: "IngressClass",
    columns: &[
        Column::NAME,
        Column::text("Controller", descriptions::INGRESS_CLASS_CONTROLLER),
        Column::text("Parameters", descriptions::INGRESS_CLASS_PARAMETERS),
        Column::AGE,
    ],
    row: |object, now| object.downcast_ref().map(|class| row(class, now)),
};

fn row(class: &IngressClass, now: Timestamp) -> Vec<Value> {
    let spec = class.spec.clone().unwrap_or_default();
    vec![
        name(class),
        spec.controller.unwrap_or_default().into(),
        spec.parameters.as_ref().map_or_else(|| NONE.to_owned(), parameters).into(),
        age_cell(class, now),
    ]
}

/// The kind with its group, and the name.
fn parameters(given: &IngressClassParametersReference) -> String {
    let kind = match given.api_group.as_deref() {
        Some(group) => format!("{}.{group}", given.kind),
        None => given.kind.clone(),
    };
    format!("{kind}/{}", given.name)
}
