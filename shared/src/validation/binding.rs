//! Bindings: the scheduler's word that a pod shall run on a node.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidatePodBinding`).

use k8s_openapi::api::core::v1::Binding;

use super::field::{ErrorList, Path};

/// What is wrong with a binding.
pub fn validate_binding(binding: &Binding) -> ErrorList {
    let mut errors = ErrorList::new();
    let path = Path::root("target");
    let kind = binding.target.kind.as_deref().unwrap_or_default();
    if !["", "Node"].contains(&kind) {
        errors.not_supported(&path.child("kind"), kind, &["Node", "<empty>"]);
    }
    if binding.target.name.as_deref().unwrap_or_default().is_empty() {
        errors.required(&path.child("name"), "");
    }
    errors
}
