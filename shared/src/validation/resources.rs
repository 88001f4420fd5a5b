//! Requests and limits of resources, and the names of resources.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`validateResourceRequirements`) and
//! `pkg/apis/core/helper/helpers.go` (the classes of names).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ResourceClaim, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::amount::{Amount, QUANTITY_MESSAGE};
use super::field::{Error, ErrorList, Path};
use super::names;

const CONTAINER_RESOURCES: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
const OTHER_STANDARD_RESOURCES: [&str; 17] = [
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "storage",
    "requests.storage",
    "services.nodeports",
    "services.loadbalancers",
];
const COUNTED_RESOURCES: [&str; 9] = [
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

type Resources = BTreeMap<String, Quantity>;
type NameRule = fn(&mut ErrorList, &str, &Path);

/// Rules of a container's resources.
pub(crate) fn validate_container_resources(
    errors: &mut ErrorList,
    requirements: &ResourceRequirements,
    pod_claims: &BTreeSet<&str>,
    path: &Path,
) {
    validate_requirements(errors, requirements, container_resource_name, path);
    let claims = requirements.claims.as_deref().unwrap_or_default();
    validate_claims(errors, claims, pod_claims, &path.child("claims"));
}

/// Rules of the resources of a pod as a whole.
pub(crate) fn validate_pod_resources(
    errors: &mut ErrorList,
    requirements: &ResourceRequirements,
    path: &Path,
) {
    if requirements.claims.is_some() {
        errors.forbidden(&path.child("claims"), "claims cannot be set for Resources at pod-level");
    }
    validate_requirements(errors, requirements, pod_resource_name, path);
}

/// Rules of a pod's overhead, which are those of limits.
pub(crate) fn validate_overhead(errors: &mut ErrorList, overhead: &Resources, path: &Path) {
    let requirements =
        ResourceRequirements { limits: Some(overhead.clone()), ..ResourceRequirements::default() };
    validate_requirements(errors, &requirements, container_resource_name, path);
}

fn validate_requirements(
    errors: &mut ErrorList,
    requirements: &ResourceRequirements,
    name_rule: NameRule,
    path: &Path,
) {
    let limits = &requirements.limits;
    let limits_path = path.child("limits");
    for (name, quantity) in limits.iter().flatten() {
        validate_resource(errors, name, quantity, name_rule, &limits_path.key(name));
    }
    for (name, quantity) in requirements.requests.iter().flatten() {
        validate_resource(errors, name, quantity, name_rule, &path.child("requests").key(name));
        let limit = limits.as_ref().and_then(|limits| limits.get(name));
        validate_request(errors, name, quantity, limit, path);
    }
    let used = || limits.iter().chain(&requirements.requests).flat_map(BTreeMap::keys);
    if used().any(|name| is_huge_page(name)) && !used().any(|name| name == "cpu" || name == "memory") {
        errors.forbidden(path, "HugePages require cpu or memory");
    }
}

fn validate_resource(
    errors: &mut ErrorList,
    name: &str,
    quantity: &Quantity,
    name_rule: NameRule,
    path: &Path,
) {
    name_rule(errors, name, path);
    validate_quantity(errors, name, quantity, path);
    if is_huge_page(name) && !is_multiple_of_page(name, quantity) {
        let message = format!("{} is not positive integer multiple of {name}", quantity.0);
        errors.invalid(path, quantity.0.as_str(), message);
    }
}

/// A huge pages quantity must be a whole number of its pages.
fn is_multiple_of_page(name: &str, quantity: &Quantity) -> bool {
    let page = name.strip_prefix("hugepages-").map(|size| Quantity(size.to_owned()));
    let (Some(page), Some(value)) = (page.as_ref().and_then(Amount::of), Amount::of(quantity)) else {
        return false;
    };
    value.is_multiple_of(page)
}

/// A request may not exceed its limit, and must equal it where overcommitment is not allowed.
fn validate_request(
    errors: &mut ErrorList,
    name: &str,
    request: &Quantity,
    limit: Option<&Quantity>,
    path: &Path,
) {
    let Some(limit) = limit else {
        if !is_overcommit_allowed(name) {
            errors.required(&path.child("limits"), "Limit must be set for non overcommitable resources");
        }
        return;
    };
    let (Some(requested), Some(limited)) = (Amount::of(request), Amount::of(limit)) else { return };
    let relation = if requested != limited && !is_overcommit_allowed(name) {
        "equal to"
    } else if requested > limited {
        "less than or equal to"
    } else {
        return;
    };
    let message = format!("must be {relation} {name} limit of {}", limit.0);
    errors.invalid(&path.child("requests"), request.0.as_str(), message);
}

/// Rules of one quantity: well formed, not negative, whole where the resource is counted.
pub(crate) fn validate_quantity(errors: &mut ErrorList, name: &str, quantity: &Quantity, path: &Path) {
    let text = quantity.0.as_str();
    let Some(amount) = Amount::of(quantity) else {
        return errors.invalid(path, text, QUANTITY_MESSAGE);
    };
    if amount.is_negative() {
        errors.invalid(path, text, "must be greater than or equal to 0");
    }
    if is_counted(name) && !amount.is_integer() {
        errors.invalid(path, text, "must be an integer");
    }
}

fn validate_claims(
    errors: &mut ErrorList,
    claims: &[ResourceClaim],
    pod_claims: &BTreeSet<&str>,
    path: &Path,
) {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for (index, claim) in claims.iter().enumerate() {
        let path = path.index(index);
        if claim.name.is_empty() {
            errors.required(&path, "");
            continue;
        }
        let request = claim.request.as_deref().unwrap_or_default();
        let key = if request.is_empty() { claim.name.clone() } else { format!("{}/{request}", claim.name) };
        if !request.is_empty() {
            errors.invalid_each(&path.child("request"), request, names::dns_1123_label(request));
        }
        if overlaps(&seen, &claim.name, &key) {
            errors
                .duplicate(&path, if seen.contains(&claim.name) { claim.name.clone() } else { key.clone() });
        }
        seen.insert(key);
        if !pod_claims.contains(claim.name.as_str()) {
            errors.push(unknown_claim(&path, &claim.name, pod_claims));
        }
    }
}

/// Whether a claim, or one of its requests, was named before.
fn overlaps(seen: &BTreeSet<String>, name: &str, key: &str) -> bool {
    let requests = format!("{name}/");
    seen.contains(name)
        || seen.contains(key)
        || (name == key && seen.iter().any(|before| before.starts_with(&requests)))
}

fn unknown_claim(path: &Path, name: &str, pod_claims: &BTreeSet<&str>) -> Error {
    let known: Vec<&str> = pod_claims.iter().copied().collect();
    let detail = match known.is_empty() {
        true => "must be one of the names in pod.spec.resourceClaims which is empty".to_owned(),
        false => format!("must be one of the names in pod.spec.resourceClaims: {}", known.join(", ")),
    };
    Error { detail, ..Error::not_found(path, name) }
}

fn resource_name(errors: &mut ErrorList, name: &str, path: &Path) {
    let messages = names::qualified_name(name);
    if messages.is_empty() && !name.contains('/') && !is_standard(name) {
        errors.invalid(path, name, "must be a standard resource type or fully qualified");
    }
    errors.invalid_each(path, name, messages);
}

fn container_resource_name(errors: &mut ErrorList, name: &str, path: &Path) {
    resource_name(errors, name, path);
    if !name.contains('/') {
        if !is_standard_for_containers(name) {
            errors.invalid(path, name, "must be a standard resource for containers");
        }
    } else if !is_native(name) && !is_extended(name) {
        errors.invalid(path, name, "doesn't follow extended resource name standard");
    }
}

fn pod_resource_name(errors: &mut ErrorList, name: &str, path: &Path) {
    let before = errors.len();
    resource_name(errors, name, path);
    let supported = name == "cpu" || name == "memory" || is_huge_page(name);
    if errors.len() == before && !supported {
        errors.not_supported(path, name, &["cpu", "hugepages-", "memory"]);
    }
}

fn is_standard_for_containers(name: &str) -> bool {
    CONTAINER_RESOURCES.contains(&name) || is_huge_page(name)
}

fn is_standard(name: &str) -> bool {
    is_standard_for_containers(name) || OTHER_STANDARD_RESOURCES.contains(&name)
}

fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// Whether Kubernetes itself owns the name.
fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Whether the name is one that vendors count on nodes, such as `example.com/gpu`.
pub(crate) fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && names::qualified_name(&format!("requests.{name}")).is_empty()
}

fn is_overcommit_allowed(name: &str) -> bool {
    is_native(name) && !is_huge_page(name)
}

fn is_counted(name: &str) -> bool {
    COUNTED_RESOURCES.contains(&name) || is_extended(name)
}
