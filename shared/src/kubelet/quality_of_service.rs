//! A pod's quality-of-service class: `pkg/apis/core/helper/qos/qos.go` of kubernetes/kubernetes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

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

fn amount<'a>(list: Option<&'a BTreeMap<String, Quantity>>, name: &str) -> Option<&'a Quantity> {
    list?.get(name).filter(|quantity| !is_zero(quantity))
}

fn is_zero(quantity: &Quantity) -> bool {
    !quantity.0.bytes().any(|byte| (b'1'..=b'9').contains(&byte))
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
}
