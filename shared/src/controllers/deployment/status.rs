//! What a Deployment's status says: its counts, whether it is available, and how its rollout goes.
//!
//! Follows `pkg/controller/deployment/progress.go`, `calculateStatus` and `checkPausedConditions` in
//! `pkg/controller/deployment/sync.go` of kubernetes/kubernetes.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::super::replica_set::status::some;
use super::view::{View, available, present, wanted_by};
use super::{Next, Write};

const AVAILABLE: &str = "Available";
const PROGRESSING: &str = "Progressing";
const REPLICA_FAILURE: &str = "ReplicaFailure";
/// The new set could not be made.
pub(super) const CREATE_ERROR: &str = "ReplicaSetCreateError";
const COMPLETE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const PAUSED: &str = "DeploymentPaused";
const RESUMED: &str = "DeploymentResumed";

/// The status alone, without regard to progress (`syncDeploymentStatus`).
pub(super) fn plain(view: &View) -> Next {
    written(view, calculate(view))
}

/// The status of a rollout (`syncRolloutStatus`).
pub(super) fn of_rollout(view: &View) -> Next {
    let mut status = calculate(view);
    let has_deadline = deadline(view.deployment).is_some();
    let before = condition(&status, PROGRESSING).cloned();
    let was_complete = status.replicas == status.updated_replicas
        && before.as_ref().is_some_and(|condition| condition.reason.as_deref() == Some(COMPLETE));
    if !has_deadline {
        remove(&mut status, PROGRESSING);
    } else if !was_complete {
        tell_progress(view, &mut status, before);
    }
    match replica_failure(view) {
        Some(failure) => set(&mut status, failure),
        None => remove(&mut status, REPLICA_FAILURE),
    }
    written(view, status)
}

fn tell_progress(view: &View, status: &mut DeploymentStatus, before: Option<DeploymentCondition>) {
    let (now, subject) = (view.now, subject(view));
    if is_done(view.deployment, status) {
        let message = format!("{subject} has successfully progressed.");
        set(status, new_condition(PROGRESSING, "True", COMPLETE, message, now));
    } else if has_progressed(view.deployment, status) {
        let message = format!("{subject} is progressing.");
        let mut condition = new_condition(PROGRESSING, "True", "ReplicaSetUpdated", message, now);
        if let Some(before) = before.filter(|before| before.status.as_deref() == Some("True")) {
            condition.last_transition_time = before.last_transition_time;
        }
        remove(status, PROGRESSING);
        set(status, condition);
    } else if has_timed_out(view, status) {
        let message = format!("{subject} has timed out progressing.");
        set(status, new_condition(PROGRESSING, "False", TIMED_OUT, message, now));
    }
}

/// Who progresses: the new set where it is there.
fn subject(view: &View) -> String {
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    match view.new {
        Some(set) => format!("ReplicaSet {:?}", name(&set.metadata.name)),
        None => format!("Deployment {:?}", name(&view.deployment.metadata.name)),
    }
}

/// Writes a status that says something new; else looks again when the rollout is to have progressed.
fn written(view: &View, status: DeploymentStatus) -> Next {
    if view.deployment.status.as_ref() == Some(&status) {
        return Next { look_at: next_look(view, &status), ..Next::default() };
    }
    let deployment = Deployment { status: Some(status), ..view.deployment.clone() };
    Next::write(Write::Status(Box::new(deployment)))
}

/// When a rollout that does not progress is given up (`requeueStuckDeployment`).
fn next_look(view: &View, status: &DeploymentStatus) -> Option<Timestamp> {
    let condition = condition(status, PROGRESSING)?;
    let is_over =
        is_done(view.deployment, status) || matches!(condition.reason.as_deref(), Some(TIMED_OUT | COMPLETE));
    if is_over || view.is_paused() {
        return None;
    }
    let due = last_update(condition)?.checked_add(deadline(view.deployment)?).ok()?;
    due.max(view.now).checked_add(SignedDuration::from_secs(1)).ok()
}

