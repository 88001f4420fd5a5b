//! `ServiceAccount`: every pod runs as one, `default` where it names none
//! (`plugin/pkg/admission/serviceaccount` of kubernetes/kubernetes). Mirror pods run as none.

use k8s_openapi::api::core::v1::{Pod, ServiceAccount};

use crate::api::object::ApiObject;
use crate::api::{scheme, status};
use crate::apiserver::registry::Target;
use crate::apiserver::{ApiServer, Result};

/// What marks a pod as the image of one that a kubelet runs on its own account.
pub const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

/// Names the account, and refuses one that does not exist.
pub(super) async fn admit(server: &ApiServer, target: &Target, object: &mut dyn ApiObject) -> Result<()> {
    let Some(pod) = object.downcast_mut::<Pod>() else { return Ok(()) };
    let is_mirror = pod.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(MIRROR_ANNOTATION));
    if is_mirror {
        return Ok(());
    }
    let spec = pod.spec.get_or_insert_default();
    let name = spec.service_account_name.get_or_insert_default();
    if name.is_empty() {
        "default".clone_into(name);
    }
    let name = name.clone();
    spec.service_account = Some(name.clone());
    let Some(kind) = scheme::of_type::<ServiceAccount>() else { return Ok(()) };
    let account = Target { kind, namespace: target.namespace.clone(), name, subresource: None };
    if server.lookup(&account).await?.is_some() {
        return Ok(());
    }
    let why = format!(
        "error looking up service account {}/{}: serviceaccount {:?} not found",
        account.namespace, account.name, account.name
    );
    Err(Box::new(status::forbidden(target.kind.group_resource(), &target.name, &why)))
}
