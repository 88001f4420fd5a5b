//! A container's weight where all of a node's processors are busy.
//!
//! Follows `pkg/kubelet/cm/helpers_linux.go` (`MilliCPUToShares`) and, for containers without a request,
//! `pkg/kubelet/kuberuntime/kuberuntime_container_linux.go`.

use k8s_openapi::api::core::v1::Container;

use super::quality_of_service::{limit, request};

const MIN: u64 = 2;
const MAX: u64 = 262_144;
const PER_CORE: u64 = 1024;

/// The container's `cpu.shares`: by its request, by its limit where it has none, or next to nothing.
#[must_use]
pub fn cpu_shares(container: &Container) -> u64 {
    let amount = request(container, "cpu").or_else(|| limit(container, "cpu"));
    let milli = amount.and_then(|amount| u64::try_from(amount.milli_value()).ok()).unwrap_or(0);
    (milli.saturating_mul(PER_CORE) / 1000).clamp(MIN, MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn weight_should_be_the_request_in_parts_of_1024() {
        let cases = [
            (json!({}), 2),
            (json!({"requests": {"cpu": "1m"}}), 2),
            (json!({"requests": {"cpu": "100m"}}), 102),
            (json!({"requests": {"cpu": "2"}, "limits": {"cpu": "4"}}), 2048),
            (json!({"limits": {"cpu": "500m"}}), 512),
            (json!({"requests": {"cpu": "1k"}}), 262_144),
        ];
        for (resources, expected) in cases {
            let container = serde_json::from_value(json!({"name": "a", "resources": resources})).unwrap();
            assert_eq!(cpu_shares(&container), expected, "{resources}");
        }
    }
}
