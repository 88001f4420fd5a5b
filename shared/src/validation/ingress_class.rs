//! IngressClasses.
//!
//! Follows kubernetes `pkg/apis/networking/validation/validation.go` (`ValidateIngressClass`) and, for the name of
//! a controller, apimachinery `pkg/util/validation/validation.go` (`IsDomainPrefixedPath`).

use k8s_openapi::api::networking::v1::{IngressClass, IngressClassParametersReference};

use super::Rules;
use super::field::{Error, ErrorList, Path};
use super::ingress::validate_segment;
use super::metadata::{Scope, validate_metadata, validate_metadata_update};
use super::names;

const MAX_CONTROLLER_BYTES: usize = 250;
const NOT_A_PATH: &str = r"Invalid path (regex used for validation is '[A-Za-z0-9/\-._~%!$&'()*+,;=:]+')";

impl Rules for IngressClass {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Cluster, names::name_is_dns_subdomain);
        let (spec, path) = (self.spec.clone().unwrap_or_default(), Path::root("spec"));
        validate_controller(&mut errors, controller(self), &path.child("controller"));
        if let Some(parameters) = &spec.parameters {
            validate_parameters(&mut errors, parameters, &path.child("parameters"));
        }
        errors
    }

    fn validate_update(&self, old: &IngressClass) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        errors.immutable(&Path::root("spec").child("controller"), controller(self), controller(old));
        errors.extend(self.validate());
        errors
    }

    fn validate_status_update(&self, old: &IngressClass) -> ErrorList {
        self.validate_update(old)
    }
}

fn controller(class: &IngressClass) -> &str {
    class.spec.as_ref().and_then(|spec| spec.controller.as_deref()).unwrap_or_default()
}

fn validate_controller(errors: &mut ErrorList, controller: &str, path: &Path) {
    if controller.is_empty() {
        return errors.required(path, "");
    }
    if controller.len() > MAX_CONTROLLER_BYTES {
        errors.push(Error::too_long(path, MAX_CONTROLLER_BYTES));
    }
    match controller.split_once('/').filter(|(domain, rest)| !domain.is_empty() && !rest.is_empty()) {
        None => {
            errors.invalid(path, controller, "must be a domain-prefixed path (such as \"acme.io/foo\")");
        }
        Some((domain, rest)) => {
            errors.invalid_each(path, domain, names::dns_1123_subdomain(domain));
            let is_of_a_path = |b: u8| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&b);
            if !rest.bytes().all(is_of_a_path) {
                errors.invalid(path, rest, NOT_A_PATH);
            }
        }
    }
}

fn validate_parameters(errors: &mut ErrorList, given: &IngressClassParametersReference, path: &Path) {
    if let Some(group) = given.api_group.as_deref() {
        errors.invalid_each(&path.child("apiGroup"), group, names::dns_1123_subdomain(group));
    }
    validate_segment(errors, &given.kind, &path.child("kind"));
    validate_segment(errors, &given.name, &path.child("name"));
    let namespace = path.child("namespace");
    match (given.scope.as_deref(), given.namespace.as_deref()) {
        (None, _) => errors.required(&path.child("scope"), ""),
        (Some("Namespace"), None) => {
            errors.required(&namespace, "`parameters.scope` is set to 'Namespace'");
        }
        (Some("Namespace"), Some(name)) => {
            errors.invalid_each(&namespace, name, names::name_is_dns_label(name, false));
        }
        (Some("Cluster"), Some(_)) => {
            errors.forbidden(&namespace, "`parameters.scope` is set to 'Cluster'");
        }
        (Some("Cluster"), None) => {}
        (Some(other), _) => {
            errors.not_supported(&path.child("scope"), other, &["Cluster", "Namespace"]);
        }
    }
}
