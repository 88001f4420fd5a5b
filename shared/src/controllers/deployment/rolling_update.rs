//! Pods replaced a few at a time.
//!
//! Follows `pkg/controller/deployment/rolling.go` and `cleanupDeployment` in `pkg/controller/deployment/sync.go` of
//! kubernetes/kubernetes.

use k8s_openapi::api::apps::v1::ReplicaSet;

use super::view::{View, available, present, wanted, wanted_by};
use super::{Next, Write, revision, scale, status};

/// The next write of the rollout, if it is not through.
pub(super) fn next(view: &View) -> Option<Next> {
    revision::sync(view, true)
        .or_else(|| scale_new(view))
        .or_else(|| scale_old(view))
        .or_else(|| if status::is_complete(view) { clean_up(view) } else { None })
}

/// The new set grows as far as the surge allows, and never beyond what is wanted.
fn scale_new(view: &View) -> Option<Next> {
    let set = view.new?;
    let replicas = match wanted(set) {
        too_many if too_many > view.replicas() => view.replicas(),
        now => revision::replicas_of_new(view, now),
    };
    scale::to(view, set, replicas)
}

/// The old sets shrink as far as enough pods stay available; those that are not available go first.
fn scale_old(view: &View) -> Option<Next> {
    let new = view.new?;
    let old = view.active_old();
    if old.is_empty() {
        return None;
    }
    let fewest = view.replicas() - view.max_unavailable();
    let not_there = wanted(new) - available(new);
    let spare = wanted_by(&view.all()) - fewest - not_there;
    if spare <= 0 {
        return None;
    }
    clean_up_unhealthy(view, &old, spare).or_else(|| shrink(view, &old, fewest))
}

/// Pods that are not available are worth nothing: they go without regard to availability.
fn clean_up_unhealthy(view: &View, old: &[&ReplicaSet], spare: i32) -> Option<Next> {
    old.iter().find_map(|set| {
        let unhealthy = wanted(set) - available(set);
        if unhealthy <= 0 {
            return None;
        }
        scale::to(view, set, wanted(set) - unhealthy.min(spare))
    })
}

fn shrink(view: &View, old: &[&ReplicaSet], fewest: i32) -> Option<Next> {
    let there: i32 = view.all().iter().map(|set| available(set)).sum();
    // What was scaled down a moment ago still counts as available until its set's status says otherwise.
    let leaving: i32 = view.all().iter().map(|set| (available(set) - wanted(set)).max(0)).sum();
    let spare = there - leaving - fewest;
    let set = old.first().filter(|_| spare > 0)?;
    scale::to(view, set, wanted(set) - wanted(set).min(spare))
}

/// Deletes the oldest of the old sets that nobody needs any more.
pub(super) fn clean_up(view: &View) -> Option<Next> {
    let limit = usize::try_from(view.deployment.spec.revision_history_limit?).ok()?;
    let mut old: Vec<&ReplicaSet> =
        view.old.iter().copied().filter(|set| set.metadata.deletion_timestamp.is_none()).collect();
    let surplus = old.len().checked_sub(limit).filter(|surplus| *surplus > 0)?;
    old.sort_by_key(|set| revision::number(&set.metadata));
    let observed = |set: &ReplicaSet| set.status.as_ref().and_then(|status| status.observed_generation);
    let is_over =
        |set: &&ReplicaSet| present(set) == 0 && wanted(set) == 0 && set.metadata.generation <= observed(set);
    let set = old.into_iter().take(surplus).find(is_over)?;
    Some(Next::write(Write::Delete(Box::new(set.clone()))))
}
