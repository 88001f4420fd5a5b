//! `update`: a stored object replaced by another.
//!
//! Follows `pkg/registry/rest/update.go` and `GuaranteedUpdate` in `pkg/storage/etcd3/store.go` of
//! kubernetes/apiserver.

use crate::api::object::{ApiObject, SharedObject};
use crate::api::status;
use crate::store::{Expect, KeyValue};
use crate::{defaults, validation};

use super::registry::{self, Stored, Target, strategy};
use super::request::{Input, Reply, WriteOptions};
use super::user::Caller;
use super::{ApiServer, Result, admission, create, input};

/// How often a write that others overtook is tried anew.
const ATTEMPTS: usize = 16;

impl ApiServer {
    /// Replaces the object, or its subresource, by the body.
    pub(crate) async fn update(
        &self,
        caller: &Caller,
        target: &Target,
        body: Input,
        options: &WriteOptions,
        warnings: &mut Vec<String>,
    ) -> Result<Reply> {
        let mut object = input::object(target.kind, body, options.field_validation, warnings)?;
        check_name(target, &mut *object)?;
        create::check_namespace(target, object.metadata_mut())?;
        let change = |_: &SharedObject, _: &mut Vec<String>| Ok(object.boxed_clone());
        self.change(caller, target, options, warnings, change).await.map(Reply::Object)
    }

    /// Reads the object, makes the new one of it and writes that, again if others were faster,
    /// unless the new one insists on a `resourceVersion`.
    pub(crate) async fn change(
        &self,
        caller: &Caller,
        target: &Target,
        options: &WriteOptions,
        warnings: &mut Vec<String>,
        mut make: impl FnMut(&SharedObject, &mut Vec<String>) -> Result<Box<dyn ApiObject>>,
    ) -> Result<SharedObject> {
        for _ in 0..ATTEMPTS {
            let mut said = Vec::new();
            let (old, item) = self.existing(target).await?;
            let new = make(&old, &mut said)?;
            if let Some(object) = self.replace(caller, target, options, &mut said, (old, item), new).await? {
                warnings.append(&mut said);
                return Ok(object);
            }
        }
        Err(Box::new(status::stale(target.kind.group_resource(), &target.name)))
    }

    /// One attempt; `None` where someone else was faster.
    async fn replace(
        &self,
        caller: &Caller,
        target: &Target,
        options: &WriteOptions,
        warnings: &mut Vec<String>,
        (old, item): (SharedObject, KeyValue),
        mut new: Box<dyn ApiObject>,
    ) -> Result<Option<SharedObject>> {
        let insists = check_version(target, &*new, &old)?;
        self.complete(caller, target, &mut *new, &old, warnings).await?;
        if registry::equal(&*new, old.body()) {
            return Ok(Some(old));
        }
        if leaves_nothing_to_wait_for(&*new, old.body()) {
            return self.finish_deletion(target, &item, options.dry_run, new).await;
        }
        let claims = self.reallocate_addresses(target, &mut *new, old.body(), options.dry_run).await?;
        match self.put(target, new, Expect::At(item.mod_revision), options.dry_run).await? {
            Stored::Done(object) => {
                self.release_replaced(old.body(), object.body(), options.dry_run).await?;
                Ok(Some(object))
            }
            Stored::Conflict => {
                self.release_addresses(&claims).await?;
                match insists {
                    true => Err(Box::new(status::stale(target.kind.group_resource(), &target.name))),
                    false => Ok(None),
                }
            }
        }
    }

    /// Defaults, keeps what may not change, admits and validates.
    async fn complete(
        &self,
        caller: &Caller,
        target: &Target,
        new: &mut dyn ApiObject,
        old: &SharedObject,
        warnings: &mut Vec<String>,
    ) -> Result<()> {
        keep_system_metadata(new, old.body());
        defaults::apply(new);
        match target.subresource_name() {
            "" => strategy::prepare_for_update(new, old.body()),
            "finalize" => strategy::prepare_for_finalize(new, old.body()),
            _ => strategy::prepare_for_status_update(new, old.body()),
        }
        self.admit_update(caller, target, new, old.body())?;
        let errors = match target.subresource_name() {
            "status" => validation::validate_status_update(new, old.body()),
            _ => validation::validate_update(new, old.body()),
        };
        admission::invalid_unless_empty(target, errors)?;
        if target.subresource.is_none() {
            warnings.extend(validation::warnings::warnings(new));
            warnings.extend(admission::unsupported(new));
        }
        Ok(())
    }

    /// Removes an object whose last finalizer went.
    async fn finish_deletion(
        &self,
        target: &Target,
        item: &KeyValue,
        dry_run: bool,
        new: Box<dyn ApiObject>,
    ) -> Result<Option<SharedObject>> {
        let gone = dry_run || self.remove(target, item.mod_revision).await?;
        Ok(gone.then(|| crate::api::object::Object::new(new)))
    }
}

/// The name in the body must be the one of the path; it may be left out.
fn check_name(target: &Target, object: &mut dyn ApiObject) -> Result<()> {
    let name = object.metadata_mut().name.get_or_insert_with(|| target.name.clone());
    if *name == target.name {
        return Ok(());
    }
    let message = format!("the name of the object ({name}) does not match the name on the URL ({})", target.name);
    Err(Box::new(status::bad_request(message)))
}

/// Whether the client insists on a `resourceVersion`; 409 where that is stale or the uid another.
fn check_version(target: &Target, new: &dyn ApiObject, old: &SharedObject) -> Result<bool> {
    let what = target.kind.group_resource();
    let (wanted, found) = (new.metadata(), old.metadata());
    if let (Some(wanted), Some(found)) = (&wanted.uid, &found.uid)
        && wanted != found
        && !wanted.is_empty()
    {
        let why = format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}");
        return Err(Box::new(status::conflict(what, &target.name, &why)));
    }
    match wanted.resource_version.as_deref() {
        None | Some("" | "0") => Ok(false),
        Some(version) if version == old.resource_version() => Ok(true),
        Some(_) => Err(Box::new(status::stale(what, &target.name))),
    }
}

/// What only the server says of an object stays as it was (`BeforeUpdate` upstream).
fn keep_system_metadata(new: &mut dyn ApiObject, old: &dyn ApiObject) {
    let old = old.metadata();
    let new = new.metadata_mut();
    new.uid.clone_from(&old.uid);
    new.creation_timestamp.clone_from(&old.creation_timestamp);
    new.deletion_timestamp.clone_from(&old.deletion_timestamp);
    new.deletion_grace_period_seconds.clone_from(&old.deletion_grace_period_seconds);
    new.generate_name.clone_from(&old.generate_name);
    new.resource_version.clone_from(&old.resource_version);
    new.self_link = None;
}

/// Whether the object was only waiting for its finalizers, and the last one went.
fn leaves_nothing_to_wait_for(new: &dyn ApiObject, old: &dyn ApiObject) -> bool {
    let waits = |object: &dyn ApiObject| {
        let own = object.metadata().finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty());
        own || strategy::has_own_finalizers(object)
    };
    let graceful = new.metadata().deletion_grace_period_seconds.is_none_or(|seconds| seconds == 0);
    new.metadata().deletion_timestamp.is_some() && graceful && waits(old) && !waits(new)
}
