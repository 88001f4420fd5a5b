//! Namespaces.
//!
//! Follows kubernetes `pkg/apis/core/v1/defaults.go` (`SetDefaults_Namespace`, `SetDefaults_NamespaceStatus`).

use k8s_openapi::api::core::v1::Namespace;

use super::{Defaults, text};

impl Defaults for Namespace {
    fn apply(&mut self) {
        label_with_name(self);
        text(&mut self.status.get_or_insert_default().phase, "Active");
    }
}

/// Labels a namespace with its name, if it has one: the strategy does this again for names that were
/// generated.
pub(crate) fn label_with_name(namespace: &mut Namespace) {
    if let Some(name) = namespace.metadata.name.clone().filter(|name| !name.is_empty()) {
        let labels = namespace.metadata.labels.get_or_insert_default();
        labels.insert("kubernetes.io/metadata.name".to_owned(), name);
    }
}
