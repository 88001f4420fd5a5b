//! The pod's own resolver settings.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`validatePodDNSConfig`).

use k8s_openapi::api::core::v1::{PodDNSConfig, PodSpec};
use serde_json::json;

use super::super::addresses::validate_ip;
use super::super::field::{ErrorList, Path};
use super::super::names;

const NAMESERVERS_MAX: usize = 3;
const SEARCHES_MAX: usize = 32;
const SEARCH_LIST_MAX: usize = 2048;

/// Rules of `dnsConfig`, which must be there when `dnsPolicy` is `None`.
pub(super) fn validate(errors: &mut ErrorList, spec: &PodSpec, path: &Path) {
    let path = path.child("dnsConfig");
    let none = spec.dns_policy.as_deref() == Some("None");
    let Some(config) = &spec.dns_config else {
        if none {
            errors.required(&path, "must provide `dnsConfig` when `dnsPolicy` is None");
        }
        return;
    };
    let nameservers = config.nameservers.as_deref().unwrap_or_default();
    if none && nameservers.is_empty() {
        let message = "must provide at least one DNS nameserver when `dnsPolicy` is None";
        return errors.required(&path.child("nameservers"), message);
    }
    validate_nameservers(errors, nameservers, &path.child("nameservers"));
    let searches = config.searches.as_deref().unwrap_or_default();
    validate_searches(errors, searches, &path.child("searches"));
    validate_options(errors, config, &path.child("options"));
}

fn validate_nameservers(errors: &mut ErrorList, nameservers: &[String], path: &Path) {
    if nameservers.len() > NAMESERVERS_MAX {
        let message = format!("must not have more than {NAMESERVERS_MAX} nameservers");
        errors.invalid(path, json!(nameservers), message);
    }
    for (index, nameserver) in nameservers.iter().enumerate() {
        validate_ip(errors, &path.index(index), nameserver);
    }
}

fn validate_searches(errors: &mut ErrorList, searches: &[String], path: &Path) {
    if searches.len() > SEARCHES_MAX {
        let message = format!("must not have more than {SEARCHES_MAX} search paths");
        errors.invalid(path, json!(searches), message);
    }
    if searches.join(" ").len() > SEARCH_LIST_MAX {
        let message = format!(
            "must not have more than {SEARCH_LIST_MAX} characters (including spaces) in the search list"
        );
        errors.invalid(path, json!(searches), message);
    }
    for (index, search) in searches.iter().enumerate().filter(|(_, search)| *search != ".") {
        let search = search.strip_suffix('.').unwrap_or(search);
        let messages = names::dns_1123_subdomain_with_underscore(search);
        errors.invalid_each(&path.index(index), search, messages);
    }
}

fn validate_options(errors: &mut ErrorList, config: &PodDNSConfig, path: &Path) {
    for (index, option) in config.options.iter().flatten().enumerate() {
        if option.name.as_deref().unwrap_or_default().is_empty() {
            errors.required(&path.index(index), "must not be empty");
        }
    }
}
