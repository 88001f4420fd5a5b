//! How a namespace's status tells of its deletion.
//!
//! Follows `pkg/controller/namespace/deletion/status_condition_utils.go` of kubernetes/kubernetes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{NamespaceCondition, NamespaceStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::content::Content;

/// Each condition with its reason and message while nothing is wrong, in upstream's order.
const CONDITIONS: [(&str, &str, &str); 5] = [
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    ("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"),
    ("NamespaceFinalizersRemaining", "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
];

/// Brings the conditions in line with the content; tells whether anything changed.
pub(super) fn update(status: &mut NamespaceStatus, content: &Content, now: Timestamp) -> bool {
    let conditions = status.conditions.get_or_insert_default();
    let mut changed = false;
    for (type_, reason, message) in CONDITIONS {
        let trouble = trouble(type_, content);
        let truth = if trouble.is_some() { "True" } else { "False" };
        let (reason, message) = trouble.unwrap_or((reason, message.to_owned()));
        changed |= set(conditions, type_, truth, reason, message, now);
    }
    changed
}

/// Reason and message of a condition that is true.
fn trouble(type_: &str, content: &Content) -> Option<(&'static str, String)> {
    match type_ {
        "NamespaceDeletionContentFailure" if !content.errors.is_empty() => {
            let mut errors = content.errors.clone();
            errors.sort();
            let why = format!(
                "Failed to delete all resource types, {} remaining: {}",
                errors.len(),
                errors.join(", ")
            );
            Some(("ContentDeletionFailed", why))
        }
        "NamespaceContentRemaining" if !content.remaining.is_empty() => {
            let rest = sentence(&content.remaining, |resource, count| {
                format!("{resource} has {count} resource instances")
            });
            Some(("SomeResourcesRemain", format!("Some resources are remaining: {rest}")))
        }
        "NamespaceFinalizersRemaining" if !content.finalizers.is_empty() => {
            let rest =
                sentence(&content.finalizers, |name, count| format!("{name} in {count} resource instances"));
            Some((
                "SomeFinalizersRemain",
                format!("Some content in the namespace has finalizers remaining: {rest}"),
            ))
        }
        _ => None,
    }
}

fn sentence(counts: &BTreeMap<String, usize>, part: impl Fn(&str, usize) -> String) -> String {
    let parts: Vec<String> = counts.iter().map(|(name, count)| part(name, *count)).collect();
    parts.join(", ")
}

fn set(
    conditions: &mut Vec<NamespaceCondition>,
    type_: &str,
    truth: &str,
    reason: &str,
    message: String,
    now: Timestamp,
) -> bool {
    let index = conditions.iter().position(|condition| condition.type_ == type_);
    let old = index.map(|index| conditions[index].clone());
    let same_truth = old.as_ref().is_some_and(|old| old.status == truth);
    let since = old.as_ref().and_then(|old| old.last_transition_time.clone()).filter(|_| same_truth);
    let new = NamespaceCondition {
        type_: type_.to_owned(),
        status: truth.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: since.or(Some(Time(now))),
    };
    if old.as_ref() == Some(&new) {
        return false;
    }
    match index {
        Some(index) => conditions[index] = new,
        None => conditions.push(new),
    }
    true
}