fn last_update(condition: &DeploymentCondition) -> Option<Timestamp> {
    condition.last_update_time.as_ref().map(|time| time.0)
}

/// How long a rollout may stand still; the largest number means for ever.
fn deadline(deployment: &Deployment) -> Option<SignedDuration> {
    let seconds = deployment.spec.progress_deadline_seconds.filter(|seconds| *seconds != i32::MAX)?;
    Some(SignedDuration::from_secs(seconds.into()))
}

fn calculate(view: &View) -> DeploymentStatus {
    let sets = view.all();
    let sum = |count: fn(&ReplicaSet) -> i32| sets.iter().map(|set| count(set)).sum::<i32>();
    let ready = |set: &ReplicaSet| set.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0);
    let terminating =
        |set: &ReplicaSet| set.status.as_ref().and_then(|status| status.terminating_replicas).unwrap_or(0);
    let before = view.deployment.status.clone().unwrap_or_default();
    let there = sum(available);
    let mut status = DeploymentStatus {
        observed_generation: view.deployment.metadata.generation,
        replicas: some(sum(present)),
        updated_replicas: some(view.new.map_or(0, present)),
        ready_replicas: some(sum(ready)),
        available_replicas: some(there),
        unavailable_replicas: some((wanted_by(&sets) - there).max(0)),
        terminating_replicas: Some(sum(terminating)),
        collision_count: before.collision_count,
        conditions: before.conditions,
    };
    let has_enough = there >= view.replicas() - view.max_unavailable();
    let condition = match has_enough {
        true => ("True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
        false => ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
    };
    let (answer, reason, message) = condition;
    set(&mut status, new_condition(AVAILABLE, answer, reason, message.to_owned(), view.now));
    status
}

/// Whether all pods are those that are wanted, and available, by this status (`DeploymentComplete`).
fn is_done(deployment: &Deployment, status: &DeploymentStatus) -> bool {
    let wanted = deployment.spec.replicas.unwrap_or(1);
    let counts = [status.updated_replicas, status.replicas, status.available_replicas];
    counts.iter().all(|count| count.unwrap_or(0) == wanted)
        && status.observed_generation >= deployment.metadata.generation
}

/// Whether the rollout is through by the status that was written last.
pub(super) fn is_complete(view: &View) -> bool {
    view.deployment.status.as_ref().is_some_and(|status| is_done(view.deployment, status))
}

/// Whether more pods are as they should be than by the last status (`DeploymentProgressing`).
fn has_progressed(deployment: &Deployment, status: &DeploymentStatus) -> bool {
    let before = deployment.status.clone().unwrap_or_default();
    let of = |count: Option<i32>| count.unwrap_or(0);
    let old = |status: &DeploymentStatus| of(status.replicas) - of(status.updated_replicas);
    of(status.updated_replicas) > of(before.updated_replicas)
        || old(status) < old(&before)
        || of(status.ready_replicas) > of(before.ready_replicas)
        || of(status.available_replicas) > of(before.available_replicas)
}

fn has_timed_out(view: &View, status: &DeploymentStatus) -> bool {
    let Some(condition) = condition(status, PROGRESSING) else { return false };
    let (Some(deadline), Some(since)) = (deadline(view.deployment), last_update(condition)) else {
        return false;
    };
    match condition.reason.as_deref() {
        Some(COMPLETE) => false,
        Some(TIMED_OUT) => true,
        _ => since.checked_add(deadline).is_ok_and(|due| due < view.now),
    }
}

/// What keeps sets from having their pods, the new one's before that of others.
fn replica_failure(view: &View) -> Option<DeploymentCondition> {
    let failure = |set: &ReplicaSet| {
        let conditions = set.status.as_ref()?.conditions.as_ref()?;
        let found =
            conditions.iter().find(|condition| condition.type_.as_deref() == Some(REPLICA_FAILURE))?;
        Some(DeploymentCondition {
            type_: found.type_.clone(),
            status: found.status.clone(),
            reason: found.reason.clone(),
            message: found.message.clone(),
            last_transition_time: found.last_transition_time.clone(),
            last_update_time: found.last_transition_time.clone(),
        })
    };
    view.new.into_iter().chain(view.old.iter().copied()).find_map(failure)
}

