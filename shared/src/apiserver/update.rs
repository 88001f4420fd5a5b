//! `update`: a stored object replaced by another.
//!
//! Follows `pkg/registry/rest/update.go` and `GuaranteedUpdate` in `pkg/storage/etcd3/store.go` of
//! kubernetes/apiserver.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::object::{ApiObject, Object, SharedObject};
use crate::api::status;
use crate::store::{Expect, KeyValue};
use crate::validation::field::{Error, ErrorList, Path};
use crate::{defaults, validation};

use super::registry::{self, Stored, Target, strategy};
use super::request::{Input, Reply, WriteOptions};
use super::service_ip::Claims;
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
        check_name(target, &*object)?;
        create::check_namespace(target, object.metadata_mut())?;
        if strategy::allows_create_on_update(target.kind) && self.lookup(target).await?.is_none() {
            // Who means a certain object means none that is yet to be made; a revision is no such word.
            target.check_uid(object.metadata().uid.as_deref(), &ObjectMeta::default())?;
            object.metadata_mut().resource_version = None;
            return self.create_typed(caller, target, object, options, warnings).await;
        }
        let change = |old: &SharedObject, _: &mut Vec<String>| {
            target.check_uid(object.metadata().uid.as_deref(), old.metadata())?;
            check_insistence(target, &*object)?;
            Ok(object.boxed_clone())
        };
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
        self.complete(caller, target, &mut *new, &old).await?;
        let mut claims = self.reallocate_addresses(target, &mut *new, old.body(), options.dry_run).await?;
        let written = match check_change(target, &*new, &old, warnings) {
            Ok(()) => self.write_over(target, options, (old, item), new, &mut claims).await,
            Err(refusal) => Err(refusal),
        };
        self.release_addresses(&claims).await?;
        match written? {
            None if insists => Err(Box::new(status::stale(target.kind.group_resource(), &target.name))),
            written => Ok(written),
        }
    }

    /// Writes the changed object, if it is one; `None` where someone else was faster. The claims are
    /// its own once it is stored.
    async fn write_over(
        &self,
        target: &Target,
        options: &WriteOptions,
        (old, item): (SharedObject, KeyValue),
        new: Box<dyn ApiObject>,
        claims: &mut Claims,
    ) -> Result<Option<SharedObject>> {
        if leaves_nothing_to_wait_for(&*new, old.body()) {
            return self.finish_deletion(target, (old, item), options.dry_run, new).await;
        }
        if registry::equal(&*new, old.body()) {
            return Ok(Some(old));
        }
        match self.put(target, new, Expect::At(item.mod_revision), options.dry_run).await? {
            Stored::Conflict => Ok(None),
            Stored::Done(object) => {
                claims.clear();
                self.release_replaced(old.body(), object.body(), options.dry_run).await?;
                Ok(Some(object))
            }
        }
    }

    /// Defaults, keeps what may not change, and admits.
    async fn complete(
        &self,
        caller: &Caller,
        target: &Target,
        new: &mut dyn ApiObject,
        old: &SharedObject,
    ) -> Result<()> {
        keep_system_metadata(new, old.body());
        create::leave_out_empty(new.metadata_mut());
        defaults::apply(new);
        match target.subresource_name() {
            "" => strategy::prepare_for_update(new, old.body()),
            "finalize" => strategy::prepare_for_finalize(new, old.body()),
            "ephemeralcontainers" => strategy::prepare_for_ephemeral_containers(new, old.body()),
            _ => strategy::prepare_for_status_update(new, old.body()),
        }
        self.admit_update(caller, target, new, old.body()).await
    }

    /// Removes an object whose last finalizer went.
    async fn finish_deletion(
        &self,
        target: &Target,
        (old, item): (SharedObject, KeyValue),
        dry_run: bool,
        new: Box<dyn ApiObject>,
    ) -> Result<Option<SharedObject>> {
        let gone = dry_run || self.remove(target, item.mod_revision).await?;
        if gone {
            self.release_of(old.body(), dry_run).await?;
        }
        Ok(gone.then(|| Object::new(new)))
    }
}

