//! Endpoints: `printEndpoints`.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{EndpointSubset, Endpoints};
use serde_json::Value;

use super::{Column, NONE, Printer, age_cell, descriptions, first_of, name};

pub(super) const PRINTER: Printer = Printer {
    api_version: "v1",
    kind: "Endpoints",
    columns: &[Column::NAME, Column::text("Endpoints", descriptions::ENDPOINTS_SUBSETS), Column::AGE],
    row: |object, now| object.downcast_ref().map(|endpoints| row(endpoints, now)),
};

fn row(endpoints: &Endpoints, now: Timestamp) -> Vec<Value> {
    let subsets = endpoints.subsets.as_deref().unwrap_or_default();
    // Upstream's cell is empty, and not `<none>`, where no address of a subset is ready.
    let cell = match subsets {
        [] => NONE.to_owned(),
        subsets => first_of(&subsets.iter().flat_map(addresses).collect::<Vec<_>>()),
    };
    vec![name(endpoints), cell.into(), age_cell(endpoints, now)]
}

/// The ready addresses: with every port, or alone where a headless service has none.
fn addresses(subset: &EndpointSubset) -> Vec<String> {
    let addresses = subset.addresses.as_deref().unwrap_or_default();
    let ports = subset.ports.as_deref().unwrap_or_default();
    if ports.is_empty() {
        return addresses.iter().map(|address| address.ip.clone()).collect();
    }
    let joined = |ip: &str, port: i32| match ip.contains(':') {
        true => format!("[{ip}]:{port}"),
        false => format!("{ip}:{port}"),
    };
    ports
        .iter()
        .flat_map(|port| addresses.iter().map(move |address| joined(&address.ip, port.port)))
        .collect()
}
