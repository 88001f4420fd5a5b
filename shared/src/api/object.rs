//! One revision of one API object, shared by everyone who looks at it.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{Metadata, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::scheme;

/// A typed API object whose kind is known only at run time.
///
/// Every type of `k8s-openapi` that has an [`ObjectMeta`] is one; the API server's chain handles
/// objects through this trait and asks the scheme for what differs between kinds.
pub trait ApiObject: Any + Send + Sync {
    /// `apiVersion` as it stands in the object, for example `apps/v1`.
    fn api_version(&self) -> &'static str;
    /// `kind` as it stands in the object, for example `Pod`.
    fn kind(&self) -> &'static str;
    /// The object's metadata.
    fn metadata(&self) -> &ObjectMeta;
    /// The object's metadata, to change.
    fn metadata_mut(&mut self) -> &mut ObjectMeta;
    /// A copy that can be changed.
    fn boxed_clone(&self) -> Box<dyn ApiObject>;
    /// For downcasts to the concrete type.
    fn as_any(&self) -> &dyn Any;
    /// For downcasts to the concrete type, to change.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<K> ApiObject for K
where
    K: Resource + Metadata<Ty = ObjectMeta> + Serialize + DeserializeOwned + Clone + Any + Send + Sync,
{
    fn api_version(&self) -> &'static str {
        K::API_VERSION
    }

    fn kind(&self) -> &'static str {
        K::KIND
    }

    fn metadata(&self) -> &ObjectMeta {
        Metadata::metadata(self)
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        Metadata::metadata_mut(self)
    }

    fn boxed_clone(&self) -> Box<dyn ApiObject> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl dyn ApiObject {
    /// The object as a JSON value, null for a kind that the scheme does not know.
    ///
    /// How objects are written stands in the scheme and not in this trait, since the page reads objects of every
    /// kind and writes none: it need not load what it does not call.
    pub fn to_value(&self) -> Value {
        scheme::of(self).map(|kind| kind.value_of(self)).unwrap_or_default()
    }

    /// The object as JSON text, `null` for a kind that the scheme does not know.
    pub fn to_json(&self) -> Vec<u8> {
        scheme::of(self).map_or_else(|| b"null".to_vec(), |kind| kind.encode(self))
    }

    /// This object as a `K`, if it is one.
    pub fn downcast_ref<K: 'static>(&self) -> Option<&K> {
        self.as_any().downcast_ref()
    }

    /// This object as a `K` to change, if it is one.
    pub fn downcast_mut<K: 'static>(&mut self) -> Option<&mut K> {
        self.as_any_mut().downcast_mut()
    }
}

/// One revision of one API object: immutable, shared through an [`Arc`], its JSON encoded at most once.
pub struct Object {
    body: Box<dyn ApiObject>,
    json: OnceLock<Bytes>,
}

/// How objects travel: one allocation a revision, however many look at it.
pub type SharedObject = Arc<Object>;

impl Object {
    /// Wraps a finished object; its metadata already bears the `resourceVersion`.
    pub fn new(body: Box<dyn ApiObject>) -> SharedObject {
        Arc::new(Object { body, json: OnceLock::new() })
    }

    /// Wraps an object of a kind that is not in the scheme, which thus does not know how to write it.
    pub fn with_json(body: Box<dyn ApiObject>, json: impl Into<Bytes>) -> SharedObject {
        Arc::new(Object { body, json: OnceLock::from(json.into()) })
    }

    /// Wraps a typed object.
    pub fn of<K: ApiObject>(object: K) -> SharedObject {
        Object::new(Box::new(object))
    }

    /// The object itself.
    pub fn body(&self) -> &dyn ApiObject {
        &*self.body
    }

    /// The object's metadata.
    pub fn metadata(&self) -> &ObjectMeta {
        self.body.metadata()
    }

    /// Its name, empty where it has none.
    pub fn name(&self) -> &str {
        self.metadata().name.as_deref().unwrap_or_default()
    }

    /// Its namespace, empty for cluster-scoped objects.
    pub fn namespace(&self) -> &str {
        self.metadata().namespace.as_deref().unwrap_or_default()
    }

    /// Its `resourceVersion`, empty where it was never stored.
    pub fn resource_version(&self) -> &str {
        self.metadata().resource_version.as_deref().unwrap_or_default()
    }

    /// This object as a `K`, if it is one.
    pub fn downcast_ref<K: 'static>(&self) -> Option<&K> {
        self.body.downcast_ref()
    }

    /// Its JSON text, encoded on the first call and shared after.
    pub fn json(&self) -> Bytes {
        self.json.get_or_init(|| Bytes::from(self.body.to_json())).clone()
    }
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}@{}", self.body.kind(), self.namespace(), self.name(), self.resource_version())
    }
}
