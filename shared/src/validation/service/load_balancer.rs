//! A service's load balancer: what is asked of it and what it reports.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidateService`, `ValidateLoadBalancerStatus`).

use k8s_openapi::api::core::v1::{LoadBalancerIngress, Service, ServiceSpec};

use super::super::addresses::{validate_cidr, validate_ip};
use super::super::field::{ErrorList, Path};
use super::super::names;
use super::kind;

const ONLY_LOAD_BALANCER: &str = "may only be used when `type` is 'LoadBalancer'";

/// Rules of the fields that only services of type `LoadBalancer` have; `path` leads to the spec.
pub(super) fn validate(errors: &mut ErrorList, spec: &ServiceSpec, path: &Path) {
    let balanced = kind(spec) == "LoadBalancer";
    let ranges = spec.load_balancer_source_ranges.as_deref().unwrap_or_default();
    let ranges_path = path.child("LoadBalancerSourceRanges");
    if !ranges.is_empty() && !balanced {
        errors.forbidden(&ranges_path, ONLY_LOAD_BALANCER);
    }
    for (index, range) in ranges.iter().enumerate() {
        validate_cidr(errors, &ranges_path.index(index), range.trim());
    }
    match (balanced, spec.allocate_load_balancer_node_ports) {
        (false, Some(_)) => {
            errors.forbidden(&path.child("allocateLoadBalancerNodePorts"), ONLY_LOAD_BALANCER)
        }
        (true, None) => errors.required(&Path::root("allocateLoadBalancerNodePorts"), ""),
        _ => {}
    }
    let class_path = path.child("loadBalancerClass");
    match spec.load_balancer_class.as_deref() {
        Some(class) if balanced => errors.invalid_each(&class_path, class, names::qualified_name(class)),
        Some(_) => errors.forbidden(&class_path, ONLY_LOAD_BALANCER),
        None => {}
    }
}

/// Rules of the addresses that a load balancer got.
pub(super) fn validate_status(errors: &mut ErrorList, service: &Service) {
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = status.and_then(|status| status.ingress.as_deref()).unwrap_or_default();
    let path = Path::root("status").child("loadBalancer").child("ingress");
    let balanced = service.spec.as_ref().is_some_and(|spec| kind(spec) == "LoadBalancer");
    if !balanced && !ingress.is_empty() {
        return errors.forbidden(&path, "may only be used when `spec.type` is 'LoadBalancer'");
    }
    for (index, entry) in ingress.iter().enumerate() {
        validate_ingress(errors, entry, &path.index(index));
    }
}

fn validate_ingress(errors: &mut ErrorList, ingress: &LoadBalancerIngress, path: &Path) {
    let ip = ingress.ip.as_deref().unwrap_or_default();
    if !ip.is_empty() {
        validate_ip(errors, &path.child("ip"), ip);
    }
    let mode_path = path.child("ipMode");
    match ingress.ip_mode.as_deref() {
        None if !ip.is_empty() => errors.required(&mode_path, "must be specified when `ip` is set"),
        Some(_) if ip.is_empty() => errors.forbidden(&mode_path, "may not be specified when `ip` is not set"),
        Some(mode) if !["Proxy", "VIP"].contains(&mode) => {
            errors.not_supported(&mode_path, mode, &["Proxy", "VIP"]);
        }
        _ => {}
    }
    let host = ingress.hostname.as_deref().unwrap_or_default();
    if !host.is_empty() {
        errors.invalid_each(&path.child("hostname"), host, names::dns_1123_subdomain(host));
        if host.parse::<std::net::IpAddr>().is_ok() {
            errors.invalid(&path.child("hostname"), host, "must be a DNS name, not an IP address");
        }
    }
}
