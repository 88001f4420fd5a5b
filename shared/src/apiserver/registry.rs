//! How objects lie in the store, and how one is read and changed there: what upstream calls the
//! generic registry (`pkg/registry/generic/registry/store.go` of kubernetes/apiserver).

use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use crate::api::object::{ApiObject, Object, SharedObject};
use crate::api::scheme::{Kind, Subresource};
use crate::api::status;
use crate::store::{Expect, KeyValue, Revision, StoreError, StoreEvent, StoredValue, Write, WriteOutcome};

use super::{ApiServer, Result};

pub mod strategy;

/// The object or collection that a request is about.
#[derive(Clone, Debug)]
pub struct Target {
    /// The kind.
    pub kind: &'static Kind,
    /// The namespace, empty for cluster-scoped kinds and for collections across namespaces.
    pub namespace: String,
    /// The name, empty for collections.
    pub name: String,
    /// The part of the object that is meant.
    pub subresource: Option<&'static Subresource>,
}

impl Target {
    /// Where a collection lies, with a trailing slash.
    pub fn prefix(&self) -> String {
        let storage = self.kind.storage_prefix;
        match self.namespace.as_str() {
            "" => format!("/registry/{storage}/"),
            namespace => format!("/registry/{storage}/{namespace}/"),
        }
    }

    /// Where the object lies.
    pub fn key(&self) -> String {
        format!("{}{}", self.prefix(), self.name)
    }

    /// The name of the subresource, empty for the object itself.
    pub fn subresource_name(&self) -> &'static str {
        self.subresource.map_or("", |subresource| subresource.name)
    }

    /// Whether the object's scale is meant and not the object.
    pub fn is_scale(&self) -> bool {
        self.subresource_name() == "scale"
    }

    /// 409 unless the object has the uid that a client insists on, if it does
    /// (`Preconditions.Check` in `pkg/storage/interfaces.go` of kubernetes/apiserver).
    pub fn check_uid(&self, wanted: Option<&str>, found: &ObjectMeta) -> Result<()> {
        self.check_precondition("UID", wanted, found.uid.as_deref())
    }

    /// 409 unless the object is at the `resourceVersion` that a client insists on, if it does.
    pub fn check_resource_version(&self, wanted: Option<&str>, found: &ObjectMeta) -> Result<()> {
        self.check_precondition("ResourceVersion", wanted, found.resource_version.as_deref())
    }

    fn check_precondition(&self, what: &str, wanted: Option<&str>, found: Option<&str>) -> Result<()> {
        let found = found.unwrap_or_default();
        let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty() && *wanted != found) else {
            return Ok(());
        };
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: \
             Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}",
            self.key()
        );
        Err(Box::new(status::conflict(self.kind.group_resource(), &self.name, &why)))
    }

    /// 404 for this object.
    pub fn not_found(&self) -> Box<k8s_openapi::apimachinery::pkg::apis::meta::v1::Status> {
        Box::new(status::not_found(self.kind.group_resource(), &self.name))
    }
}

/// What travels with a stored value: the object that its bytes mean, made once and shared.
#[derive(Default)]
pub struct Decoded {
    /// The object as its writer had it, until someone looks.
    written: Mutex<Option<Box<dyn ApiObject>>>,
    object: OnceLock<SharedObject>,
    /// The object at the revision of its deletion, for watchers.
    gone: OnceLock<SharedObject>,
}

impl Decoded {
    /// An empty slot, for values that an engine read from its file.
    pub fn empty() -> Arc<dyn std::any::Any + Send + Sync> {
        Arc::new(Decoded::default())
    }
}

/// The bytes to store for an object, without its `resourceVersion`, and the object itself beside them.
fn encode(mut object: Box<dyn ApiObject>) -> StoredValue {
    object.metadata_mut().resource_version = None;
    let bytes = Bytes::from(object.to_json());
    let decoded = Decoded { written: Mutex::new(Some(object)), ..Decoded::default() };
    StoredValue { bytes, attachment: Arc::new(decoded) }
}

fn decode(kind: &Kind, value: &StoredValue) -> Result<Box<dyn ApiObject>> {
    kind.stored()
        .decode_bytes(&value.bytes)
        .map_err(|error| Box::new(status::internal(format!("stored {} cannot be read: {error}", kind.kind))))
}

fn at_revision(mut object: Box<dyn ApiObject>, revision: Revision) -> SharedObject {
    object.metadata_mut().resource_version = Some(revision.to_string());
    Object::new(object)
}

