//! Amounts of resources: what a pod asks for, what a node has.
//!
//! Follows upstream's `component-helpers/resource/helpers.go` (`PodRequests`) and
//! `pkg/scheduler/framework/types.go` (`Resource`, `CalculateResource`).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as WireQuantity;

use crate::api::pod_containers::is_sidecar;
use crate::api::quantity::{Format, Quantity};

/// The resource name of processor time.
pub const CPU: &str = "cpu";
/// The resource name of memory.
pub const MEMORY: &str = "memory";
/// The resource name of the node's local disk.
pub const EPHEMERAL_STORAGE: &str = "ephemeral-storage";
/// The resource name under which a node says how many pods it takes.
pub const PODS: &str = "pods";

/// What a container without a CPU request counts for in scores, in thousandths of a core.
pub const DEFAULT_MILLI_CPU: i64 = 100;
/// What a container without a memory request counts for in scores, in bytes.
pub const DEFAULT_MEMORY_BYTES: i64 = 200 * 1024 * 1024;

/// Amounts by resource name: CPU in thousandths of a core, everything else in whole units (bytes).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources(BTreeMap<String, i64>);

/// A list of resources as objects carry it.
pub type ResourceList = BTreeMap<String, WireQuantity>;

impl Resources {
    /// The amounts of an object's list; a quantity that is no number counts as 0.
    pub fn of(list: Option<&ResourceList>) -> Resources {
        let amounts = list.into_iter().flatten();
        Resources(amounts.map(|(name, quantity)| (name.clone(), amount(name, quantity))).collect())
    }

    /// The amount of one resource, 0 where it is not named.
    pub fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Sets the amount of one resource.
    pub fn set(&mut self, name: &str, amount: i64) {
        self.0.insert(name.to_owned(), amount);
    }

    /// Every resource that is named, with its amount.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(name, amount)| (name.as_str(), *amount))
    }

    /// Adds each amount of `other`.
    pub fn add(&mut self, other: &Resources) {
        for (name, amount) in &other.0 {
            let sum = self.get(name).saturating_add(*amount);
            self.set(name, sum);
        }
    }

    /// Takes each amount of `other` away.
    pub fn subtract(&mut self, other: &Resources) {
        for (name, amount) in &other.0 {
            let rest = self.get(name).saturating_sub(*amount);
            self.set(name, rest);
        }
    }

    /// Raises each amount to that of `other`.
    pub fn raise_to(&mut self, other: &Resources) {
        for (name, amount) in &other.0 {
            let larger = self.get(name).max(*amount);
            self.set(name, larger);
        }
    }
}

/// What a pod asks of its node: the sum of its containers and sidecars, or of its start-up if that
/// needs more, or what `spec.resources` says for the pod as a whole; and its overhead.
pub fn pod_requests(pod: &Pod) -> Resources {
    requests_with(pod, container_requests)
}

/// As [`pod_requests`], with a default for containers that name no CPU or memory, so that many
/// pods without requests do not all score the same node highest.
pub fn non_zero_pod_requests(pod: &Pod) -> Resources {
    requests_with(pod, |container| {
        let mut requests = container_requests(container);
        for (name, default) in [(CPU, DEFAULT_MILLI_CPU), (MEMORY, DEFAULT_MEMORY_BYTES)] {
            if !requests.0.contains_key(name) {
                requests.set(name, default);
            }
        }
        requests
    })
}

fn requests_with(pod: &Pod, of_container: impl Fn(&Container) -> Resources) -> Resources {
    let Some(spec) = &pod.spec else { return Resources::default() };
    let mut sum = Resources::default();
    for container in &spec.containers {
        sum.add(&of_container(container));
    }
    let (sidecars, startup) =
        startup_requests(spec.init_containers.as_deref().unwrap_or_default(), of_container);
    sum.add(&sidecars);
    sum.raise_to(&startup);
    if let Some(whole) = &spec.resources {
        let whole = Resources::of(whole.requests.as_ref());
        for (name, amount) in whole.iter().filter(|(name, _)| is_pod_level(name)) {
            sum.set(name, amount);
        }
    }
    sum.add(&Resources::of(spec.overhead.as_ref()));
    sum
}

/// What all sidecars need together, and the most that start-up needs at any moment: an init
/// container runs alone beside the sidecars that were started before it.
fn startup_requests(
    init_containers: &[Container],
    of_container: impl Fn(&Container) -> Resources,
) -> (Resources, Resources) {
    let (mut sidecars, mut peak) = (Resources::default(), Resources::default());
    for container in init_containers {
        let requests = of_container(container);
        if is_sidecar(container) {
            sidecars.add(&requests);
            peak.raise_to(&sidecars);
        } else {
            let mut together = sidecars.clone();
            together.add(&requests);
            peak.raise_to(&together);
        }
    }
    (sidecars, peak)
}

fn container_requests(container: &Container) -> Resources {
    Resources::of(container.resources.as_ref().and_then(|resources| resources.requests.as_ref()))
}

/// Which resources a pod may ask for as a whole, in `spec.resources`.
fn is_pod_level(name: &str) -> bool {
    name == CPU || name == MEMORY || name.starts_with("hugepages-")
}

/// A quantity in the unit that [`Resources`] counts in, rounded up as upstream does.
fn amount(name: &str, quantity: &WireQuantity) -> i64 {
    let Ok(quantity) = Quantity::try_from(quantity) else { return 0 };
    if name == CPU { quantity.milli_value() } else { quantity.value() }
}

/// An amount as people write it: `1500m`, `2`, `512Mi`.
pub fn format_amount(name: &str, amount: i64) -> String {
    let is_bytes = matches!(name, MEMORY | EPHEMERAL_STORAGE) || name.starts_with("hugepages-");
    match name {
        CPU => Quantity::from_milli(amount, Format::DecimalSi),
        _ if is_bytes => Quantity::from_bytes(amount),
        _ => Quantity::new(amount, Format::DecimalSi),
    }
    .canonical()
}
