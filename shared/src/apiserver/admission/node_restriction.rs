//! `NodeRestriction`: a kubelet touches its own node and the pods bound to it, and nothing else
//! (`plugin/pkg/admission/noderestriction` of kubernetes/kubernetes).

use k8s_openapi::api::core::v1::Pod;

use crate::api::object::ApiObject;
use crate::api::status;
use crate::apiserver::Result;
use crate::apiserver::registry::Target;
use crate::apiserver::user::Caller;

use super::service_account::MIRROR_ANNOTATION;

fn forbidden(target: &Target, why: &str) -> Result<()> {
    Err(Box::new(status::forbidden(target.kind.group_resource(), &target.name, why)))
}

/// A kubelet creates its own Node and Lease, and mirror pods bound to itself.
pub(super) fn admit_create(caller: &Caller, target: &Target, object: &dyn ApiObject) -> Result<()> {
    let Some(node) = caller.user.node_name() else { return Ok(()) };
    let name = object.metadata().name.as_deref().unwrap_or_default();
    match target.kind.kind {
        "Node" if name != node => {
            forbidden(target, &format!("node {node:?} is not allowed to modify node {name:?}"))
        }
        "Pod" => admit_mirror_pod(node, target, object),
        "Lease" => admit_lease(node, target, name),
        _ => Ok(()),
    }
}

fn admit_mirror_pod(node: &str, target: &Target, object: &dyn ApiObject) -> Result<()> {
    let annotations = object.metadata().annotations.as_ref();
    if !annotations.is_some_and(|all| all.contains_key(MIRROR_ANNOTATION)) {
        let why = format!(
            "pod does not have {MIRROR_ANNOTATION:?} annotation, node {node:?} can only create mirror pods"
        );
        return forbidden(target, &why);
    }
    if bound_to(object) != node {
        return forbidden(
            target,
            &format!("node {node:?} can only create pods with spec.nodeName set to itself"),
        );
    }
    Ok(())
}

fn admit_lease(node: &str, target: &Target, name: &str) -> Result<()> {
    const NAMESPACE: &str = "kube-node-lease";
    if target.namespace != NAMESPACE {
        return forbidden(target, &format!("can only access leases in the {NAMESPACE:?} system namespace"));
    }
    if name != node {
        return forbidden(target, "can only access node lease with the same name as the requesting node");
    }
    Ok(())
}

/// A kubelet changes and deletes its own Node and Lease, and pods bound to itself.
pub(super) fn admit_update(caller: &Caller, target: &Target, old: &dyn ApiObject) -> Result<()> {
    let Some(node) = caller.user.node_name() else { return Ok(()) };
    match target.kind.kind {
        "Node" if target.name != node => {
            forbidden(target, &format!("node {node:?} is not allowed to modify node {:?}", target.name))
        }
        "Pod" if bound_to(old) != node => {
            let what = if target.subresource.is_some() { "update pod status for" } else { "delete" };
            forbidden(target, &format!("node {node:?} can only {what} pods with spec.nodeName set to itself"))
        }
        "Lease" => admit_lease(node, target, &target.name),
        _ => Ok(()),
    }
}

fn bound_to(object: &dyn ApiObject) -> &str {
    let spec = object.downcast_ref::<Pod>().and_then(|pod| pod.spec.as_ref());
    spec.and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}
