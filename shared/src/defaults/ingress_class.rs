//! IngressClasses.
//!
//! Follows kubernetes `pkg/apis/networking/v1/defaults.go` (`SetDefaults_IngressClass`).

use k8s_openapi::api::networking::v1::IngressClass;

use super::Defaults;

impl Defaults for IngressClass {
    fn apply(&mut self) {
        if let Some(parameters) = self.spec.as_mut().and_then(|spec| spec.parameters.as_mut()) {
            parameters.scope.get_or_insert_with(|| "Cluster".to_owned());
        }
    }
}
