//! Namespaces.
//!
//! Follows kubernetes `pkg/apis/core/v1/defaults.go` (`SetDefaults_Namespace`, `SetDefaults_NamespaceStatus`).

use k8s_openapi::api::core::v1::Namespace;

use super::{Defaults, text};

impl Defaults for Namespace {
    fn apply(&mut self) {
        // The strategy does this again for names that were generated.
        if let Some(name) = self.metadata.name.clone().filter(|name| !name.is_empty()) {
            let labels = self.metadata.labels.get_or_insert_default();
            labels.insert("kubernetes.io/metadata.name".to_owned(), name);
        }
        text(&mut self.status.get_or_insert_default().phase, "Active");
    }
}
