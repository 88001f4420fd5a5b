//! `PersistentVolumeClaimResize`: only a bound claim may grow, and only where its class lets it
//! (`plugin/pkg/admission/storage/persistentvolume/resize` of kubernetes/kubernetes).

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::storage::v1::StorageClass;

use crate::api::object::ApiObject;
use crate::api::{scheme, status};
use crate::apiserver::registry::Target;
use crate::apiserver::{ApiServer, Result};
use crate::persistent_volume::{class_of_claim, requested, size};

const NOT_BOUND: &str = "Only bound persistent volume claims can be expanded";
const NOT_ALLOWED: &str = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize";

/// 403 for a claim that cannot grow.
pub(super) async fn admit(
    server: &ApiServer,
    target: &Target,
    new: &dyn ApiObject,
    old: &dyn ApiObject,
) -> Result<()> {
    let (Some(new), Some(old)) =
        (new.downcast_ref::<PersistentVolumeClaim>(), old.downcast_ref::<PersistentVolumeClaim>())
    else {
        return Ok(());
    };
    if size(requested(new)) <= size(requested(old)) {
        return Ok(());
    }
    let why = if old.status.as_ref().and_then(|status| status.phase.as_deref()) != Some("Bound") {
        NOT_BOUND
    } else if !allows_expansion(server, &class_of_claim(old)).await? {
        NOT_ALLOWED
    } else {
        return Ok(());
    };
    Err(Box::new(status::forbidden(target.kind.group_resource(), &target.name, why)))
}

async fn allows_expansion(server: &ApiServer, class: &str) -> Result<bool> {
    let Some(kind) = scheme::of_type::<StorageClass>().filter(|_| !class.is_empty()) else {
        return Ok(false);
    };
    let target = Target { kind, namespace: String::new(), name: class.to_owned(), subresource: None };
    let found = server.lookup(&target).await?;
    Ok(found.is_some_and(|(object, _)| {
        let class = object.downcast_ref::<StorageClass>();
        class.and_then(|class| class.allow_volume_expansion) == Some(true)
    }))
}
