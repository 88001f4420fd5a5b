//! One term of a node selector: requirements on labels and fields that hold together.
//!
//! Follows upstream's `component-helpers/scheduling/corev1/nodeaffinity/nodeaffinity.go` and
//! `Requirement.Matches` of apimachinery's `pkg/labels/selector.go`.

use k8s_openapi::api::core::v1::{Node, NodeSelectorRequirement, NodeSelectorTerm};

use crate::scheduler::decision::Detail;

/// The one field that a term can ask for.
pub(crate) const NAME_FIELD: &str = "metadata.name";

/// Whether the node meets the whole term; if not, the first requirement that it does not meet. A
/// term without requirements is met by no node, and there is nothing to name.
pub(crate) fn mismatch(index: usize, term: &NodeSelectorTerm, node: &Node) -> Result<(), Option<Detail>> {
    let labels = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if labels.is_empty() && fields.is_empty() {
        return Err(None);
    }
    let label = |key: &str| node.metadata.labels.as_ref()?.get(key).map(String::as_str);
    let field = |key: &str| node.metadata.name.as_deref().filter(|_| key == NAME_FIELD);
    let of_labels = labels.iter().map(|each| (each, label(&each.key), label_matches(each, label(&each.key))));
    let of_fields = fields.iter().map(|each| (each, field(&each.key), field_matches(each, field(&each.key))));
    match of_labels.chain(of_fields).find(|(_, _, matches)| !matches) {
        Some((requirement, found, _)) => Err(Some(detail(index, requirement, found))),
        None => Ok(()),
    }
}

fn detail(term: usize, requirement: &NodeSelectorRequirement, found: Option<&str>) -> Detail {
    Detail::NodeAffinity {
        term,
        key: requirement.key.clone(),
        operator: requirement.operator.clone(),
        wanted: requirement.values.clone().unwrap_or_default(),
        found: found.map(str::to_owned),
    }
}

fn label_matches(requirement: &NodeSelectorRequirement, found: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let listed = found.is_some_and(|found| values.iter().any(|value| value == found));
    match requirement.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        "Gt" => compare(values, found).is_some_and(|(found, wanted)| found > wanted),
        "Lt" => compare(values, found).is_some_and(|(found, wanted)| found < wanted),
        _ => false,
    }
}

/// The node's value and the wanted one as whole numbers, where both are.
fn compare(values: &[String], found: Option<&str>) -> Option<(i64, i64)> {
    let [wanted] = values else { return None };
    Some((found?.parse().ok()?, wanted.parse().ok()?))
}

fn field_matches(requirement: &NodeSelectorRequirement, found: Option<&str>) -> bool {
    let Some([wanted]) = requirement.values.as_deref() else { return false };
    match (requirement.operator.as_str(), found) {
        ("In", Some(found)) => found == wanted,
        ("NotIn", Some(found)) => found != wanted,
        _ => false,
    }
}
