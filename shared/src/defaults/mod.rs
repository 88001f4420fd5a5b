//! The values that fields have when nobody gave them.
//!
//! Each kind's defaults stand in the file named after it; [`KINDS`] lists them. Applying them twice
//! is applying them once. Follows kubernetes `pkg/apis/*/v1/defaults.go` and the `+default` markers of
//! the API's types; what upstream does elsewhere (in conversions or strategies) is marked where it stands.

mod deployment;
mod endpoint_slice;
mod endpoints;
mod ingress_class;
mod namespace;
mod network_policy;
mod node;
mod persistent_volume;
mod pod;
mod quantity;
mod replica_set;
mod secret;
mod service;

#[cfg(test)]
mod tests;

pub(crate) use namespace::label_with_name;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{IngressClass, NetworkPolicy};
use k8s_openapi::api::storage::v1::StorageClass;

use crate::api::object::ApiObject;

/// A kind whose objects have defaults.
trait Defaults: ApiObject + Sized {
    /// Fills in what is missing.
    fn apply(&mut self);
}

/// The kinds that have defaults; objects of other kinds are what their authors made them.
const KINDS: &[fn(&mut dyn ApiObject)] = &[
    apply_to::<core::Endpoints>,
    apply_to::<core::Namespace>,
    apply_to::<core::Node>,
    apply_to::<core::PersistentVolume>,
    apply_to::<core::PersistentVolumeClaim>,
    apply_to::<core::Pod>,
    apply_to::<core::Secret>,
    apply_to::<core::Service>,
    apply_to::<Deployment>,
    apply_to::<ReplicaSet>,
    apply_to::<EndpointSlice>,
    apply_to::<IngressClass>,
    apply_to::<NetworkPolicy>,
    apply_to::<StorageClass>,
];

fn apply_to<K: Defaults>(object: &mut dyn ApiObject) {
    if let Some(object) = object.downcast_mut::<K>() {
        object.apply();
    }
}

/// Fills in what is missing from an object.
pub fn apply(object: &mut dyn ApiObject) {
    for kind in KINDS {
        kind(object);
    }
}

/// Sets a field that is absent or, as Go cannot tell them apart, empty.
fn text(field: &mut Option<String>, default: &str) {
    if field.as_deref().unwrap_or_default().is_empty() {
        *field = Some(default.to_owned());
    }
}

/// Sets a number that is absent or, as Go cannot tell them apart, zero.
fn number(field: &mut Option<i32>, default: i32) {
    if field.unwrap_or_default() == 0 {
        *field = Some(default);
    }
}
