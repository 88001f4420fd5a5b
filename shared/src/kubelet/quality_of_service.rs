//! A pod's quality-of-service class: `pkg/apis/core/helper/qos/qos.go` of kubernetes/kubernetes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as WireQuantity;

use crate::api::quantity::Quantity;

/// The resources that count.
const COMPUTE: [&str; 2] = ["cpu", "memory"];

/// `Guaranteed`, `Burstable` or `BestEffort`.
pub fn class(spec: &PodSpec) -> &'static str {
    let containers: Vec<&Container> =
        spec.containers.iter().chain(spec.init_containers.iter().flatten()).collect();
    if containers.iter().all(|container| asks_for_nothing(container)) {
        "BestEffort"
    } else if containers.iter().all(|container| gets_what_it_asks(container)) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

fn amount(list: Option<&BTreeMap<String, WireQuantity>>, name: &str) -> Option<Quantity> {
    let quantity = Quantity::try_from(list?.get(name)?).ok()?;
    Some(quantity).filter(|quantity| !quantity.is_zero())
}

/// What a container may use at most of a resource, in force only where it is more than nothing: a limit
/// of 0 is none (`pkg/kubelet/kuberuntime/kuberuntime_container_linux.go`).
pub fn limit(container: &Container, resource: &str) -> Option<Quantity> {
    let limits = container.resources.as_ref()?.limits.as_ref();
    amount(limits, resource).filter(|quantity| !quantity.is_negative())
}

/// What a container asks for of a resource, where that is more than nothing.
pub fn request(container: &Container, resource: &str) -> Option<Quantity> {
    let requests = container.resources.as_ref()?.requests.as_ref();
    amount(requests, resource).filter(|quantity| !quantity.is_negative())
}

fn asks_for_nothing(container: &Container) -> bool {
    let Some(resources) = &container.resources else { return true };
    COMPUTE.iter().all(|name| {
        amount(resources.requests.as_ref(), name).is_none()
            && amount(resources.limits.as_ref(), name).is_none()
    })
}

/// Whether limits are set for everything, and requests are the same; defaulting has made requests
/// of limits before.
fn gets_what_it_asks(container: &Container) -> bool {
    let Some(resources) = &container.resources else { return false };
    COMPUTE.iter().all(|name| {
        let limit = amount(resources.limits.as_ref(), name);
        limit.is_some() && limit == amount(resources.requests.as_ref(), name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn class_should_follow_requests_and_limits() {
        let cases = [
            (json!({}), "BestEffort"),
            (json!({"requests": {"cpu": "0"}}), "BestEffort"),
            (json!({"requests": {"cpu": "100m"}}), "Burstable"),
            (
                json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}}),
                "Guaranteed",
            ),
            (
                json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1024Mi"}}),
                "Guaranteed",
            ),
            (json!({"limits": {"cpu": "0e3", "memory": "0"}}), "BestEffort"),
            (json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}), "Burstable"),
            (
                json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}}),
                "Burstable",
            ),
        ];
        for (resources, expected) in cases {
            let spec = json!({"containers": [{"name": "a", "resources": resources}]});
            let spec: PodSpec = serde_json::from_value(spec).unwrap();
            assert_eq!(class(&spec), expected, "{resources}");
        }
    }

    #[test]
    fn limit_of_nothing_should_be_none() {
        let container = |limits: serde_json::Value| -> Container {
            serde_json::from_value(json!({"name": "a", "resources": {"limits": limits}})).unwrap()
        };
        assert_eq!(limit(&container(json!({"cpu": "0"})), "cpu"), None);
        assert_eq!(limit(&container(json!({"memory": "0Mi"})), "memory"), None);
        let memory = limit(&container(json!({"memory": "64Mi"})), "memory");
        assert_eq!(memory.map(|quantity| quantity.value()), Some(64 << 20));
    }
}
