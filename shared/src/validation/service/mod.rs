//! Services.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidateService`, `ValidateServiceUpdate`)
//! and `pkg/api/service/util.go`.

mod addresses;
mod load_balancer;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::json;

use super::Rules;
use super::addresses::{validate_ip, validate_non_special_ip};
use super::field::{ErrorList, Path};
use super::labels::validate_labels;
use super::metadata::{Scope, validate_metadata, validate_metadata_update, value_of};
use super::names;
use super::pod::{PROTOCOLS, validate_port};

const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const AFFINITY_MAX_SECONDS: i32 = 86400;

impl Rules for Service {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Namespaced, names::name_is_dns_1035_label);
        let empty = ServiceSpec::default();
        validate_spec(&mut errors, self.spec.as_ref().unwrap_or(&empty));
        errors
    }

    fn validate_update(&self, old: &Service) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        let empty = ServiceSpec::default();
        let (spec, before) = (self.spec.as_ref().unwrap_or(&empty), old.spec.as_ref().unwrap_or(&empty));
        validate_spec_update(&mut errors, spec, before);
        errors.extend(self.validate());
        errors
    }

    fn validate_status_update(&self, old: &Service) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        load_balancer::validate_status(&mut errors, self);
        errors
    }
}

fn kind(spec: &ServiceSpec) -> &str {
    spec.type_.as_deref().unwrap_or_default()
}

fn cluster_ips(spec: &ServiceSpec) -> &[String] {
    spec.cluster_ips.as_deref().unwrap_or_default()
}

fn is_headless(spec: &ServiceSpec) -> bool {
    cluster_ips(spec) == ["None"]
}

/// Whether traffic from outside of the cluster can reach the service.
fn is_externally_accessible(spec: &ServiceSpec) -> bool {
    let has_external_ips = !spec.external_ips.as_deref().unwrap_or_default().is_empty();
    match kind(spec) {
        "LoadBalancer" | "NodePort" => true,
        other => other == "ClusterIP" && has_external_ips,
    }
}

fn needs_health_check(spec: &ServiceSpec) -> bool {
    kind(spec) == "LoadBalancer" && spec.external_traffic_policy.as_deref() == Some("Local")
}

fn validate_spec(errors: &mut ErrorList, spec: &ServiceSpec) {
    let path = Path::root("spec");
    let ports = spec.ports.as_deref().unwrap_or_default();
    if ports.is_empty() && !is_headless(spec) && kind(spec) != "ExternalName" {
        errors.required(&path.child("ports"), "");
    }
    validate_headless(errors, spec, &path);
    if kind(spec) == "ExternalName" {
        validate_external_name(errors, spec, &path);
    }
    validate_ports(errors, spec, &path.child("ports"));
    validate_labels(errors, spec.selector.iter().flatten(), &path.child("selector"));
    validate_affinity(errors, spec, &path);
    if kind(spec) != "ExternalName" {
        addresses::validate(errors, spec, &path);
    }
    validate_external_ips(errors, spec, &path.child("externalIPs"));
    errors.one_of(&path.child("type"), kind(spec), &TYPES);
    validate_node_ports(errors, spec, &path.child("ports"));
    validate_unique_ports(errors, ports, &path.child("ports"));
    load_balancer::validate(errors, spec, &path);
    validate_traffic(errors, spec, &path);
}

/// What is wrong with a service's own addresses and their families.
pub(crate) fn validate_cluster_ips(spec: &ServiceSpec) -> ErrorList {
    let mut errors = ErrorList::new();
    addresses::validate(&mut errors, spec, &Path::root("spec"));
    errors
}

fn validate_headless(errors: &mut ErrorList, spec: &ServiceSpec, path: &Path) {
    if is_headless(spec) && ["LoadBalancer", "NodePort"].contains(&kind(spec)) {
        let message = format!("may not be set to 'None' for {} services", kind(spec));
        errors.invalid(&path.child("clusterIPs").index(0), "None", message);
    }
}

fn validate_external_name(errors: &mut ErrorList, spec: &ServiceSpec, path: &Path) {
    let fields = [
        ("clusterIPs", !cluster_ips(spec).is_empty()),
        ("ipFamilies", !spec.ip_families.as_deref().unwrap_or_default().is_empty()),
        ("ipFamilyPolicy", spec.ip_family_policy.is_some()),
    ];
    for (name, _) in fields.into_iter().filter(|(_, set)| *set) {
        errors.forbidden(&path.child(name), "may not be set for ExternalName services");
    }
    let name = spec.external_name.as_deref().unwrap_or_default();
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        errors.required(&path.child("externalName"), "");
    } else {
        errors.invalid_each(&path.child("externalName"), name, names::dns_1123_subdomain(name));
    }
}

fn validate_ports(errors: &mut ErrorList, spec: &ServiceSpec, path: &Path) {
    let ports = spec.ports.as_deref().unwrap_or_default();
    let mut seen = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        let name = port.name.as_deref().unwrap_or_default();
        if !name.is_empty() {
            errors.invalid_each(&path.child("name"), name, names::dns_1123_label(name));
            if !seen.insert(name) {
                errors.duplicate(&path.child("name"), name);
            }
        } else if ports.len() > 1 {
            errors.required(&path.child("name"), "");
        }
        validate_port_of_service(errors, port, &path);
    }
}

fn validate_port_of_service(errors: &mut ErrorList, port: &ServicePort, path: &Path) {
    errors.invalid_each(&path.child("port"), port.port, names::port_number(port.port));
    let protocol = port.protocol.as_deref().unwrap_or_default();
    errors.one_of(&path.child("protocol"), protocol, &PROTOCOLS);
    let target = port.target_port.clone().unwrap_or(IntOrString::Int(0));
    validate_port(errors, &target, &path.child("targetPort"));
    if let Some(protocol) = port.app_protocol.as_deref() {
        errors.invalid_each(&path.child("appProtocol"), protocol, names::qualified_name(protocol));
    }
}

