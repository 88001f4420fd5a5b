//! Services: `printService`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec, ServiceStatus};
use serde_json::Value;

use super::template::format_labels;
use super::{Column, NONE, Printer, age_cell, descriptions, name, or};

pub(super) const PRINTER: Printer = Printer {
    api_version: "v1",
    kind: "Service",
    columns: &[
        Column::NAME,
        Column::text("Type", descriptions::SERVICE_TYPE),
        Column::text("Cluster-IP", descriptions::CLUSTER_IP),
        Column::text("External-IP", descriptions::EXTERNAL_IPS),
        Column::text("Port(s)", descriptions::SERVICE_PORTS),
        Column::AGE,
        Column::text("Selector", descriptions::SERVICE_SELECTOR).wide(),
    ],
    row: |object, now| object.downcast_ref().map(|service| row(service, now)),
};

fn row(service: &Service, now: Timestamp) -> Vec<Value> {
    let spec = service.spec.clone().unwrap_or_default();
    let cluster_ip = spec.cluster_ips.iter().flatten().next().or(spec.cluster_ip.as_ref());
    vec![
        name(service),
        spec.type_.as_deref().unwrap_or_default().into(),
        or(cluster_ip.map(String::as_str), NONE).into(),
        external_ip(&spec, service.status.as_ref()).into(),
        ports(spec.ports.as_deref().unwrap_or_default()).into(),
        age_cell(service, now),
        format_labels(spec.selector.as_ref()).into(),
    ]
}

/// `getServiceExternalIP`.
fn external_ip(spec: &ServiceSpec, status: Option<&ServiceStatus>) -> String {
    let external_ips = spec.external_ips.as_deref().unwrap_or_default();
    match spec.type_.as_deref() {
        Some("ClusterIP" | "NodePort") => or(Some(&external_ips.join(",")), NONE),
        Some("LoadBalancer") => {
            let mut addresses: Vec<_> =
                status.map(load_balancer_addresses).unwrap_or_default().into_iter().collect();
            addresses.extend(external_ips.iter().cloned());
            or(Some(&addresses.join(",")), "<pending>")
        }
        Some("ExternalName") => spec.external_name.clone().unwrap_or_default(),
        _ => "<unknown>".to_owned(),
    }
}

fn load_balancer_addresses(status: &ServiceStatus) -> BTreeSet<String> {
    let ingress = status.load_balancer.iter().flat_map(|status| status.ingress.iter().flatten());
    let given = |text: &String| !text.is_empty();
    let addresses = ingress.map(|ingress| ingress.ip.clone().filter(given).or(ingress.hostname.clone()));
    addresses.flatten().filter(given).collect()
}

/// `makePortString`: `80/TCP` or, with a node's port, `80:30080/TCP`.
fn ports(ports: &[ServicePort]) -> String {
    let texts: Vec<_> = ports.iter().map(port).collect();
    or(Some(&texts.join(",")), NONE)
}

fn port(port: &ServicePort) -> String {
    let protocol = port.protocol.as_deref().unwrap_or_default();
    match port.node_port {
        Some(node_port) if node_port > 0 => format!("{}:{node_port}/{protocol}", port.port),
        _ => format!("{}/{protocol}", port.port),
    }
}