/// Whether the rollout begins or ends to be paused; a paused one does not time out.
pub(super) fn pause(view: &View) -> Option<Next> {
    deadline(view.deployment)?;
    let before = view.deployment.status.as_ref().and_then(|status| condition(status, PROGRESSING));
    let reason = before.and_then(|condition| condition.reason.as_deref());
    let (reason, message) = match (view.is_paused(), reason) {
        (_, Some(TIMED_OUT)) => return None,
        (true, Some(PAUSED)) => return None,
        (true, _) => (PAUSED, "Deployment is paused"),
        (false, Some(PAUSED)) => (RESUMED, "Deployment is resumed"),
        (false, _) => return None,
    };
    let mut deployment = view.deployment.clone();
    let status = deployment.status.get_or_insert_default();
    set(status, new_condition(PROGRESSING, "Unknown", reason, message.to_owned(), view.now));
    Some(Next::write(Write::Status(Box::new(deployment))))
}

/// Tells that the new set is there: that it was made, or was found; whether that is new.
pub(super) fn tell_of_set(deployment: &mut Deployment, view: &View, new: &ReplicaSet) -> bool {
    let name = new.metadata.name.as_deref().unwrap_or_default();
    let status = deployment.status.get_or_insert_default();
    let is_told = condition(status, PROGRESSING).is_some();
    let (reason, message) = match view.was_made {
        true => ("NewReplicaSetCreated", format!("Created new replica set {name:?}")),
        false if !is_told => ("FoundNewReplicaSet", format!("Found new replica set {name:?}")),
        false => return false,
    };
    if deadline(view.deployment).is_none() {
        return false;
    }
    set(status, new_condition(PROGRESSING, "True", reason, message, view.now));
    true
}

/// Tells that the new set could not be made, once.
pub(super) fn refused(view: &View) -> Option<Next> {
    let (why, _) = (view.refusal?, deadline(view.deployment)?);
    let mut deployment = view.deployment.clone();
    let status = deployment.status.get_or_insert_default();
    let is_told = condition(status, PROGRESSING)
        .is_some_and(|condition| condition.reason.as_deref() == Some(CREATE_ERROR));
    set(status, new_condition(PROGRESSING, "False", CREATE_ERROR, why.to_owned(), view.now));
    (!is_told).then(|| Next::write(Write::Status(Box::new(deployment))))
}

fn new_condition(
    type_: &str,
    status: &str,
    reason: &str,
    message: String,
    now: Timestamp,
) -> DeploymentCondition {
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    DeploymentCondition {
        type_: Some(type_.to_owned()),
        status: Some(status.to_owned()),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: Some(Time(now)),
        last_update_time: Some(Time(now)),
    }
}

fn condition<'a>(status: &'a DeploymentStatus, type_: &str) -> Option<&'a DeploymentCondition> {
    status.conditions.iter().flatten().find(|condition| condition.type_.as_deref() == Some(type_))
}

/// Puts a condition in the place of the one of its type, unless that says the same (`SetDeploymentCondition`).
fn set(status: &mut DeploymentStatus, mut new: DeploymentCondition) {
    let type_ = new.type_.clone().unwrap_or_default();
    if let Some(before) = condition(status, &type_) {
        if before.status == new.status && before.reason == new.reason {
            return;
        }
        if before.status == new.status {
            new.last_transition_time.clone_from(&before.last_transition_time);
        }
    }
    remove(status, &type_);
    status.conditions.get_or_insert_default().push(new);
}

fn remove(status: &mut DeploymentStatus, type_: &str) {
    if let Some(conditions) = &mut status.conditions {
        conditions.retain(|condition| condition.type_.as_deref() != Some(type_));
    }
}