fn validate_affinity(errors: &mut ErrorList, spec: &ServiceSpec, path: &Path) {
    let affinity = spec.session_affinity.as_deref().unwrap_or_default();
    errors.one_of(&path.child("sessionAffinity"), affinity, &["ClientIP", "None"]);
    let path = path.child("sessionAffinityConfig");
    let config = spec.session_affinity_config.as_ref();
    if affinity == "None" && config.is_some() {
        errors.forbidden(&path, "must not be set when session affinity is None");
    }
    if affinity != "ClientIP" {
        return;
    }
    let message = "when session affinity type is ClientIP";
    let Some(config) = config else { return errors.required(&path, message) };
    let path = path.child("clientIP");
    let Some(client) = &config.client_ip else { return errors.required(&path, message) };
    let path = path.child("timeoutSeconds");
    match client.timeout_seconds {
        None => errors.required(&path, message),
        Some(seconds) if !(1..=AFFINITY_MAX_SECONDS).contains(&seconds) => {
            let message = format!("must be greater than 0 and less than {AFFINITY_MAX_SECONDS}");
            errors.invalid(&path, seconds, message);
        }
        Some(_) => {}
    }
}

fn validate_external_ips(errors: &mut ErrorList, spec: &ServiceSpec, path: &Path) {
    for (index, ip) in spec.external_ips.iter().flatten().enumerate() {
        let path = path.index(index);
        validate_ip(errors, &path, ip);
        validate_non_special_ip(errors, &path, ip);
    }
}

fn validate_node_ports(errors: &mut ErrorList, spec: &ServiceSpec, path: &Path) {
    let mut seen = BTreeSet::new();
    for (index, port) in spec.ports.iter().flatten().enumerate() {
        let Some(number) = port.node_port.filter(|number| *number != 0) else { continue };
        let path = path.index(index).child("nodePort");
        if kind(spec) == "ClusterIP" {
            errors.forbidden(&path, "may not be used when `type` is 'ClusterIP'");
        }
        if !seen.insert((&port.protocol, number)) {
            errors.duplicate(&path, number);
        }
    }
}

fn validate_unique_ports(errors: &mut ErrorList, ports: &[ServicePort], path: &Path) {
    let mut seen = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        if !seen.insert((&port.protocol, port.port)) {
            let shown = json!({
                "Name": "", "Protocol": port.protocol, "AppProtocol": null,
                "Port": port.port, "TargetPort": 0, "NodePort": 0,
            });
            errors.duplicate(&path.index(index), shown);
        }
    }
}

fn validate_traffic(errors: &mut ErrorList, spec: &ServiceSpec, path: &Path) {
    validate_external_traffic(errors, spec, path);
    validate_health_check(errors, spec, &path.child("healthCheckNodePort"));
    let internal_path = path.child("internalTrafficPolicy");
    match spec.internal_traffic_policy.as_deref() {
        None if ["ClusterIP", "NodePort", "LoadBalancer"].contains(&kind(spec)) => {
            errors.required(&internal_path, "");
        }
        Some(policy) if !["Cluster", "Local"].contains(&policy) => {
            errors.not_supported(&internal_path, policy, &["Cluster", "Local"]);
        }
        _ => {}
    }
    let supported = ["PreferClose", "PreferSameNode", "PreferSameZone"];
    if let Some(wish) = spec.traffic_distribution.as_deref().filter(|wish| !supported.contains(wish)) {
        errors.not_supported(&path.child("trafficDistribution"), wish, &supported);
    }
}

fn validate_external_traffic(errors: &mut ErrorList, spec: &ServiceSpec, path: &Path) {
    let path = path.child("externalTrafficPolicy");
    let policy = spec.external_traffic_policy.as_deref().unwrap_or_default();
    if is_externally_accessible(spec) {
        errors.one_of(&path, policy, &["Cluster", "Local"]);
    } else if !policy.is_empty() {
        errors.invalid(&path, policy, "may only be set for externally-accessible services");
    }
}

fn validate_health_check(errors: &mut ErrorList, spec: &ServiceSpec, path: &Path) {
    let port = spec.health_check_node_port.unwrap_or_default();
    match (needs_health_check(spec), port) {
        (false, 0) => {}
        (false, port) => {
            let message =
                "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
            errors.invalid(path, port, message);
        }
        (true, 0) => errors.required(path, ""),
        (true, port) => errors.invalid_each(path, port, names::port_number(port)),
    }
}

fn validate_spec_update(errors: &mut ErrorList, new: &ServiceSpec, old: &ServiceSpec) {
    let path = Path::root("spec");
    if kind(new) != "ExternalName" && kind(old) != "ExternalName" {
        if !(is_headless(new) && is_headless(old)) {
            addresses::validate_update(errors, new, old, &path);
        }
        if !is_headless(new) && !is_headless(old) {
            addresses::validate_families_update(errors, new, old, &path);
        }
    }
    let both_balanced = kind(new) == "LoadBalancer" && kind(old) == "LoadBalancer";
    if both_balanced && new.load_balancer_class != old.load_balancer_class {
        let shown = value_of(&new.load_balancer_class);
        errors.invalid(&path.child("loadBalancerClass"), shown, "may not change once set");
    }
    let both_checked = needs_health_check(new) && needs_health_check(old);
    if both_checked && new.health_check_node_port != old.health_check_node_port {
        errors.forbidden(&path.child("healthCheckNodePort"), "field is immutable");
    }
}
