//! Secrets, and what each type of them must hold.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidateSecret`).

use k8s_openapi::api::core::v1::Secret;
use serde_json::{Map, Value};

use super::Rules;
use super::config_map::{DATA_MAX_BYTES, SEALED, validate_same};
use super::field::{Error, ErrorList, Path};
use super::metadata::{Scope, validate_metadata, validate_metadata_update};
use super::names;

const ACCOUNT_ANNOTATION: &str = "kubernetes.io/service-account.name";

impl Rules for Secret {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Namespaced, names::name_is_dns_subdomain);
        let path = Path::root("data");
        let mut bytes = 0;
        for (key, value) in self.data.iter().flatten() {
            errors.invalid_each(&path.key(key), key.as_str(), names::config_map_key(key));
            bytes += value.0.len();
        }
        if bytes > DATA_MAX_BYTES {
            errors.push(Error::too_long(&path, DATA_MAX_BYTES));
        }
        validate_type(&mut errors, self, &path);
        errors
    }

    fn validate_update(&self, old: &Secret) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        let type_of = |secret: &Secret| secret.type_.clone().unwrap_or_default();
        errors.immutable(&Path::root("type"), type_of(self), type_of(old));
        if old.immutable == Some(true) {
            if self.immutable != Some(true) {
                errors.forbidden(&Path::root("immutable"), SEALED);
            }
            validate_same(&mut errors, &self.data, &old.data, "data");
        }
        errors.extend(self.validate());
        errors
    }

    fn validate_status_update(&self, old: &Secret) -> ErrorList {
        self.validate_update(old)
    }
}

fn value<'a>(secret: &'a Secret, key: &str) -> Option<&'a [u8]> {
    secret.data.as_ref()?.get(key).map(|value| value.0.as_slice())
}

fn validate_type(errors: &mut ErrorList, secret: &Secret, path: &Path) {
    let missing = |key: &str| value(secret, key).is_none();
    match secret.type_.as_deref().unwrap_or_default() {
        "kubernetes.io/service-account-token" => validate_account(errors, secret),
        "kubernetes.io/dockercfg" => validate_json(errors, secret, ".dockercfg", path),
        "kubernetes.io/dockerconfigjson" => validate_json(errors, secret, ".dockerconfigjson", path),
        "kubernetes.io/basic-auth" if missing("username") && missing("password") => {
            errors.required(&path.key("username"), "");
            errors.required(&path.key("password"), "");
        }
        "kubernetes.io/ssh-auth" if value(secret, "ssh-privatekey").unwrap_or_default().is_empty() => {
            errors.required(&path.key("ssh-privatekey"), "");
        }
        "kubernetes.io/tls" => {
            for key in ["tls.crt", "tls.key"].into_iter().filter(|key| missing(key)) {
                errors.required(&path.key(key), "");
            }
        }
        _ => {}
    }
}

fn validate_account(errors: &mut ErrorList, secret: &Secret) {
    let account = secret.metadata.annotations.as_ref().and_then(|all| all.get(ACCOUNT_ANNOTATION));
    if account.is_none_or(String::is_empty) {
        errors.required(&Path::root("metadata").child("annotations").key(ACCOUNT_ANNOTATION), "");
    }
}

fn validate_json(errors: &mut ErrorList, secret: &Secret, key: &str, path: &Path) {
    let Some(text) = value(secret, key) else { return errors.required(&path.key(key), "") };
    if let Err(error) = serde_json::from_slice::<Map<String, Value>>(text) {
        errors.invalid(&path.key(key), "<secret contents redacted>", error.to_string());
    }
}
