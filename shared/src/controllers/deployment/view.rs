//! A Deployment with its ReplicaSets, as one look sees them, and what is counted of these.
//!
//! Follows `pkg/controller/deployment/util/deployment_util.go` of kubernetes/kubernetes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::revision;

/// The label that tells the pods of a Deployment's ReplicaSets apart.
pub(super) const POD_TEMPLATE_HASH: &str = "pod-template-hash";
/// How many pods the Deployment wanted when a ReplicaSet was scaled last.
const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
/// How many pods there might have been then, surge included.
const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";

/// What one look sees.
pub(super) struct View<'a> {
    pub(super) deployment: &'a Deployment,
    /// The set of the present template.
    pub(super) new: Option<&'a ReplicaSet>,
    /// All others, the oldest first.
    pub(super) old: Vec<&'a ReplicaSet>,
    /// How the set of the present template is named.
    pub(super) new_name: String,
    /// Whether some set bears that name.
    pub(super) name_is_taken: bool,
    /// Whether pods of other sets may still run.
    pub(super) old_pods_run: bool,
    /// Whether the new set was just made.
    pub(super) was_made: bool,
    /// Why it could not be made the last time.
    pub(super) refusal: Option<&'a str>,
    pub(super) now: Timestamp,
}

impl<'a> View<'a> {
    /// The Deployment and its ReplicaSets.
    pub(super) fn new(deployment: &'a Deployment, sets: &[&'a ReplicaSet], now: Timestamp) -> View<'a> {
        let mut sets = sets.to_vec();
        sets.sort_by_key(|set| age_and_name(set));
        let wanted = without_hash(&deployment.spec.template);
        let is_new =
            |set: &&ReplicaSet| set.spec.template.as_ref().map(without_hash).as_ref() == Some(&wanted);
        let new = sets.iter().copied().find(is_new);
        let is_other = |set: &&ReplicaSet| new.is_none_or(|new| new.metadata.uid != set.metadata.uid);
        let old = sets.iter().copied().filter(is_other).collect();
        View {
            deployment,
            new,
            old,
            new_name: revision::name_of_new(deployment),
            name_is_taken: false,
            old_pods_run: false,
            was_made: false,
            refusal: None,
            now,
        }
    }

    /// The old sets and the new one.
    pub(super) fn all(&self) -> Vec<&'a ReplicaSet> {
        self.old.iter().copied().chain(self.new).collect()
    }

    /// The old sets that want pods.
    pub(super) fn active_old(&self) -> Vec<&'a ReplicaSet> {
        self.old.iter().copied().filter(|set| wanted(set) > 0).collect()
    }

    /// How many pods the Deployment wants.
    pub(super) fn replicas(&self) -> i32 {
        self.deployment.spec.replicas.unwrap_or(1)
    }

    pub(super) fn is_paused(&self) -> bool {
        self.deployment.spec.paused == Some(true)
    }

    /// Whether all pods go before new ones come.
    pub(super) fn recreates(&self) -> bool {
        let strategy = self.deployment.spec.strategy.as_ref();
        strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("Recreate")
    }

    /// How many pods there may be beyond those that are wanted (`MaxSurge`).
    pub(super) fn max_surge(&self) -> i32 {
        if self.recreates() { 0 } else { self.fenceposts().0 }
    }

    /// How many of the wanted pods may be unavailable (`MaxUnavailable`).
    pub(super) fn max_unavailable(&self) -> i32 {
        match self.recreates() || self.replicas() == 0 {
            true => 0,
            false => self.fenceposts().1.min(self.replicas()),
        }
    }

    /// Surge and unavailability as numbers of pods, never both zero (`ResolveFenceposts`).
    fn fenceposts(&self) -> (i32, i32) {
        let rolling =
            self.deployment.spec.strategy.as_ref().and_then(|strategy| strategy.rolling_update.as_ref());
        let part = |value: Option<&IntOrString>, up: bool| {
            value.map_or(0, |value| share(value, self.replicas(), up))
        };
        let surge = part(rolling.and_then(|rolling| rolling.max_surge.as_ref()), true);
        let unavailable = part(rolling.and_then(|rolling| rolling.max_unavailable.as_ref()), false);
        if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
    }
}

/// A number, or a part of a whole, rounded up or down.
fn share(value: &IntOrString, whole: i32, up: bool) -> i32 {
    match value {
        IntOrString::Int(number) => *number,
        IntOrString::String(text) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
            let hundredfold = percent * i64::from(whole);
            let rounded = if up { (hundredfold + 99) / 100 } else { hundredfold / 100 };
            i32::try_from(rounded).unwrap_or(i32::MAX)
        }
    }
}

/// What orders sets by age, and those of one age by name.
pub(super) fn age_and_name(set: &ReplicaSet) -> (Option<Timestamp>, String) {
    let created = set.metadata.creation_timestamp.as_ref().map(|time| time.0);
    (created, set.metadata.name.clone().unwrap_or_default())
}

/// The template without the label that its ReplicaSet adds.
fn without_hash(template: &PodTemplateSpec) -> PodTemplateSpec {
    let mut template = template.clone();
    if let Some(labels) = template.metadata.as_mut().and_then(|metadata| metadata.labels.as_mut()) {
        labels.remove(POD_TEMPLATE_HASH);
    }
    template
}

/// How many pods a set wants.
pub(super) fn wanted(set: &ReplicaSet) -> i32 {
    set.spec.replicas.unwrap_or(1)
}

/// How many pods sets want together.
pub(super) fn wanted_by(sets: &[&ReplicaSet]) -> i32 {
    sets.iter().map(|set| wanted(set)).sum()
}

/// How many pods a set has.
pub(super) fn present(set: &ReplicaSet) -> i32 {
    set.status.as_ref().map_or(0, |status| status.replicas)
}

/// How many pods of a set are available.
pub(super) fn available(set: &ReplicaSet) -> i32 {
    set.status.as_ref().and_then(|status| status.available_replicas).unwrap_or(0)
}

/// How many pods a set was told to have when the Deployment wanted this many in all.
pub(super) fn desired_then(set: &ReplicaSet) -> Option<i32> {
    number(set, DESIRED_REPLICAS)
}

/// How many pods there might have been in all when the set was scaled last.
pub(super) fn most_then(set: &ReplicaSet) -> Option<i32> {
    number(set, MAX_REPLICAS)
}

fn number(set: &ReplicaSet, annotation: &str) -> Option<i32> {
    set.metadata.annotations.as_ref()?.get(annotation)?.parse().ok()
}

/// Notes on a set how many pods the Deployment wants, and how many there may be (`SetReplicasAnnotations`).
pub(super) fn annotate(set: &mut ReplicaSet, view: &View) {
    let annotations: &mut BTreeMap<String, String> = set.metadata.annotations.get_or_insert_default();
    let most = view.replicas() + view.max_surge();
    annotations.insert(DESIRED_REPLICAS.to_owned(), view.replicas().to_string());
    annotations.insert(MAX_REPLICAS.to_owned(), most.to_string());
}
