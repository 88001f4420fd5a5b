//! Another number of pods, shared among the sets of a rollout that is under way.
//!
//! Follows `scale`, `isScalingEvent` and `scaleReplicaSet` in `pkg/controller/deployment/sync.go` and
//! `GetReplicaSetProportion` in `pkg/controller/deployment/util/deployment_util.go` of kubernetes/kubernetes.

use std::cmp::Reverse;

use k8s_openapi::api::apps::v1::ReplicaSet;

use super::view::{View, age_and_name, annotate, available, desired_then, most_then, wanted, wanted_by};
use super::{Next, Write};

/// Whether the Deployment wants another number of pods than when its sets were scaled last.
pub(super) fn is_asked_for(view: &View) -> bool {
    let active = view.all().into_iter().filter(|set| wanted(set) > 0);
    active.filter_map(desired_then).any(|desired| desired != view.replicas())
}

/// The next write that brings the sets to the number that is wanted.
pub(super) fn next(view: &View) -> Option<Next> {
    if let Some(set) = active_or_latest(view) {
        return to(view, set, view.replicas());
    }
    if is_saturated(view) {
        return view.active_old().into_iter().find_map(|set| to(view, set, 0));
    }
    if view.recreates() {
        return None;
    }
    let mut sets: Vec<&ReplicaSet> = view.all().into_iter().filter(|set| wanted(set) > 0).collect();
    let allowed = if view.replicas() > 0 { view.replicas() + view.max_surge() } else { 0 };
    let missing = allowed - wanted_by(&sets);
    // What was scaled already bears the numbers of this scaling.
    sets.retain(|set| desired_then(set) != Some(view.replicas()));
    match missing > 0 {
        true => sets.sort_by_key(|set| (Reverse(wanted(set)), Reverse(age_and_name(set)))),
        false => sets.sort_by_key(|set| (Reverse(wanted(set)), age_and_name(set))),
    }
    // The first takes what rounding leaves; each write leaves the shares of the others as they are.
    let (first, rest) = sets.split_first()?;
    let own = proportion(view, first, missing);
    let others = rest.iter().fold(0, |added, set| added + proportion(view, set, missing - own - added));
    to(view, first, (wanted(first) + missing - others).max(0))
}

/// The one set that wants pods; where none does, the newest.
fn active_or_latest<'a>(view: &View<'a>) -> Option<&'a ReplicaSet> {
    let active: Vec<_> = view.all().into_iter().filter(|set| wanted(set) > 0).collect();
    match active[..] {
        [] => view.new.or_else(|| view.old.last().copied()),
        [set] => Some(set),
        _ => None,
    }
}

/// Whether the new set has all the pods that are wanted (`IsSaturated`).
fn is_saturated(view: &View) -> bool {
    view.new.is_some_and(|set| {
        let goal = view.replicas();
        wanted(set) == goal && desired_then(set) == Some(goal) && available(set) == goal
    })
}

/// What a set gains or loses of what is missing in all, by its share of the pods.
fn proportion(view: &View, set: &ReplicaSet, missing: i32) -> i32 {
    if missing == 0 {
        return 0;
    }
    let fraction = fraction(view, set);
    if missing > 0 { fraction.min(missing) } else { fraction.max(missing) }
}

fn fraction(view: &View, set: &ReplicaSet) -> i32 {
    if view.replicas() == 0 {
        return -wanted(set);
    }
    let running = view.deployment.status.as_ref().and_then(|status| status.replicas).unwrap_or(0);
    let before = i64::from(most_then(set).filter(|most| *most > 0).unwrap_or(running));
    if before == 0 {
        return 0;
    }
    let after = i64::from(wanted(set)) * i64::from(view.replicas() + view.max_surge());
    // Rounded half away from zero; no number here is negative.
    let rounded = (2 * after + before) / (2 * before);
    i32::try_from(rounded).unwrap_or(i32::MAX) - wanted(set)
}

/// The write that makes a set want this many pods, and notes what the Deployment wants in all; none where both is so.
pub(super) fn to(view: &View, set: &ReplicaSet, replicas: i32) -> Option<Next> {
    let before = wanted(set);
    let mut scaled = set.clone();
    scaled.spec.replicas = Some(replicas);
    annotate(&mut scaled, view);
    if before == replicas && scaled.metadata.annotations == set.metadata.annotations {
        return None;
    }
    let direction = if replicas > before { "up" } else { "down" };
    let name = set.metadata.name.as_deref().unwrap_or_default();
    let event = (before != replicas).then(|| told(direction, name, before, replicas));
    Some(Next { event, ..Next::write(Write::Update(Box::new(scaled))) })
}

/// What is told of a scaling.
pub(super) fn told(direction: &str, name: &str, from: i32, to: i32) -> (&'static str, &'static str, String) {
    ("Normal", "ScalingReplicaSet", format!("Scaled {direction} replica set {name} from {from} to {to}"))
}
