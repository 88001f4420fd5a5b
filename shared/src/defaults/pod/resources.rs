//! Requests that follow from limits.
//!
//! Follows kubernetes `pkg/apis/core/v1/defaults.go` (`SetDefaults_Pod`). Requests of the pod as a whole
//! follow its limits where no container asks for the resource.

use k8s_openapi::api::core::v1::{PodSpec, ResourceRequirements};

/// Fills in requests for which only a limit is given.
pub(super) fn apply(spec: &mut PodSpec) {
    let containers = spec.init_containers.iter_mut().flatten().chain(&mut spec.containers);
    for resources in containers.filter_map(|container| container.resources.as_mut()) {
        request_limits(resources);
    }
    let requested = |name: &str| {
        let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
        let mut requests = containers.filter_map(|container| container.resources.as_ref()?.requests.as_ref());
        requests.any(|requests| requests.contains_key(name))
    };
    let Some(limits) = spec.resources.as_ref().and_then(|resources| resources.limits.clone()) else { return };
    let missing: Vec<_> = limits.into_iter().filter(|(name, _)| !requested(name)).collect();
    if let Some(resources) = spec.resources.as_mut() {
        for (name, limit) in missing {
            resources.requests.get_or_insert_default().entry(name).or_insert(limit);
        }
    }
}

fn request_limits(resources: &mut ResourceRequirements) {
    let Some(limits) = &resources.limits else { return };
    let requests = resources.requests.get_or_insert_default();
    for (name, limit) in limits {
        requests.entry(name.clone()).or_insert_with(|| limit.clone());
    }
}
