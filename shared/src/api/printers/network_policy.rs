//! NetworkPolicies: `printNetworkPolicy`.

use jiff::Timestamp;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::Value;

use super::template::format_selector;
use super::{Column, Printer, age_cell, descriptions, name};

pub(super) const PRINTER: Printer = Printer {
    api_version: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    columns: &[
        Column::NAME,
        Column::text("Pod-Selector", descriptions::NETWORK_POLICY_POD_SELECTOR),
        Column::AGE,
    ],
    row: |object, now| object.downcast_ref().map(|policy| row(policy, now)),
};

fn row(policy: &NetworkPolicy, now: Timestamp) -> Vec<Value> {
    let selector = policy.spec.clone().unwrap_or_default().pod_selector.unwrap_or_default();
    vec![name(policy), format_selector(&selector).into(), age_cell(policy, now)]
}
