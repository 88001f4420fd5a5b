//! Which pods have more on the node's disk than they may: `localStorageEviction` in
//! `pkg/kubelet/eviction/eviction_manager.go` of kubernetes/kubernetes.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as WireQuantity;

use crate::api::quantity::Quantity;
use crate::scheduler::resources::EPHEMERAL_STORAGE;

use super::mirror;
use super::pod_worker::{Eviction, PodWorker};
use super::status::End;

/// The reason of the event and in the status.
pub const EVICTED: &str = "Evicted";

/// How often it is looked how much pods have (`monitoringInterval` in `pkg/kubelet/eviction`).
pub const INTERVAL: SignedDuration = SignedDuration::from_secs(10);

/// How long containers of an evicted pod have to end (`immediateEvictionGracePeriodSeconds`).
const GRACE: SignedDuration = SignedDuration::from_secs(1);

/// Pods of this priority and above are never evicted (`SystemCriticalPriority`).
const CRITICAL_PRIORITY: i32 = 2_000_000_000;

/// What a pod has on the node's disk, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// In volumes that are as old as the pod, by name.
    pub volumes: BTreeMap<String, u64>,
    /// In the files and logs of its containers, by name.
    pub containers: BTreeMap<String, u64>,
}

/// Whether the pod has a limit on its disk that it could exceed.
pub fn is_limited(pod: &Pod) -> bool {
    !is_critical(pod)
        && (size_limits(pod).next().is_some()
            || containers(pod).any(|container| container_limit(container).is_some()))
}

/// The message with which the pod is evicted, if it has more than it may.
pub fn over_limit(pod: &Pod, usage: &Usage) -> Option<String> {
    if is_critical(pod) {
        return None;
    }
    let exceeds = |used: Option<&u64>, limit: &WireQuantity| {
        let limit = bytes(limit).filter(|limit| *limit > 0);
        limit.zip(used).is_some_and(|(limit, used)| *used > limit)
    };
    let volume = size_limits(pod).find(|(name, limit)| exceeds(usage.volumes.get(*name), limit));
    if let Some((name, limit)) = volume {
        return Some(format!("Usage of EmptyDir volume {name:?} exceeds the limit {:?}. ", limit.0));
    }
    let total: u64 = usage.volumes.values().chain(usage.containers.values()).sum();
    if let Some(limit) = pod_limit(pod).filter(|limit| total > *limit) {
        let limit = Quantity::from_bytes(i64::try_from(limit).unwrap_or(i64::MAX)).canonical();
        return Some(format!(
            "Pod ephemeral local storage usage exceeds the total limit of containers {limit}. "
        ));
    }
    containers(pod).find_map(|container| {
        let limit = container_limit(container)?;
        exceeds(usage.containers.get(&container.name), limit).then(|| {
            let name = &container.name;
            format!("Container {name} exceeded its local ephemeral storage limit {:?}. ", limit.0)
        })
    })
}

/// How much something may take of the disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Above it somebody is to look how much there really is.
    pub crowded_bytes: u64,
    /// Above it nothing more is written. It lies above the limit: who exceeds that is evicted, not refused.
    pub most_bytes: u64,
}

impl Bounds {
    const NONE: Bounds = Bounds { crowded_bytes: u64::MAX, most_bytes: u64::MAX };

    fn of(limit: Option<u64>) -> Bounds {
        const LEAST_SLACK: u64 = 16 << 20;
        let slack = |limit: u64| (limit / 10).max(LEAST_SLACK);
        limit.map_or(Bounds::NONE, |limit| Bounds {
            crowded_bytes: limit,
            most_bytes: limit.saturating_add(slack(limit)),
        })
    }
}

/// The bounds of all that a pod has.
pub fn pod_bounds(pod: &Pod) -> Bounds {
    Bounds::of(pod_limit(pod).filter(|_| !is_critical(pod)))
}

/// The bounds of a container's files.
pub fn container_bounds(pod: &Pod, container: &Container) -> Bounds {
    let limit = container_limit(container).and_then(bytes).filter(|limit| *limit > 0);
    Bounds::of(limit.filter(|_| !is_critical(pod)))
}

/// The bounds of a volume on the disk.
pub fn volume_bounds(pod: &Pod, name: &str) -> Bounds {
    let limit = size_limits(pod).find(|(own, _)| *own == name).and_then(|(_, limit)| bytes(limit));
    let limit = limit.filter(|limit| *limit > 0);
    Bounds::of(limit.filter(|_| !is_critical(pod)))
}

fn is_critical(pod: &Pod) -> bool {
    let priority = pod.spec.as_ref().and_then(|spec| spec.priority).unwrap_or_default();
    mirror::is_static(pod) || priority >= CRITICAL_PRIORITY
}

fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.iter().flat_map(|spec| &spec.containers)
}

fn size_limits(pod: &Pod) -> impl Iterator<Item = (&str, &WireQuantity)> {
    super::volume::volumes(pod).filter_map(|volume| {
        let limit = volume.empty_dir.as_ref()?.size_limit.as_ref()?;
        Some((volume.name.as_str(), limit))
    })
}

fn container_limit(container: &Container) -> Option<&WireQuantity> {
    container.resources.as_ref()?.limits.as_ref()?.get(EPHEMERAL_STORAGE)
}

/// The limits of all containers together, if any has one (`PodLimits` in `component-helpers/resource`).
fn pod_limit(pod: &Pod) -> Option<u64> {
    containers(pod).filter_map(|container| bytes(container_limit(container)?)).reduce(u64::saturating_add)
}

fn bytes(quantity: &WireQuantity) -> Option<u64> {
    Quantity::try_from(quantity).ok().and_then(|quantity| u64::try_from(quantity.value()).ok())
}

impl PodWorker {
    /// It was looked how much the pod has on the disk: it is evicted where that is too much.
    pub fn on_usage(&mut self, usage: &Usage) {
        if self.end() != End::None {
            return;
        }
        if let Some(message) = over_limit(&self.pod, usage) {
            self.note("Warning", EVICTED, &message, None);
            self.evicted = Some(Eviction { reason: EVICTED, message: message.into(), grace: Some(GRACE) });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(spec: &Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": spec})).unwrap()
    }

    fn usage(volumes: &[(&str, u64)], containers: &[(&str, u64)]) -> Usage {
        let map = |entries: &[(&str, u64)]| {
            entries.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect()
        };
        Usage { volumes: map(volumes), containers: map(containers) }
    }

    #[test]
    fn pods_with_more_than_they_may_have_should_be_named_in_upstreams_words() {
        const MI: u64 = 1 << 20;
        let limited = |limit: &str| json!({"limits": {"ephemeral-storage": limit}});
        let volume = json!({
            "containers": [{"name": "c"}],
            "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}, {"name": "w", "emptyDir": {}}],
        });
        let one = json!({"containers": [{"name": "c", "resources": limited("1Mi")}, {"name": "d"}]});
        let two = json!({"containers": [
            {"name": "c", "resources": limited("1Mi")}, {"name": "d", "resources": limited("2Mi")},
        ], "volumes": [{"name": "v", "emptyDir": {}}]});
        let mut critical = volume.clone();
        critical["priority"] = 2_000_000_000.into();
        let cases = [
            (&volume, usage(&[("v", MI)], &[("c", 9 * MI)]), None),
            (&volume, usage(&[("w", 9 * MI)], &[]), None),
            (
                &volume,
                usage(&[("v", MI + 1)], &[]),
                Some("Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". "),
            ),
            (&critical, usage(&[("v", MI + 1)], &[]), None),
            (&one, usage(&[], &[("c", MI)]), None),
            (
                &one,
                usage(&[], &[("c", 1), ("d", MI)]),
                Some("Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. "),
            ),
            (
                &two,
                usage(&[], &[("c", MI + 1), ("d", 1)]),
                Some("Container c exceeded its local ephemeral storage limit \"1Mi\". "),
            ),
            (
                &two,
                usage(&[("v", 3 * MI)], &[("c", 1), ("d", 1)]),
                Some("Pod ephemeral local storage usage exceeds the total limit of containers 3Mi. "),
            ),
        ];
        for (spec, usage, expected) in cases {
            assert_eq!(over_limit(&pod(spec), &usage).as_deref(), expected, "{spec} {usage:?}");
        }
        assert!(is_limited(&pod(&volume)) && is_limited(&pod(&one)));
        assert!(!is_limited(&pod(&critical)) && !is_limited(&pod(&json!({"containers": [{"name": "c"}]}))));
    }

    #[test]
    fn writes_should_be_bounded_somewhat_above_the_limits() {
        const MI: u64 = 1 << 20;
        let spec = json!({
            "containers": [{"name": "c", "resources": {"limits": {"ephemeral-storage": "1Gi"}}}],
            "volumes": [
                {"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}, {"name": "w", "emptyDir": {}},
            ],
        });
        let pod = pod(&spec);
        let bounds = |crowded_bytes, most_bytes| Bounds { crowded_bytes, most_bytes };
        assert_eq!(volume_bounds(&pod, "v"), bounds(MI, 17 * MI));
        assert_eq!(volume_bounds(&pod, "w"), Bounds::NONE);
        let gib = 1024 * MI;
        assert_eq!(container_bounds(&pod, containers(&pod).next().unwrap()), bounds(gib, gib + gib / 10));
        assert_eq!(pod_bounds(&pod), bounds(gib, gib + gib / 10));
    }
}
