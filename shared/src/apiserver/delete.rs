//! `delete` and `deletecollection`: objects removed, at once or gracefully.
//!
//! Follows `pkg/registry/rest/delete.go` and `pkg/registry/core/pod/strategy.go` upstream.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Time};

use crate::api::object::{ApiObject, SharedObject};
use crate::api::status;
use crate::store::{Expect, KeyValue};

use super::registry::strategy::{self, FOREGROUND_FINALIZER, ORPHAN_FINALIZER};
use super::registry::{Stored, Target};
use super::request::{ListOptions, Reply};
use super::user::Caller;
use super::{ApiServer, Result, options};

/// How often a delete that others overtook is tried anew.
const ATTEMPTS: usize = 16;

/// What a delete comes to.
enum Step {
    /// The object goes at once.
    Remove,
    /// The object stays, marked, until those it waits for are done.
    Mark(Box<dyn ApiObject>),
    /// It is already marked so.
    Nothing,
}

impl ApiServer {
    /// Deletes the object, or marks it as to be deleted.
    pub(crate) async fn delete(
        &self,
        caller: &Caller,
        target: &Target,
        options: &DeleteOptions,
    ) -> Result<Reply> {
        options::check_delete(options)?;
        for _ in 0..ATTEMPTS {
            let (object, item) = self.existing(target).await?;
            self.admit_delete(caller, target, object.body())?;
            if let Some(reply) = self.try_delete(target, options, &object, &item).await? {
                return Ok(reply);
            }
        }
        Err(Box::new(status::stale(target.kind.group_resource(), &target.name)))
    }

    /// One attempt; `None` where someone else was faster.
    async fn try_delete(
        &self,
        target: &Target,
        options: &DeleteOptions,
        object: &SharedObject,
        item: &KeyValue,
    ) -> Result<Option<Reply>> {
        check_preconditions(target, options, object)?;
        let dry_run = options.dry_run.as_ref().is_some_and(|stages| !stages.is_empty());
        let marked = with_finalizers(object.body(), options);
        let (body, is_other) = (marked.as_deref().unwrap_or(object.body()), marked.is_some());
        let step = match next_step(body, options, self.now_in_seconds()) {
            Step::Nothing if is_other => Step::Mark(body.boxed_clone()),
            step => step,
        };
        match step {
            Step::Nothing => Ok(Some(Reply::Object(object.clone()))),
            Step::Mark(marked) => {
                match self.put(target, marked, Expect::At(item.mod_revision), dry_run).await? {
                    Stored::Done(object) => Ok(Some(Reply::Object(object))),
                    Stored::Conflict => Ok(None),
                }
            }
            Step::Remove => {
                if !dry_run && !self.remove(target, item.mod_revision).await? {
                    return Ok(None);
                }
                self.release_of(object.body(), dry_run).await?;
                Ok(Some(self.removed(target, object)))
            }
        }
    }

    /// Some kinds are shown as they were when they went, others by a `Status`, as upstream does.
    fn removed(&self, target: &Target, object: &SharedObject) -> Reply {
        if strategy::returns_deleted_object(target.kind) {
            return Reply::Object(object.clone());
        }
        let uid = object.metadata().uid.clone();
        Reply::Status(Box::new(status::deleted(target.kind.group_resource(), &target.name, uid)))
    }

    /// Deletes every object that the selection picks; the answer lists them as they were.
    pub(crate) async fn delete_collection(
        &self,
        caller: &Caller,
        target: &Target,
        selection: &ListOptions,
        options: &DeleteOptions,
    ) -> Result<Reply> {
        let list = self.list(target, selection).await?;
        for object in &list.items {
            let one = Target {
                name: object.name().to_owned(),
                namespace: object.namespace().to_owned(),
                ..target.clone()
            };
            match self.delete(caller, &one, options).await {
                Err(error) if !status::is(&error, "NotFound") => return Err(error),
                _ => {}
            }
        }
        Ok(Reply::List(list))
    }
}

/// 409 unless the object is the one that the client means (`BeforeDelete` upstream).
fn check_preconditions(target: &Target, options: &DeleteOptions, object: &SharedObject) -> Result<()> {
    let Some(wanted) = &options.preconditions else { return Ok(()) };
    let found = object.metadata();
    let differs = [
        ("UID", "deleted and then recreated", &wanted.uid, &found.uid),
        ("ResourceVersion", "modified", &wanted.resource_version, &found.resource_version),
    ];
    for (what, fate, wanted, found) in differs {
        let found = found.as_deref().unwrap_or_default();
        if let Some(wanted) = wanted.as_deref().filter(|wanted| *wanted != found) {
            let why = format!(
                "the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). \
                 The object might have been {fate}"
            );
            return Err(Box::new(status::conflict(target.kind.group_kind(), &target.name, &why)));
        }
    }
    Ok(())
}

