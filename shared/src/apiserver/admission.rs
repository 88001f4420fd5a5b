//! Admission: what a request must satisfy beyond the rules of its kind, and what it is given.
//!
//! One plugin a file, under upstream's names, called here in upstream's order
//! (`pkg/kubeapiserver/options/plugins.go` of kubernetes/kubernetes).

use crate::api::object::ApiObject;
use crate::api::status;
use crate::validation::field::ErrorList;
use crate::validation::unsupported;

use super::registry::Target;
use super::user::Caller;
use super::{ApiServer, Result};

pub mod default_ingress_class;
mod default_storage_class;
mod default_toleration_seconds;
mod namespace_lifecycle;
mod node_restriction;
mod persistent_volume_claim_resize;
mod priority;
pub mod service_account;
mod storage_object_in_use_protection;

/// The plugins under upstream's names, in the order in which new objects meet them.
pub const PLUGINS: [&str; 9] = [
    "NamespaceLifecycle",
    "ServiceAccount",
    "NodeRestriction",
    "Priority",
    "DefaultTolerationSeconds",
    "DefaultIngressClass",
    "DefaultStorageClass",
    "StorageObjectInUseProtection",
    "PersistentVolumeClaimResize",
];

impl ApiServer {
    /// Every plugin that looks at new objects.
    pub(crate) async fn admit_create(
        &self,
        caller: &Caller,
        target: &Target,
        object: &mut dyn ApiObject,
    ) -> Result<()> {
        namespace_lifecycle::admit(self, target).await?;
        service_account::admit(self, target, object).await?;
        node_restriction::admit_create(caller, target, object)?;
        priority::admit(target, object)?;
        default_toleration_seconds::admit(object);
        default_ingress_class::admit(self, target, object).await?;
        default_storage_class::admit(self, object).await?;
        storage_object_in_use_protection::admit(object);
        Ok(())
    }

    /// Every plugin that looks at bindings.
    pub(crate) async fn admit_binding(&self, target: &Target) -> Result<()> {
        namespace_lifecycle::admit(self, target).await
    }

    /// Every plugin that looks at changes.
    pub(crate) async fn admit_update(
        &self,
        caller: &Caller,
        target: &Target,
        new: &mut dyn ApiObject,
        old: &dyn ApiObject,
    ) -> Result<()> {
        node_restriction::admit_update(caller, target, old)?;
        if target.subresource.is_none() {
            default_toleration_seconds::admit(new);
            persistent_volume_claim_resize::admit(self, target, new, old).await?;
        }
        Ok(())
    }

    /// Every plugin that looks at deletions.
    pub(crate) fn admit_delete(
        &self,
        caller: &Caller,
        target: &Target,
        object: &dyn ApiObject,
    ) -> Result<()> {
        namespace_lifecycle::admit_delete(target)?;
        node_restriction::admit_update(caller, target, object)
    }
}

/// A sentence for each field that is accepted and not honoured.
pub(crate) fn unsupported(object: &dyn ApiObject) -> Vec<String> {
    let fields = unsupported::unsupported_fields(object.kind(), &object.to_value());
    fields.into_iter().map(|(path, sentence)| format!("{path}: {sentence}")).collect()
}

/// 422 with all errors at once.
pub(crate) fn invalid_unless_empty(target: &Target, errors: ErrorList) -> Result<()> {
    if errors.is_empty() {
        return Ok(());
    }
    let status = status::invalid(target.kind, &target.name, &errors.to_string(), errors.to_causes());
    Err(Box::new(status))
}
