//! Services.
//!
//! Follows kubernetes `pkg/apis/core/v1/defaults.go` (`SetDefaults_Service`) and, for `clusterIPs`,
//! `pkg/registry/core/service/strategy.go` (`NormalizeClusterIPs`). Addresses and ports of nodes are allocated elsewhere.

use k8s_openapi::api::core::v1::{ClientIPConfig, Service, ServicePort, ServiceSpec, SessionAffinityConfig};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Defaults, text};

const AFFINITY_SECONDS: i32 = 10800;

impl Defaults for Service {
    fn apply(&mut self) {
        let spec = self.spec.get_or_insert_default();
        text(&mut spec.session_affinity, "None");
        apply_affinity(spec);
        text(&mut spec.type_, "ClusterIP");
        for port in spec.ports.iter_mut().flatten() {
            apply_to_port(port);
        }
        apply_traffic(spec);
        apply_cluster_ips(spec);
        apply_to_status(self);
    }
}

fn apply_affinity(spec: &mut ServiceSpec) {
    match spec.session_affinity.as_deref() {
        Some("None") => spec.session_affinity_config = None,
        Some("ClientIP") => {
            let config = spec.session_affinity_config.as_ref();
            let seconds = config.and_then(|config| config.client_ip.as_ref()?.timeout_seconds);
            let client_ip = ClientIPConfig { timeout_seconds: seconds.or(Some(AFFINITY_SECONDS)) };
            spec.session_affinity_config = Some(SessionAffinityConfig { client_ip: Some(client_ip) });
        }
        _ => {}
    }
}

fn apply_to_port(port: &mut ServicePort) {
    text(&mut port.protocol, "TCP");
    let unset = match &port.target_port {
        None | Some(IntOrString::Int(0)) => true,
        Some(IntOrString::String(name)) => name.is_empty(),
        Some(IntOrString::Int(_)) => false,
    };
    if unset {
        port.target_port = Some(IntOrString::Int(port.port));
    }
}

fn apply_traffic(spec: &mut ServiceSpec) {
    let kind = spec.type_.as_deref().unwrap_or_default();
    let has_external_ips = !spec.external_ips.as_deref().unwrap_or_default().is_empty();
    if matches!(kind, "NodePort" | "LoadBalancer") || (kind == "ClusterIP" && has_external_ips) {
        text(&mut spec.external_traffic_policy, "Cluster");
    }
    if matches!(kind, "NodePort" | "LoadBalancer" | "ClusterIP") && spec.internal_traffic_policy.is_none() {
        spec.internal_traffic_policy = Some("Cluster".to_owned());
    }
    if kind == "LoadBalancer" {
        spec.allocate_load_balancer_node_ports.get_or_insert(true);
    }
}

/// One address given in the old field stands in the new one too.
fn apply_cluster_ips(spec: &mut ServiceSpec) {
    if let Some(ip) = spec.cluster_ip.as_ref().filter(|ip| !ip.is_empty())
        && spec.cluster_ips.as_deref().unwrap_or_default().is_empty()
    {
        spec.cluster_ips = Some(vec![ip.clone()]);
    }
}

fn apply_to_status(service: &mut Service) {
    if service.spec.as_ref().is_none_or(|spec| spec.type_.as_deref() != Some("LoadBalancer")) {
        return;
    }
    let status = service.status.as_mut().and_then(|status| status.load_balancer.as_mut());
    for ingress in status.into_iter().flat_map(|status| status.ingress.iter_mut().flatten()) {
        if ingress.ip.as_deref().is_some_and(|ip| !ip.is_empty()) && ingress.ip_mode.is_none() {
            ingress.ip_mode = Some("VIP".to_owned());
        }
    }
}