/// The object with the finalizers that say what becomes of its dependents, where they are not those that it has
/// (`deletionFinalizersForGarbageCollection` in `pkg/registry/generic/registry/store.go` of kubernetes/apiserver).
fn with_finalizers(object: &dyn ApiObject, options: &DeleteOptions) -> Option<Box<dyn ApiObject>> {
    let before = object.metadata().finalizers.clone().unwrap_or_default();
    let had = |finalizer: &str| before.iter().any(|held| held == finalizer);
    let policy = options.propagation_policy.as_deref();
    let orphans = match (options.orphan_dependents, policy) {
        (Some(orphans), _) => orphans,
        (None, Some(policy)) => policy == "Orphan",
        (None, None) => had(ORPHAN_FINALIZER),
    };
    let waits = match (options.orphan_dependents, policy) {
        (Some(_), _) => false,
        (None, Some(policy)) => policy == "Foreground",
        (None, None) => had(FOREGROUND_FINALIZER) && !orphans,
    };
    let is_other = |finalizer: &String| finalizer != ORPHAN_FINALIZER && finalizer != FOREGROUND_FINALIZER;
    let mut after: Vec<String> = before.iter().filter(|finalizer| is_other(finalizer)).cloned().collect();
    after.extend(orphans.then(|| ORPHAN_FINALIZER.to_owned()));
    after.extend(waits.then(|| FOREGROUND_FINALIZER.to_owned()));
    if after.len() == before.len() && after.iter().all(|finalizer| before.contains(finalizer)) {
        return None;
    }
    let mut marked = object.boxed_clone();
    marked.metadata_mut().finalizers = Some(after).filter(|finalizers| !finalizers.is_empty());
    Some(marked)
}

fn next_step(object: &dyn ApiObject, options: &DeleteOptions, now: Timestamp) -> Step {
    if let Some(pod) = object.downcast_ref::<Pod>() {
        return next_step_of_pod(pod, options, now);
    }
    match (strategy::waits_for_finalizers(object), object.metadata().deletion_timestamp.is_some()) {
        (false, _) => Step::Remove,
        (true, true) => Step::Nothing,
        (true, false) => mark(object, now, 0),
    }
}

/// Pods alone are deleted gracefully; the grace of one that is ending can only become shorter.
fn next_step_of_pod(pod: &Pod, options: &DeleteOptions, now: Timestamp) -> Step {
    let wanted = options.grace_period_seconds.map(|seconds| if seconds < 0 { 1 } else { seconds });
    let running = pod.metadata.deletion_grace_period_seconds.unwrap_or(0);
    let is_ending = pod.metadata.deletion_timestamp.is_some();
    let waits = strategy::waits_for_finalizers(pod);
    match (is_ending, wanted) {
        (true, _) if running == 0 && !waits => Step::Remove,
        (true, None) => Step::Nothing,
        (true, Some(wanted)) if wanted >= running => Step::Nothing,
        (true, Some(0)) if !waits => Step::Remove,
        (true, Some(wanted)) => shorten(pod, now, running, wanted),
        (false, _) => match grace_seconds(pod, wanted) {
            0 if !waits => Step::Remove,
            grace => mark(pod, now, grace),
        },
    }
}

/// How long a pod has to end, in seconds (`CheckGracefulDelete` of `pkg/registry/core/pod/strategy.go`).
fn grace_seconds(pod: &Pod, wanted: Option<i64>) -> i64 {
    let spec = pod.spec.as_ref();
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let never_ran = spec.and_then(|spec| spec.node_name.as_deref()).unwrap_or_default().is_empty();
    if never_ran || matches!(phase, Some("Succeeded" | "Failed")) {
        return 0;
    }
    let own = spec.and_then(|spec| spec.termination_grace_period_seconds);
    match wanted.or(own).unwrap_or(0) {
        negative if negative < 0 => 1,
        seconds => seconds,
    }
}

/// The object, to be deleted at the end of its grace.
fn mark(object: &dyn ApiObject, now: Timestamp, grace: i64) -> Step {
    let mut marked = object.boxed_clone();
    let metadata = marked.metadata_mut();
    metadata.deletion_timestamp =
        Some(Time(now.checked_add(SignedDuration::from_secs(grace)).unwrap_or(now)));
    metadata.deletion_grace_period_seconds = Some(grace);
    metadata.generation = metadata.generation.map(|generation| generation + 1);
    if let Some(namespace) = marked.downcast_mut::<Namespace>() {
        // Upstream's namespaces end without any grace, not with one of zero.
        namespace.metadata.deletion_grace_period_seconds = None;
        namespace.status.get_or_insert_default().phase = Some("Terminating".into());
    }
    Step::Mark(marked)
}

/// The pod with less time than it was given at first, counted from when it was first deleted.
fn shorten(pod: &Pod, now: Timestamp, running: i64, wanted: i64) -> Step {
    let mut marked = pod.clone();
    let end = pod.metadata.deletion_timestamp.as_ref().map_or(now, |time| time.0);
    let end = end.checked_sub(SignedDuration::from_secs(running - wanted)).unwrap_or(now);
    // Less than nothing cannot be left; whoever asked for some grace still gets a second.
    let grace = if end < now { wanted.min(1) } else { wanted };
    marked.metadata.deletion_timestamp = Some(Time(end.max(now)));
    marked.metadata.deletion_grace_period_seconds = Some(grace);
    Step::Mark(Box::new(marked))
}