/// The name and namespace in the body must be those of the path (`checkName` in
/// `pkg/endpoints/handlers/rest.go`).
pub(super) fn check_name(target: &Target, object: &dyn ApiObject) -> Result<()> {
    let metadata = object.metadata();
    let name = metadata.name.as_deref().unwrap_or_default();
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let refused = |message: String| Err(Box::new(status::bad_request(message)));
    if name.is_empty() {
        let message = format!(
            "the name of the object ({} based on URL) was undeterminable: name must be provided",
            target.name
        );
        return refused(message);
    }
    if name != target.name {
        let message =
            format!("the name of the object ({name}) does not match the name on the URL ({})", target.name);
        return refused(message);
    }
    if !namespace.is_empty() && !target.namespace.is_empty() && namespace != target.namespace {
        let message = format!(
            "the namespace of the object ({namespace}) does not match the namespace on the request ({})",
            target.namespace
        );
        return refused(message);
    }
    Ok(())
}

/// 422 for an update that names no `resourceVersion` where the kind demands one.
fn check_insistence(target: &Target, new: &dyn ApiObject) -> Result<()> {
    let version = new.metadata().resource_version.as_deref().unwrap_or_default();
    if strategy::allows_unconditional_update(target.kind) || !matches!(version, "" | "0") {
        return Ok(());
    }
    let path = Path::root("metadata").child("resourceVersion");
    let error = Error::invalid(&path, 0, "must be specified for an update");
    admission::invalid_unless_empty(target, ErrorList::from(error))
}

/// 422 for a change that breaks rules; what a client should know of one that does not.
fn check_change(
    target: &Target,
    new: &dyn ApiObject,
    old: &SharedObject,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let errors = match target.subresource_name() {
        "status" => validation::validate_status_update(new, old.body()),
        "ephemeralcontainers" => validation::validate_ephemeral_containers_update(new, old.body()),
        _ => validation::validate_update(new, old.body()),
    };
    admission::invalid_unless_empty(target, errors)?;
    if target.subresource.is_none() {
        warnings.extend(create::warnings_of(new));
    }
    Ok(())
}

/// Whether the client insists on a `resourceVersion`; 409 where that is stale.
fn check_version(target: &Target, new: &dyn ApiObject, old: &SharedObject) -> Result<bool> {
    match new.metadata().resource_version.as_deref() {
        None | Some("" | "0") => Ok(false),
        Some(version) if version == old.resource_version() => Ok(true),
        Some(_) => Err(Box::new(status::stale(target.kind.group_resource(), &target.name))),
    }
}

/// What only the server says of an object stays as it was (`BeforeUpdate` upstream); whatever else a
/// client claims of it, validation refuses.
fn keep_system_metadata(new: &mut dyn ApiObject, old: &dyn ApiObject) {
    let old = old.metadata();
    let new = new.metadata_mut();
    if new.uid.as_deref().unwrap_or_default().is_empty() {
        new.uid.clone_from(&old.uid);
    }
    if old.deletion_timestamp.is_some() {
        new.deletion_timestamp.clone_from(&old.deletion_timestamp);
    }
    if new.deletion_grace_period_seconds.is_none() {
        new.deletion_grace_period_seconds = old.deletion_grace_period_seconds;
    }
    new.creation_timestamp.clone_from(&old.creation_timestamp);
    new.resource_version.clone_from(&old.resource_version);
    new.managed_fields.clone_from(&old.managed_fields);
    new.self_link = None;
}

/// Whether the object was to be deleted and nothing keeps it any more (`ShouldDeleteDuringUpdate`
/// upstream).
fn leaves_nothing_to_wait_for(new: &dyn ApiObject, old: &dyn ApiObject) -> bool {
    let old = old.metadata();
    let graceful = old.deletion_grace_period_seconds.is_some_and(|seconds| seconds != 0);
    old.deletion_timestamp.is_some() && !graceful && !strategy::waits_for_finalizers(new)
}
