//! ConfigMaps.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidateConfigMap`).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;

use super::Rules;
use super::field::{Error, ErrorList, Path};
use super::metadata::{Scope, validate_metadata, validate_metadata_update};
use super::names;

/// How many bytes of data a ConfigMap or Secret may hold.
pub(super) const DATA_MAX_BYTES: usize = 1024 * 1024;
/// The sentence for a field that was sealed by `immutable: true`.
pub(super) const SEALED: &str = "field is immutable when `immutable` is set";

impl Rules for ConfigMap {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Namespaced, names::name_is_dns_subdomain);
        let mut bytes = 0;
        for (key, value) in self.data.iter().flatten() {
            let path = Path::root("data").key(key);
            errors.invalid_each(&path, key.as_str(), names::config_map_key(key));
            if self.binary_data.as_ref().is_some_and(|data| data.contains_key(key)) {
                errors.invalid(&path, key.as_str(), "duplicate of key present in binaryData");
            }
            bytes += value.len();
        }
        for (key, value) in self.binary_data.iter().flatten() {
            let path = Path::root("binaryData").key(key);
            errors.invalid_each(&path, key.as_str(), names::config_map_key(key));
            bytes += value.0.len();
        }
        if bytes > DATA_MAX_BYTES {
            errors.push(Error::too_long(&Path::root(""), DATA_MAX_BYTES));
        }
        errors
    }

    fn validate_update(&self, old: &ConfigMap) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        if old.immutable == Some(true) {
            if self.immutable != Some(true) {
                errors.forbidden(&Path::root("immutable"), SEALED);
            }
            validate_same(&mut errors, &self.data, &old.data, "data");
            validate_same(&mut errors, &self.binary_data, &old.binary_data, "binaryData");
        }
        errors.extend(self.validate());
        errors
    }

    fn validate_status_update(&self, old: &ConfigMap) -> ErrorList {
        self.validate_update(old)
    }
}

type Entries<V> = Option<BTreeMap<String, V>>;

/// Requires sealed data to be what it was; no data and empty data are the same.
pub(super) fn validate_same<V: PartialEq>(
    errors: &mut ErrorList,
    new: &Entries<V>,
    old: &Entries<V>,
    field: &str,
) {
    if !new.iter().flatten().eq(old.iter().flatten()) {
        errors.forbidden(&Path::root(field), SEALED);
    }
}
