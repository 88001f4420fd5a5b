//! `DefaultStorageClass`: a claim that says nothing of its class gets the default one, where there is one
//! (`plugin/pkg/admission/storage/storageclass/setdefault` of kubernetes/kubernetes).

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::storage::v1::StorageClass;

use crate::api::object::ApiObject;
use crate::api::scheme;
use crate::apiserver::registry::Target;
use crate::apiserver::request::ListOptions;
use crate::apiserver::{ApiServer, Result};
use crate::persistent_volume::{default_class, names_class};

/// Names the class.
pub(super) async fn admit(server: &ApiServer, object: &mut dyn ApiObject) -> Result<()> {
    let Some(claim) = object.downcast_mut::<PersistentVolumeClaim>() else { return Ok(()) };
    let Some(kind) = scheme::of_type::<StorageClass>().filter(|_| !names_class(claim)) else {
        return Ok(());
    };
    let all = Target { kind, namespace: String::new(), name: String::new(), subresource: None };
    let list = server.list(&all, &ListOptions::default()).await?;
    let classes = list.items.iter().filter_map(|class| class.downcast_ref::<StorageClass>());
    if let Some(class) = default_class(classes) {
        claim.spec.get_or_insert_default().storage_class_name.clone_from(&class.metadata.name);
    }
    Ok(())
}