/// The object of a stored value in its stored form, the same [`Arc`] for everyone in the process.
fn stored_object(kind: &Kind, item: &KeyValue) -> Result<SharedObject> {
    let Some(slot) = item.value.attachment.downcast_ref::<Decoded>() else {
        return Ok(at_revision(decode(kind, &item.value)?, item.mod_revision));
    };
    if let Some(object) = slot.object.get() {
        return Ok(object.clone());
    }
    let written = slot.written.lock().map_or(None, |mut written| written.take());
    let object = match written {
        Some(object) => object,
        None => decode(kind, &item.value)?,
    };
    Ok(slot.object.get_or_init(|| at_revision(object, item.mod_revision)).clone())
}

/// An object in the form in which its kind is served.
fn served(kind: &Kind, object: SharedObject) -> SharedObject {
    let converted = kind.conversion.and_then(|conversion| (conversion.from_stored)(object.body()));
    converted.map_or(object, Object::new)
}

/// The object of a stored value.
pub fn object(kind: &Kind, item: &KeyValue) -> Result<SharedObject> {
    Ok(served(kind, stored_object(kind, item)?))
}

/// The object that an event removed, at the revision of its going.
pub fn deleted_object(kind: &Kind, event: &StoreEvent, previous: &KeyValue) -> Result<SharedObject> {
    let last = stored_object(kind, previous)?;
    let gone = || at_revision(last.body().boxed_clone(), event.revision);
    let object = match previous.value.attachment.downcast_ref::<Decoded>() {
        Some(slot) => slot.gone.get_or_init(gone).clone(),
        None => gone(),
    };
    Ok(served(kind, object))
}

/// The `Status` for what went wrong in the store.
pub fn store_status(error: StoreError) -> Box<k8s_openapi::apimachinery::pkg::apis::meta::v1::Status> {
    Box::new(match error {
        StoreError::Compacted { requested, oldest } => {
            status::expired(format!("too old resource version: {requested} ({oldest})"))
        }
        StoreError::Future { requested, newest } => {
            status::timeout(&format!("Too large resource version: {requested}, current: {newest}"), 1)
        }
        StoreError::Engine(message) => status::internal(message),
    })
}

/// What became of an attempt to write.
pub(crate) enum Stored {
    /// The object as it now lies in the store.
    Done(SharedObject),
    /// Someone else was faster.
    Conflict,
}

impl ApiServer {
    /// The stored object and its entry, if it exists.
    pub(crate) async fn lookup(&self, target: &Target) -> Result<Option<(SharedObject, KeyValue)>> {
        let Some(item) = self.store.get(&target.key()).await.map_err(store_status)? else {
            return Ok(None);
        };
        Ok(Some((object(target.kind, &item)?, item)))
    }

    /// The stored object and its entry, or 404.
    pub(crate) async fn existing(&self, target: &Target) -> Result<(SharedObject, KeyValue)> {
        self.lookup(target).await?.ok_or_else(|| target.not_found())
    }

    /// Writes an object if its key is as expected; a dry run stops before the store.
    pub(crate) async fn put(
        &self,
        target: &Target,
        object: Box<dyn ApiObject>,
        expect: Expect,
        dry_run: bool,
    ) -> Result<Stored> {
        if dry_run {
            let taken = expect == Expect::Absent && self.lookup(target).await?.is_some();
            return Ok(if taken { Stored::Conflict } else { Stored::Done(Object::new(object)) });
        }
        let converted = target.kind.conversion.and_then(|conversion| (conversion.to_stored)(&*object));
        let value = encode(converted.unwrap_or(object));
        let key: Arc<str> = target.key().into();
        let write = Write { key: key.clone(), value: Some(value.clone()), expect };
        match self.store.write(write).await.map_err(store_status)? {
            WriteOutcome::Conflict(_) => Ok(Stored::Conflict),
            WriteOutcome::Done(revision) => {
                let item = KeyValue { key, value, create_revision: revision, mod_revision: revision };
                self::object(target.kind, &item).map(Stored::Done)
            }
        }
    }

    /// Removes a key that is at `revision`; false where it no longer is.
    pub(crate) async fn remove(&self, target: &Target, revision: Revision) -> Result<bool> {
        let write = Write { key: target.key().into(), value: None, expect: Expect::At(revision) };
        let outcome = self.store.write(write).await.map_err(store_status)?;
        Ok(matches!(outcome, WriteOutcome::Done(_)))
    }
}

/// Whether two objects say the same, their `resourceVersion` aside.
pub(crate) fn equal(a: &dyn ApiObject, b: &dyn ApiObject) -> bool {
    let comparable = |object: &dyn ApiObject| -> Value {
        let mut object = object.boxed_clone();
        object.metadata_mut().resource_version = None;
        object.to_value()
    };
    comparable(a) == comparable(b)
}
