//! Who controls an object, and how a controller takes one or lets one go.
//!
//! Follows `pkg/controller/controller_ref_manager.go` and `pkg/apis/meta/v1/controller_ref.go` of
//! kubernetes/kubernetes and kubernetes/apimachinery.

use k8s_openapi::Resource;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::json;

use crate::api::labels::Selector;
use crate::api::object::SharedObject;
use crate::api::patch::PatchType;
use crate::apiserver::request::Request;

/// The reference by which an object's controller is known.
pub(super) fn controller_of(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// The uid of an object's controller, empty for an object that nothing controls.
pub(super) fn controller_uid(object: &SharedObject) -> Option<String> {
    Some(controller_of(object.metadata()).map(|owner| owner.uid.clone()).unwrap_or_default())
}

/// The reference that an object of kind `K` puts into what it controls.
pub(super) fn reference_to<K: Resource>(owner: &ObjectMeta) -> OwnerReference {
    OwnerReference {
        api_version: K::API_VERSION.to_owned(),
        kind: K::KIND.to_owned(),
        name: owner.name.clone().unwrap_or_default(),
        uid: owner.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The requests that make a controller's objects agree with its selector: those of its own that no longer match are
/// let go, and those of nobody that match are taken, unless the controller or the object is being deleted.
pub(super) fn claims<Owner: Resource, Owned: Resource>(
    owner: &ObjectMeta,
    selector: &Selector,
    owned: &[SharedObject],
    orphans: &[SharedObject],
) -> Vec<Request> {
    let is_going = |metadata: &ObjectMeta| metadata.deletion_timestamp.is_some();
    let matches = |object: &SharedObject| {
        let labels = object.metadata().labels.clone().unwrap_or_default();
        selector.matches(&labels)
    };
    let uid = owner.uid.as_deref().unwrap_or_default();
    if is_going(owner) {
        return Vec::new();
    }
    let lost = owned.iter().filter(|object| !matches(object) && !is_going(object.metadata()));
    let released = lost.filter_map(|object| {
        let body = json!({ "metadata": {
            "uid": object.metadata().uid,
            "ownerReferences": [{ "$patch": "delete", "uid": uid }],
        }});
        patch::<Owned>(object, body)
    });
    let found = orphans.iter().filter(|object| matches(object) && !is_going(object.metadata()));
    let adopted = found.filter_map(|object| {
        let body = json!({ "metadata": {
            "uid": object.metadata().uid,
            "ownerReferences": [reference_to::<Owner>(owner)],
        }});
        patch::<Owned>(object, body)
    });
    released.chain(adopted).collect()
}

fn patch<Owned: Resource>(object: &SharedObject, body: serde_json::Value) -> Option<Request> {
    Request::patch::<Owned>(object.namespace(), object.name(), PatchType::Strategic, body).ok()
}
