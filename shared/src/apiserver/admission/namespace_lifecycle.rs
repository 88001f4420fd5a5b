//! `NamespaceLifecycle`: nothing new in a namespace that is not there or is going, and the
//! system's own namespaces stay (`pkg/admission/plugin/namespace/lifecycle` of kubernetes/apiserver).

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::StatusCause;

use crate::api::status;
use crate::apiserver::registry::Target;
use crate::apiserver::{ApiServer, Result};

const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

/// 404 for a namespace that does not exist, 403 for one that is terminating.
pub(super) async fn admit(server: &ApiServer, target: &Target) -> Result<()> {
    if !target.kind.namespaced {
        return Ok(());
    }
    let Some(kind) = crate::api::scheme::of_type::<Namespace>() else { return Ok(()) };
    let namespace =
        Target { kind, namespace: String::new(), name: target.namespace.clone(), subresource: None };
    let (object, _) = server.existing(&namespace).await?;
    if object.metadata().deletion_timestamp.is_none() {
        return Ok(());
    }
    let why = format!(
        "unable to create new content in namespace {} because it is being terminated",
        target.namespace
    );
    let mut status = status::forbidden(target.kind.group_resource(), &target.name, &why);
    let cause = StatusCause {
        field: Some("metadata.namespace".into()),
        message: Some(format!("namespace {} is being terminated", target.namespace)),
        reason: Some("NamespaceTerminating".into()),
    };
    status.details.get_or_insert_default().causes = Some(vec![cause]);
    Err(Box::new(status))
}

/// 403 for the namespaces that every cluster has.
pub(super) fn admit_delete(target: &Target) -> Result<()> {
    if target.kind.kind == "Namespace" && IMMORTAL.contains(&target.name.as_str()) {
        let why = "this namespace may not be deleted";
        return Err(Box::new(status::forbidden(target.kind.group_resource(), &target.name, why)));
    }
    Ok(())
}
