//! An EndpointSlice of a Service: a new one, its labels, its owner.
//!
//! Follows `newEndpointSlice` and `setEndpointSliceLabels` of
//! `staging/src/k8s.io/endpointslice/utils.go` in kubernetes/kubernetes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::controllers::pod_endpoint::{HEADLESS, controller_ref, has_cluster_ip, name_prefix};

/// The label that names a slice's Service.
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// The label that names who keeps a slice.
pub(in super::super) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
/// What this controller's slices bear there.
pub(super) const CONTROLLER: &str = "endpointslice-controller.k8s.io";

/// A slice without endpoints.
pub(super) fn new(service: &Service, address_type: &str, ports: Vec<EndpointPort>) -> EndpointSlice {
    let name = service.metadata.name.as_deref().unwrap_or_default();
    let uid = service.metadata.uid.as_deref().unwrap_or_default();
    EndpointSlice {
        metadata: ObjectMeta {
            namespace: service.metadata.namespace.clone(),
            generate_name: Some(name_prefix(name)),
            labels: Some(labels(service)),
            owner_references: Some(vec![controller_ref("Service", name, uid)]),
            ..ObjectMeta::default()
        },
        address_type: address_type.to_owned(),
        endpoints: Some(Vec::new()),
        ports: Some(ports),
    }
}

/// The Service's labels, with those that are the slice's own.
pub(super) fn labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = not_reserved(service.metadata.labels.as_ref());
    if !service.spec.as_ref().is_some_and(has_cluster_ip) {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    labels.insert(SERVICE_NAME.to_owned(), service.metadata.name.clone().unwrap_or_default());
    labels.insert(MANAGED_BY.to_owned(), CONTROLLER.to_owned());
    labels
}

/// Whether the labels that come from the Service are still the Service's.
pub(super) fn labels_are_current(slice: &EndpointSlice, service: &Service) -> bool {
    not_reserved(slice.metadata.labels.as_ref()) == not_reserved(service.metadata.labels.as_ref())
}

fn not_reserved(labels: Option<&BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let mut labels = labels.cloned().unwrap_or_default();
    for reserved in [HEADLESS, SERVICE_NAME, MANAGED_BY] {
        labels.remove(reserved);
    }
    labels
}

/// Whether the slice is this Service's, and not that of one of the same name before it.
pub(super) fn is_owned_by(slice: &EndpointSlice, service: &Service) -> bool {
    let mut owners = slice.metadata.owner_references.iter().flatten();
    owners.any(|owner| {
        owner.api_version == "v1"
            && owner.kind == "Service"
            && Some(&owner.uid) == service.metadata.uid.as_ref()
    })
}

/// The slice's endpoints.
pub(in super::super) fn endpoints(slice: &EndpointSlice) -> &[Endpoint] {
    slice.endpoints.as_deref().unwrap_or_default()
}

/// The slice's ports.
pub(in super::super) fn ports(slice: &EndpointSlice) -> &[EndpointPort] {
    slice.ports.as_deref().unwrap_or_default()
}
