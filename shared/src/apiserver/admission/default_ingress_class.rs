//! `DefaultIngressClass`: an Ingress that names no class gets the default one
//! (`plugin/pkg/admission/network/defaultingressclass` of kubernetes/kubernetes).

use k8s_openapi::api::networking::v1::{Ingress, IngressClass};

use crate::api::object::ApiObject;
use crate::api::scheme;
use crate::apiserver::registry::Target;
use crate::apiserver::request::ListOptions;
use crate::apiserver::{ApiServer, Result};

/// What marks a class as the default.
pub(crate) const DEFAULT_CLASS: &str = "ingressclass.kubernetes.io/is-default-class";
/// What named the class before there was a field for it.
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// Names the class; of several defaults the newest counts, and of those of one moment the first by name.
pub(super) async fn admit(server: &ApiServer, target: &Target, object: &mut dyn ApiObject) -> Result<()> {
    let Some(ingress) = object.downcast_mut::<Ingress>() else { return Ok(()) };
    let annotations = ingress.metadata.annotations.as_ref();
    let annotated = annotations.is_some_and(|all| all.contains_key(CLASS_ANNOTATION));
    let spec = ingress.spec.get_or_insert_default();
    if annotated || spec.ingress_class_name.is_some() || target.subresource.is_some() {
        return Ok(());
    }
    let Some(kind) = scheme::of_type::<IngressClass>() else { return Ok(()) };
    let classes = Target { kind, namespace: String::new(), name: String::new(), subresource: None };
    let list = server.list(&classes, &ListOptions::default()).await?;
    let classes = list.items.iter().filter_map(|class| class.downcast_ref::<IngressClass>());
    let mut defaults: Vec<&IngressClass> = classes.filter(|class| is_default(class)).collect();
    defaults.sort_by(|a, b| b.metadata.creation_timestamp.cmp(&a.metadata.creation_timestamp));
    spec.ingress_class_name = defaults.first().and_then(|class| class.metadata.name.clone());
    Ok(())
}

fn is_default(class: &IngressClass) -> bool {
    let annotations = class.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(DEFAULT_CLASS)).is_some_and(|value| value == "true")
}
