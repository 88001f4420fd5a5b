//! EndpointSlices: `printEndpointSlice`.

use jiff::Timestamp;
use k8s_openapi::api::discovery::v1::{EndpointPort, EndpointSlice};
use serde_json::Value;

use super::{Column, Printer, age_cell, descriptions, first_of, name, or};

pub(super) const PRINTER: Printer = Printer {
    api_version: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    columns: &[
        Column::NAME,
        Column::text("AddressType", descriptions::ENDPOINT_SLICE_ADDRESS_TYPE),
        Column::text("Ports", descriptions::ENDPOINT_SLICE_PORTS),
        Column::text("Endpoints", descriptions::ENDPOINT_SLICE_ENDPOINTS),
        Column::AGE,
    ],
    row: |object, now| object.downcast_ref().map(|slice| row(slice, now)),
};

const UNSET: &str = "<unset>";

fn row(slice: &EndpointSlice, now: Timestamp) -> Vec<Value> {
    let ports: Vec<String> = slice.ports.iter().flatten().map(port).collect();
    let addresses: Vec<String> =
        slice.endpoints.iter().flatten().flat_map(|endpoint| endpoint.addresses.iter().cloned()).collect();
    vec![
        name(slice),
        slice.address_type.as_str().into(),
        or(Some(&first_of(&ports)), UNSET).into(),
        or(Some(&first_of(&addresses)), UNSET).into(),
        age_cell(slice, now),
    ]
}

/// The port's number, or its name where it has none.
fn port(port: &EndpointPort) -> String {
    match (port.port, &port.name) {
        (Some(number), _) => number.to_string(),
        (None, Some(name)) => name.clone(),
        (None, None) => "*".to_owned(),
    }
}
