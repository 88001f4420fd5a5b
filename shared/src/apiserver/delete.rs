//! `delete` and `deletecollection`: objects removed, at once or gracefully.
//!
//! Follows `pkg/registry/rest/delete.go` and `pkg/registry/core/pod/strategy.go` upstream.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Time};

use crate::api::object::{ApiObject, SharedObject};
use crate::api::status;
use crate::store::{Expect, KeyValue};

use super::registry::{Stored, Target, strategy};
use super::request::{List, ListOptions, Reply};
use super::user::Caller;
use super::{ApiServer, Result};

/// How often a delete that others overtook is tried anew.
const ATTEMPTS: usize = 16;
/// How long a pod has to end where nothing says otherwise, in seconds.
const DEFAULT_GRACE_SECONDS: i64 = 30;

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
    pub(crate) async fn delete(&self, caller: &Caller, target: &Target, options: &DeleteOptions) -> Result<Reply> {
        check(options)?;
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
        match next_step(object.body(), options, self.now_in_seconds()) {
            Step::Nothing => Ok(Some(Reply::Object(object.clone()))),
            Step::Mark(marked) => match self.put(target, marked, Expect::At(item.mod_revision), dry_run).await? {
                Stored::Done(object) => Ok(Some(Reply::Object(object))),
                Stored::Conflict => Ok(None),
            },
            Step::Remove => {
                if !dry_run && !self.remove(target, item.mod_revision).await? {
                    return Ok(None);
                }
                self.release_of(object.body(), dry_run).await?;
                Ok(Some(self.removed(target, object)))
            }
        }
    }

    /// Pods are shown as they were when they went, others by a `Status`, as upstream does.
    fn removed(&self, target: &Target, object: &SharedObject) -> Reply {
        if object.body().downcast_ref::<Pod>().is_some() {
            return Reply::Object(object.clone());
        }
        let uid = object.metadata().uid.clone();
        Reply::Status(status::deleted(target.kind.group_resource(), &target.name, uid))
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
        let mut items = Vec::with_capacity(list.items.len());
        for object in list.items {
            let one = Target {
                name: object.name().to_owned(),
                namespace: object.namespace().to_owned(),
                ..target.clone()
            };
            match self.delete(caller, &one, options).await {
                Ok(Reply::Object(object)) => items.push(object),
                Ok(_) => items.push(object),
                Err(error) if status::is(&error, "NotFound") => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Reply::List(List { items, revision: list.revision, ..List::default() }))
    }
}

fn check(options: &DeleteOptions) -> Result<()> {
    if options.orphan_dependents.is_some() && options.propagation_policy.is_some() {
        let message = "orphanDependents and deletionPropagation cannot be both set";
        return Err(Box::new(status::bad_request(message)));
    }
    match options.propagation_policy.as_deref() {
        None | Some("Foreground" | "Background" | "Orphan") => Ok(()),
        Some(other) => {
            let message = format!(
                "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: {other:?}: \
                 supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
            );
            let mut status = status::bad_request(message);
            status.code = Some(422);
            status.reason = Some("Invalid".into());
            Err(Box::new(status))
        }
    }
}

fn check_preconditions(target: &Target, options: &DeleteOptions, object: &SharedObject) -> Result<()> {
    let Some(wanted) = &options.preconditions else { return Ok(()) };
    let found = object.metadata();
    let differs = [
        ("UID", &wanted.uid, &found.uid),
        ("ResourceVersion", &wanted.resource_version, &found.resource_version),
    ];
    for (what, wanted, found) in differs {
        if let Some(wanted) = wanted
            && found.as_ref() != Some(wanted)
        {
            let found = found.as_deref().unwrap_or_default();
            let why = format!("Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}");
            return Err(Box::new(status::conflict(target.kind.group_resource(), &target.name, &why)));
        }
    }
    Ok(())
}

fn next_step(object: &dyn ApiObject, options: &DeleteOptions, now: Timestamp) -> Step {
    let metadata = object.metadata();
    let waits = metadata.finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty())
        || strategy::has_own_finalizers(object);
    let grace = grace_seconds(object, options);
    if grace == 0 && !waits {
        return Step::Remove;
    }
    if metadata.deletion_timestamp.is_some() && metadata.deletion_grace_period_seconds.unwrap_or(0) <= grace {
        return Step::Nothing;
    }
    let mut marked = object.boxed_clone();
    let started = metadata.deletion_timestamp.as_ref().map(|time| time.0);
    let earlier_grace = SignedDuration::from_secs(metadata.deletion_grace_period_seconds.unwrap_or(0));
    let start = started.and_then(|end| end.checked_sub(earlier_grace).ok()).unwrap_or(now);
    let end = start.checked_add(SignedDuration::from_secs(grace)).unwrap_or(now);
    let metadata = marked.metadata_mut();
    metadata.deletion_timestamp = Some(Time(end));
    metadata.deletion_grace_period_seconds = Some(grace);
    if let Some(generation) = &mut metadata.generation {
        *generation += 1;
    }
    if let Some(namespace) = marked.downcast_mut::<Namespace>() {
        namespace.status.get_or_insert_default().phase = Some("Terminating".into());
    }
    Step::Mark(marked)
}

/// How long a pod has to end, in seconds; nothing else is deleted gracefully.
fn grace_seconds(object: &dyn ApiObject, options: &DeleteOptions) -> i64 {
    let Some(pod) = object.downcast_ref::<Pod>() else { return 0 };
    let spec = pod.spec.as_ref();
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let never_ran = spec.and_then(|spec| spec.node_name.as_deref()).unwrap_or_default().is_empty();
    if never_ran || matches!(phase, Some("Succeeded" | "Failed")) {
        return 0;
    }
    let own = spec.and_then(|spec| spec.termination_grace_period_seconds).unwrap_or(DEFAULT_GRACE_SECONDS);
    match options.grace_period_seconds.unwrap_or(own) {
        negative if negative < 0 => 1,
        seconds => seconds,
    }
}
