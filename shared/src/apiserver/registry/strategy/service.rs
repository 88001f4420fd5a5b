//! What becomes of the fields of a Service that depend on its type when it changes.
//!
//! Follows `pkg/registry/core/service/strategy.go` (`dropTypeDependentFields`) and
//! `pkg/registry/core/service/storage/storage.go` (`patchAllocatedValues`, `normalizeClusterIPs`)
//! of kubernetes/kubernetes.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{LoadBalancerStatus, Service, ServicePort, ServiceSpec};

/// Keeps and clears what the client left to the server.
pub(super) fn prepare_for_update(new: &mut Service, old: &Service) {
    new.status.clone_from(&old.status);
    let (Some(spec), Some(before)) = (&mut new.spec, &old.spec) else { return };
    keep_allocated(spec, before);
    join_cluster_ips(spec, before);
    drop_type_dependent(spec, before);
    if !is_load_balancer(spec) {
        new.status.get_or_insert_default().load_balancer = Some(LoadBalancerStatus::default());
    }
}

fn kind(spec: &ServiceSpec) -> &str {
    spec.type_.as_deref().unwrap_or_default()
}

fn is_load_balancer(spec: &ServiceSpec) -> bool {
    kind(spec) == "LoadBalancer"
}

/// Whether the type has a cluster IP, be it `None`.
pub(crate) fn needs_cluster_ip(spec: &ServiceSpec) -> bool {
    kind(spec) != "ExternalName"
}

/// Whether the type has node ports.
pub(crate) fn needs_node_ports(spec: &ServiceSpec) -> bool {
    matches!(kind(spec), "NodePort" | "LoadBalancer")
}

/// Whether load balancers ask a port of every node for its health.
pub(crate) fn needs_health_check(spec: &ServiceSpec) -> bool {
    is_load_balancer(spec) && spec.external_traffic_policy.as_deref() == Some("Local")
}

fn is_externally_accessible(spec: &ServiceSpec) -> bool {
    let has_external_ips = spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty());
    needs_node_ports(spec) || (kind(spec) == "ClusterIP" && has_external_ips)
}

fn cluster_ip(spec: &ServiceSpec) -> &str {
    spec.cluster_ip.as_deref().unwrap_or_default()
}

fn cluster_ips(spec: &ServiceSpec) -> &[String] {
    spec.cluster_ips.as_deref().unwrap_or_default()
}

fn node_ports(spec: &ServiceSpec) -> BTreeSet<i32> {
    spec.ports.iter().flatten().filter_map(|port| port.node_port).filter(|port| *port != 0).collect()
}

/// An update that names no address means the one that the service has.
fn keep_allocated(new: &mut ServiceSpec, old: &ServiceSpec) {
    if needs_cluster_ip(new) && needs_cluster_ip(old) {
        if cluster_ip(new).is_empty() {
            new.cluster_ip.clone_from(&old.cluster_ip);
        }
        if cluster_ips(new).is_empty() {
            new.cluster_ips.clone_from(&old.cluster_ips);
        }
    }
    if needs_node_ports(new) && needs_node_ports(old) {
        keep_node_ports(new, old);
    }
    if needs_health_check(new) && needs_health_check(old) && new.health_check_node_port.unwrap_or(0) == 0 {
        new.health_check_node_port = old.health_check_node_port;
    }
}

/// A port without a node port has the one that the port of its name had, unless another has that now.
fn keep_node_ports(new: &mut ServiceSpec, old: &ServiceSpec) {
    let used: BTreeSet<i32> = node_ports(old).intersection(&node_ports(new)).copied().collect();
    let name = |port: &ServicePort| port.name.clone().unwrap_or_default();
    let ports = old.ports.iter().flatten().filter_map(|port| Some((name(port), port.node_port?)));
    let by_name: BTreeMap<String, i32> = ports.collect();
    for port in new.ports.iter_mut().flatten().filter(|port| port.node_port.unwrap_or(0) == 0) {
        port.node_port = by_name.get(&name(port)).copied().filter(|number| !used.contains(number));
    }
}

/// A client that knows only `clusterIP` means `clusterIPs` too.
fn join_cluster_ips(new: &mut ServiceSpec, old: &ServiceSpec) {
    if cluster_ip(new) == cluster_ip(old) {
        if cluster_ips(new).is_empty() {
            new.cluster_ips.clone_from(&old.cluster_ips);
        }
    } else if cluster_ips(new) == cluster_ips(old) {
        let given = new.cluster_ip.clone().filter(|ip| !ip.is_empty());
        new.cluster_ips = given.map(|ip| vec![ip]);
    }
}

/// Clears what the new type has no use for, unless the client changed it as well: then validation
/// says so.
fn drop_type_dependent(new: &mut ServiceSpec, old: &ServiceSpec) {
    if needs_cluster_ip(old) && !needs_cluster_ip(new) {
        drop_addresses(new, old);
    }
    if needs_node_ports(old) && !needs_node_ports(new) && node_ports(old).is_superset(&node_ports(new)) {
        new.ports.iter_mut().flatten().for_each(|port| port.node_port = None);
    }
    if needs_health_check(old) && !needs_health_check(new) {
        drop_if_same(&mut new.health_check_node_port, &old.health_check_node_port);
    }
    if is_load_balancer(old) && !is_load_balancer(new) {
        drop_if_same(&mut new.allocate_load_balancer_node_ports, &old.allocate_load_balancer_node_ports);
        drop_if_same(&mut new.load_balancer_class, &old.load_balancer_class);
    }
    if is_externally_accessible(old) && !is_externally_accessible(new) {
        drop_if_same(&mut new.external_traffic_policy, &old.external_traffic_policy);
    }
}

fn drop_addresses(new: &mut ServiceSpec, old: &ServiceSpec) {
    if cluster_ip(new) == cluster_ip(old) && cluster_ips(new) == cluster_ips(old) {
        new.cluster_ip = None;
        new.cluster_ips = None;
    }
    drop_if_same(&mut new.ip_families, &old.ip_families);
    drop_if_same(&mut new.ip_family_policy, &old.ip_family_policy);
}

fn drop_if_same<T: PartialEq>(new: &mut Option<T>, old: &Option<T>) {
    if new == old {
        *new = None;
    }
}
