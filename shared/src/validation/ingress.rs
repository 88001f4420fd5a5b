//! Ingresses.
//!
//! Follows kubernetes `pkg/apis/networking/validation/validation.go` (`ValidateIngressCreate`).

use std::net::IpAddr;

use k8s_openapi::api::core::v1::TypedLocalObjectReference;
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, Ingress, IngressBackend, IngressServiceBackend, IngressSpec, IngressTLS,
};

use super::Rules;
use super::addresses::validate_ip;
use super::field::{ErrorList, Path};
use super::metadata::{Scope, validate_metadata, validate_metadata_update, value_of};
use super::names;

/// The annotation that named an Ingress's class before there was a field for it.
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";
const NOT_IN_PATHS: [&str; 5] = ["//", "/./", "/../", "%2f", "%2F"];
const NOT_ENDING_PATHS: [&str; 2] = ["/..", "/."];

impl Rules for Ingress {
    fn validate(&self) -> ErrorList {
        let mut errors = self.validate_all();
        let annotation = self.metadata.annotations.as_ref().and_then(|all| all.get(CLASS_ANNOTATION));
        let class = self.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_ref());
        if let (Some(annotation), Some(class)) = (annotation, class)
            && annotation != class
        {
            let path = Path::root("annotations").child(CLASS_ANNOTATION);
            errors.invalid(
                &path,
                annotation.as_str(),
                "must match `ingressClassName` when both are specified",
            );
        }
        errors
    }

    fn validate_update(&self, old: &Ingress) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        errors.extend(self.validate_all());
        errors
    }

    fn validate_status_update(&self, old: &Ingress) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        let balancer = self.status.as_ref().and_then(|status| status.load_balancer.as_ref());
        let path = Path::root("status").child("loadBalancer").child("ingress");
        for (index, point) in balancer.iter().flat_map(|status| status.ingress.iter().flatten()).enumerate() {
            let path = path.index(index);
            if let Some(ip) = point.ip.as_deref().filter(|ip| !ip.is_empty()) {
                validate_ip(&mut errors, &path.child("ip"), ip);
            }
            if let Some(host) = point.hostname.as_deref().filter(|host| !host.is_empty()) {
                errors.invalid_each(&path.child("hostname"), host, names::dns_1123_subdomain(host));
                not_an_address(&mut errors, host, &path.child("hostname"));
            }
        }
        errors
    }
}

trait All {
    fn validate_all(&self) -> ErrorList;
}

impl All for Ingress {
    fn validate_all(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata(&mut errors, &self.metadata, Scope::Namespaced, names::name_is_dns_subdomain);
        validate_spec(&mut errors, &self.spec.clone().unwrap_or_default(), &Path::root("spec"));
        errors
    }
}

fn not_an_address(errors: &mut ErrorList, host: &str, path: &Path) {
    if host.parse::<IpAddr>().is_ok() {
        errors.invalid(path, host, "must be a DNS name, not an IP address");
    }
}

fn validate_spec(errors: &mut ErrorList, spec: &IngressSpec, path: &Path) {
    let rules = spec.rules.as_deref().unwrap_or_default();
    if rules.is_empty() && spec.default_backend.is_none() {
        errors.invalid(path, value_of(&spec.rules), "either `defaultBackend` or `rules` must be specified");
    }
    if let Some(backend) = &spec.default_backend {
        validate_backend(errors, backend, &path.child("defaultBackend"));
    }
    for (index, rule) in rules.iter().enumerate() {
        let path = path.child("rules").index(index);
        if let Some(host) = rule.host.as_deref().filter(|host| !host.is_empty()) {
            not_an_address(errors, host, &path.child("host"));
            validate_host(errors, host, &path.child("host"));
        }
        if let Some(http) = &rule.http {
            let path = path.child("http").child("paths");
            if http.paths.is_empty() {
                errors.required(&path, "");
            }
            for (index, entry) in http.paths.iter().enumerate() {
                validate_path(errors, entry, &path.index(index));
            }
        }
    }
    for (index, tls) in spec.tls.iter().flatten().enumerate() {
        validate_tls(errors, tls, &path.child("tls").index(index));
    }
    if let Some(class) = spec.ingress_class_name.as_deref() {
        let messages = names::name_is_dns_subdomain(class, false);
        errors.invalid_each(&path.child("ingressClassName"), class, messages);
    }
}

