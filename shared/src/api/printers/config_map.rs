//! ConfigMaps: `printConfigMap`.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::Value;

use super::{Column, Printer, age_cell, descriptions, name};

pub(super) const PRINTER: Printer = Printer {
    api_version: "v1",
    kind: "ConfigMap",
    columns: &[Column::NAME, Column::text("Data", descriptions::CONFIG_MAP_DATA), Column::AGE],
    row: |object, now| object.downcast_ref().map(|config_map| row(config_map, now)),
};

fn row(config_map: &ConfigMap, now: Timestamp) -> Vec<Value> {
    let text = config_map.data.as_ref().map_or(0, |data| data.len());
    let binary = config_map.binary_data.as_ref().map_or(0, |data| data.len());
    vec![name(config_map), (text + binary).into(), age_cell(config_map, now)]
}
