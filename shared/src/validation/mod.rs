//! What an object must be, and how it may change: upstream's rules in upstream's words.
//!
//! Each kind's rules stand in the file named after it; [`KINDS`] lists them. Every function returns all
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
mod event;
mod lease;
mod namespace;
mod node;
pub(crate) mod pod;
pub mod pod_log_options;
mod secret;
mod service;
mod service_account;

pub mod unsupported;
pub mod warnings;

#[cfg(test)]
mod tests;

pub use binding::validate_binding;
pub use unsupported::unsupported_fields;
pub use warnings::warnings;

use k8s_openapi::api::{coordination::v1::Lease, core::v1 as core, events::v1 as events};

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

/// A kind's rules, for objects whose kind is known only at run time; `None` for objects of other kinds.
struct Kind {
    create: fn(&dyn ApiObject) -> Option<ErrorList>,
    update: fn(&dyn ApiObject, &dyn ApiObject) -> Option<ErrorList>,
    status: fn(&dyn ApiObject, &dyn ApiObject) -> Option<ErrorList>,
}

impl Kind {
    const fn of<K: Rules>() -> Kind {
        Kind { create: create::<K>, update: update::<K>, status: status::<K> }
    }
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

/// The kinds that have rules. A kind that is missing here cannot be written.
const KINDS: &[Kind] = &[
    Kind::of::<core::ConfigMap>(),
    Kind::of::<core::Event>(),
    Kind::of::<core::Namespace>(),
    Kind::of::<core::Node>(),
    Kind::of::<core::Pod>(),
    Kind::of::<core::Secret>(),
    Kind::of::<core::Service>(),
    Kind::of::<core::ServiceAccount>(),
    Kind::of::<events::Event>(),
    Kind::of::<Lease>(),
];

/// What is wrong with a new object, its defaults applied and its name generated.
pub fn validate_create(object: &dyn ApiObject) -> ErrorList {
    KINDS.iter().find_map(|kind| (kind.create)(object)).unwrap_or_else(|| without_rules(object))
}

/// What is wrong with `new` as the successor of `old`.
pub fn validate_update(new: &dyn ApiObject, old: &dyn ApiObject) -> ErrorList {
    KINDS.iter().find_map(|kind| (kind.update)(new, old)).unwrap_or_else(|| without_rules(new))
}

/// What is wrong with `new` as the successor of `old` when only the status may change.
pub fn validate_status_update(new: &dyn ApiObject, old: &dyn ApiObject) -> ErrorList {
    KINDS.iter().find_map(|kind| (kind.status)(new, old)).unwrap_or_else(|| without_rules(new))
}

fn without_rules(object: &dyn ApiObject) -> ErrorList {
    let detail = format!("no validation for {}, Kind={}", object.api_version(), object.kind());
    Error::internal(&Path::root(""), detail).into()
}
