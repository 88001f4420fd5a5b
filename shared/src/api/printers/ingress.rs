//! Ingresses: `printIngress`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::networking::v1::{Ingress, IngressRule, IngressStatus};
use serde_json::Value;

use super::{Column, MAX_LISTED, NONE, Printer, age_cell, descriptions, name};

pub(super) const PRINTER: Printer = Printer {
    api_version: "networking.k8s.io/v1",
    kind: "Ingress",
    columns: &[
        Column::NAME,
        Column::text("Class", descriptions::INGRESS_CLASS),
        Column::text("Hosts", descriptions::INGRESS_HOSTS),
        Column::text("Address", descriptions::INGRESS_ADDRESS),
        Column::text("Ports", descriptions::INGRESS_PORTS),
        Column::AGE,
    ],
    row: |object, now| object.downcast_ref().map(|ingress| row(ingress, now)),
};

fn row(ingress: &Ingress, now: Timestamp) -> Vec<Value> {
    let spec = ingress.spec.clone().unwrap_or_default();
    let encrypted = spec.tls.as_ref().is_some_and(|tls| !tls.is_empty());
    vec![
        name(ingress),
        spec.ingress_class_name.as_deref().unwrap_or(NONE).into(),
        hosts(spec.rules.as_deref().unwrap_or_default()).into(),
        ingress.status.as_ref().map(addresses).unwrap_or_default().into(),
        if encrypted { "80, 443" } else { "80" }.into(),
        age_cell(ingress, now),
    ]
}

/// `formatHosts`: the first three, and how many rules there are beyond three.
fn hosts(rules: &[IngressRule]) -> String {
    let named = rules.iter().filter_map(|rule| rule.host.as_deref()).filter(|host| !host.is_empty());
    let shown: Vec<&str> = named.take(MAX_LISTED).collect();
    match (shown.len(), rules.len()) {
        (0, _) => "*".to_owned(),
        (MAX_LISTED, all) if all > MAX_LISTED => {
            format!("{} + {} more...", shown.join(","), all - MAX_LISTED)
        }
        _ => shown.join(","),
    }
}

fn addresses(status: &IngressStatus) -> String {
    let points = status.load_balancer.iter().flat_map(|status| status.ingress.iter().flatten());
    let given = |text: &String| !text.is_empty();
    let addresses = points.map(|point| point.ip.clone().filter(given).or(point.hostname.clone()));
    addresses.flatten().filter(given).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(",")
}