fn validate_host(errors: &mut ErrorList, host: &str, path: &Path) {
    let messages = match host.contains('*') {
        true => names::wildcard_dns_1123_subdomain(host),
        false => names::dns_1123_subdomain(host),
    };
    errors.invalid_each(path, host, messages);
}

fn validate_tls(errors: &mut ErrorList, tls: &IngressTLS, path: &Path) {
    for (index, host) in tls.hosts.iter().flatten().enumerate() {
        validate_host(errors, host, &path.child("hosts").index(index));
    }
    if let Some(secret) = tls.secret_name.as_deref().filter(|secret| !secret.is_empty()) {
        let messages = names::name_is_dns_subdomain(secret, false);
        errors.invalid_each(&path.child("secretName"), secret, messages);
    }
}

fn validate_path(errors: &mut ErrorList, entry: &HTTPIngressPath, path: &Path) {
    let (text, own) = (entry.path.as_deref().unwrap_or_default(), path.child("path"));
    match entry.path_type.as_str() {
        "" => return errors.required(&path.child("pathType"), "pathType must be specified"),
        "Exact" | "Prefix" => {
            if !text.starts_with('/') {
                errors.invalid(&own, text, "must be an absolute path");
            }
            for part in NOT_IN_PATHS.into_iter().filter(|part| text.contains(part)) {
                errors.invalid(&own, text, format!("must not contain '{part}'"));
            }
            for end in NOT_ENDING_PATHS.into_iter().filter(|end| text.ends_with(end)) {
                errors.invalid(&own, text, format!("cannot end with '{end}'"));
            }
        }
        "ImplementationSpecific" => {
            if !text.is_empty() && !text.starts_with('/') {
                errors.invalid(&own, text, "must be an absolute path");
            }
        }
        other => {
            let supported = ["Exact", "ImplementationSpecific", "Prefix"];
            errors.not_supported(&path.child("pathType"), other, &supported);
        }
    }
    validate_backend(errors, &entry.backend, &path.child("backend"));
}

fn validate_backend(errors: &mut ErrorList, backend: &IngressBackend, path: &Path) {
    match (&backend.resource, &backend.service) {
        (Some(_), Some(_)) => errors.invalid(path, "", "cannot set both resource and service backends"),
        (Some(resource), None) => validate_resource(errors, resource, &path.child("resource")),
        (None, Some(service)) => validate_service(errors, service, path),
        (None, None) => errors.invalid(path, "", "resource or service backend is required"),
    }
}

fn validate_resource(errors: &mut ErrorList, resource: &TypedLocalObjectReference, path: &Path) {
    if let Some(group) = resource.api_group.as_deref() {
        errors.invalid_each(&path.child("apiGroup"), group, names::dns_1123_subdomain(group));
    }
    validate_segment(errors, &resource.kind, &path.child("kind"));
    validate_segment(errors, &resource.name, &path.child("name"));
}

/// Requires a name that can stand in a URL's path.
pub(super) fn validate_segment(errors: &mut ErrorList, name: &str, path: &Path) {
    if name.is_empty() {
        return errors.required(path, "");
    }
    errors.invalid_each(path, name, names::path_segment(name));
}

fn validate_service(errors: &mut ErrorList, service: &IngressServiceBackend, path: &Path) {
    let own = path.child("service");
    match service.name.as_str() {
        "" => errors.required(&own.child("name"), ""),
        // As for the name of a Service itself.
        name => errors.invalid_each(&own.child("name"), name, names::name_is_dns_1035_label(name, false)),
    }
    let port = service.port.clone().unwrap_or_default();
    let name = port.name.filter(|name| !name.is_empty());
    let number = port.number.filter(|number| *number != 0);
    let place = own.child("port");
    match (name, number) {
        (Some(_), Some(_)) => errors.invalid(path, "", "cannot set both port name & port number"),
        (Some(name), None) => {
            errors.invalid_each(&place.child("name"), name.as_str(), names::port_name(&name))
        }
        (None, Some(number)) => {
            errors.invalid_each(&place.child("number"), number, names::port_number(number))
        }
        (None, None) => errors.required(path, "port name or number is required"),
    }
}
