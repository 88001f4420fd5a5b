//! What the controllers of endpoints read from a pod and its Service.
//!
//! Follows `staging/src/k8s.io/endpointslice/util/controller_utils.go` and
//! `staging/src/k8s.io/endpointslice/utils.go` of kubernetes/kubernetes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{
    Container, ObjectReference, Pod, PodCondition, Service, ServicePort, ServiceSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::validation::names;

/// The label of endpoints whose Service has no address of its own.
pub(super) const HEADLESS: &str = "service.kubernetes.io/headless";
/// The annotation that says when that changed which the endpoints changed for.
pub(super) const LAST_CHANGE_TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// The Service's selector, where its endpoints are for controllers to find.
pub(super) fn selector(spec: &ServiceSpec) -> Option<&BTreeMap<String, String>> {
    let selector = spec.selector.as_ref().filter(|selector| !selector.is_empty());
    selector.filter(|_| spec.type_.as_deref() != Some("ExternalName"))
}

/// Whether the Service has an address of its own.
pub(super) fn has_cluster_ip(spec: &ServiceSpec) -> bool {
    !matches!(spec.cluster_ip.as_deref(), None | Some("" | "None"))
}

/// Whether pods are published though they are not ready.
pub(super) fn publishes_not_ready(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| spec.publish_not_ready_addresses == Some(true))
}

/// The pod's condition of readiness.
pub(super) fn ready_condition(pod: &Pod) -> Option<&PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == "Ready")
}

/// Whether the pod says that it is ready.
pub(super) fn is_ready(pod: &Pod) -> bool {
    ready_condition(pod).is_some_and(|condition| condition.status == "True")
}

/// Whether all of the pod's containers have ended for good.
pub(super) fn is_terminal(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Failed" | "Succeeded"))
}

/// The pod's addresses.
pub(super) fn addresses(pod: &Pod) -> Vec<IpAddr> {
    let Some(status) = &pod.status else { return Vec::new() };
    let all = status.pod_ips.iter().flatten().map(|address| address.ip.as_str());
    all.filter_map(|address| address.parse().ok()).collect()
}

/// The name of the pod's node, where it has one.
pub(super) fn node_name(pod: &Pod) -> Option<&str> {
    let node = pod.spec.as_ref()?.node_name.as_deref();
    node.filter(|node| !node.is_empty())
}

/// Whether the pod belongs into endpoints at all (`ShouldPodBeInEndpoints`).
pub(super) fn belongs(pod: &Pod, with_terminating: bool) -> bool {
    let going = pod.metadata.deletion_timestamp.is_some();
    !is_terminal(pod) && !addresses(pod).is_empty() && (with_terminating || !going)
}

/// The pod's name in the DNS below that of the Service, where it asks for one (`ShouldSetHostname`).
pub(super) fn hostname(pod: &Pod, service: &Service) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let below =
        spec.subdomain == service.metadata.name && pod.metadata.namespace == service.metadata.namespace;
    spec.hostname.clone().filter(|hostname| below && !hostname.is_empty())
}

/// The reference from an endpoint to its pod.
pub(super) fn target_ref(pod: &Pod) -> ObjectReference {
    ObjectReference {
        kind: Some("Pod".into()),
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}

/// The number that a Service's port has in this pod, `None` where no container has a port of the
/// name (`FindPort`).
pub(super) fn port_number(pod: &Pod, port: &ServicePort) -> Option<i32> {
    let name = match port.target_port.as_ref()? {
        IntOrString::Int(number) => return Some(*number),
        IntOrString::String(name) => name,
    };
    let spec = pod.spec.as_ref()?;
    let sidecars = spec.init_containers.iter().flatten();
    let sidecars = sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    let ports = |container: &Container| container.ports.clone().unwrap_or_default();
    let mut ports = spec.containers.iter().chain(sidecars).flat_map(ports);
    let found = ports.find(|found| found.name.as_ref() == Some(name) && found.protocol == port.protocol);
    found.map(|found| found.container_port)
}

/// What names of an object's slices begin with: no dash where the name is too long for one.
pub(super) fn name_prefix(name: &str) -> String {
    let prefix = format!("{name}-");
    match names::name_is_dns_subdomain(&prefix, true).is_empty() {
        true => prefix,
        false => name.to_owned(),
    }
}

/// The reference to the object that controls a slice.
pub(super) fn controller_ref(kind: &str, name: &str, uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: "v1".into(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}
