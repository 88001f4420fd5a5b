//! What an object must be, and how it may change: upstream's rules in upstream's words.
//!
//! Each kind's rules stand in the file named after it. Every function returns all
//! that is wrong, not only the first. Follows kubernetes `pkg/apis/*/validation/validation.go`.

mod addresses;
pub(crate) mod amount;
mod diff;
mod error_list;
pub mod field;
mod labels;
mod metadata;
pub mod names;
mod path;
mod resources;

mod binding;
mod config_map;
mod deployment;
mod endpoint_slice;
mod endpoints;
mod event;
mod ingress;
mod ingress_class;
mod lease;
mod namespace;
mod network_policy;
mod node;
mod persistent_volume;
mod persistent_volume_claim;
pub(crate) mod pod;
pub mod pod_log_options;
mod replica_set;
mod scale;
mod secret;
mod service;
mod service_account;
mod storage_class;
mod workload;

pub mod unsupported;
pub mod warnings;

#[cfg(test)]
mod tests;

pub use binding::validate_binding;
pub use scale::validate_scale;
pub(crate) use service::validate_cluster_ips;
pub use unsupported::unsupported_fields;
pub use warnings::warnings;

use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    coordination::v1::Lease,
    core::v1 as core,
    discovery::v1::EndpointSlice,
    events::v1 as events,
    networking::v1::{Ingress, IngressClass, NetworkPolicy},
    storage::v1::StorageClass,
};

use crate::api::object::ApiObject;
use field::{Error, ErrorList, Path};

/// The rules of one kind.
trait Rules: ApiObject + Sized {
    /// What is wrong with a new object, its defaults applied and its name generated.
    fn validate(&self) -> ErrorList;

    /// What is wrong with this object as the successor of `old`.
    fn validate_update(&self, old: &Self) -> ErrorList;

    /// What is wrong with this object as the successor of `old` when only the status may change.
    fn validate_status_update(&self, old: &Self) -> ErrorList;
}

fn create<K: Rules>(object: &dyn ApiObject) -> Option<ErrorList> {
    object.downcast_ref::<K>().map(Rules::validate)
}

fn update<K: Rules>(new: &dyn ApiObject, old: &dyn ApiObject) -> Option<ErrorList> {
    Some(new.downcast_ref::<K>()?.validate_update(old.downcast_ref()?))
}

fn status<K: Rules>(new: &dyn ApiObject, old: &dyn ApiObject) -> Option<ErrorList> {
    Some(new.downcast_ref::<K>()?.validate_status_update(old.downcast_ref()?))
}

/// The same rule of every kind that has rules. A kind that is missing here cannot be written.
macro_rules! of_every_kind {
    ($rule:ident) => {
        &[
            $rule::<core::ConfigMap>,
            $rule::<core::Endpoints>,
            $rule::<core::Event>,
            $rule::<core::Namespace>,
            $rule::<core::Node>,
            $rule::<core::PersistentVolume>,
            $rule::<core::PersistentVolumeClaim>,
            $rule::<core::Pod>,
            $rule::<core::Secret>,
            $rule::<core::Service>,
            $rule::<core::ServiceAccount>,
            $rule::<events::Event>,
            $rule::<Deployment>,
            $rule::<ReplicaSet>,
            $rule::<Lease>,
            $rule::<EndpointSlice>,
            $rule::<Ingress>,
            $rule::<IngressClass>,
            $rule::<NetworkPolicy>,
            $rule::<StorageClass>,
        ]
    };
}

/// A rule for one object of a kind known only at run time; `None` for objects of other kinds.
type Alone = fn(&dyn ApiObject) -> Option<ErrorList>;
/// A rule for an object and its predecessor.
type Successor = fn(&dyn ApiObject, &dyn ApiObject) -> Option<ErrorList>;

// Three tables and not one, since the page needs the first alone and should not have to load the others.
const CREATE: &[Alone] = of_every_kind!(create);
const UPDATE: &[Successor] = of_every_kind!(update);
const STATUS: &[Successor] = of_every_kind!(status);

/// What is wrong with a new object, its defaults applied and its name generated.
pub fn validate_create(object: &dyn ApiObject) -> ErrorList {
    CREATE.iter().find_map(|rule| rule(object)).unwrap_or_else(|| without_rules(object))
}

/// What is wrong with `new` as the successor of `old`.
pub fn validate_update(new: &dyn ApiObject, old: &dyn ApiObject) -> ErrorList {
    UPDATE.iter().find_map(|rule| rule(new, old)).unwrap_or_else(|| without_rules(new))
}

/// What is wrong with `new` as the successor of `old` when only the status may change.
pub fn validate_status_update(new: &dyn ApiObject, old: &dyn ApiObject) -> ErrorList {
    STATUS.iter().find_map(|rule| rule(new, old)).unwrap_or_else(|| without_rules(new))
}

/// What is wrong with `new` as the successor of `old` when only a pod's ephemeral containers may change.
pub fn validate_ephemeral_containers_update(new: &dyn ApiObject, old: &dyn ApiObject) -> ErrorList {
    match (new.downcast_ref(), old.downcast_ref()) {
        (Some(new), Some(old)) => pod::validate_ephemeral_containers_update(new, old),
        _ => without_rules(new),
    }
}

fn without_rules(object: &dyn ApiObject) -> ErrorList {
    let detail = format!("no validation for {}, Kind={}", object.api_version(), object.kind());
    Error::internal(&Path::root(""), detail).into()
}
