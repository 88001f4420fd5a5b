//! Cells that controllers' rows share: a template's containers, labels and selectors.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::NONE;

/// The names and the images of a template's containers (`layoutContainerCells`).
pub(super) fn container_cells(template: Option<&PodTemplateSpec>) -> (String, String) {
    let containers =
        template.and_then(|template| template.spec.as_ref()).map_or(&[][..], |spec| &spec.containers);
    let join = |part: fn(&Container) -> &str| containers.iter().map(part).collect::<Vec<_>>().join(",");
    (join(|container| &container.name), join(|container| container.image.as_deref().unwrap_or_default()))
}

/// Labels as `a=1,b=2` (`labels.FormatLabels`).
pub(super) fn format_labels(labels: Option<&BTreeMap<String, String>>) -> String {
    let pairs: Vec<_> = labels.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    if pairs.is_empty() { NONE.to_owned() } else { pairs.join(",") }
}

/// A selector in the words of a query string, empty for none; `None` where it has an operator that is
/// not known (`metav1.LabelSelectorAsSelector`).
pub(super) fn selector_text(selector: &LabelSelector) -> Option<String> {
    let labels = selector.match_labels.iter().flatten();
    let mut parts: Vec<_> = labels.map(|(key, value)| (key.as_str(), format!("{key}={value}"))).collect();
    for requirement in selector.match_expressions.iter().flatten() {
        parts.push((&requirement.key, requirement_text(requirement)?));
    }
    parts.sort_by_key(|(key, _)| *key);
    Some(parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(","))
}

/// As [`selector_text`], with the words for none and for what cannot be read
/// (`metav1.FormatLabelSelector`).
pub(super) fn format_selector(selector: &LabelSelector) -> String {
    match selector_text(selector) {
        Some(text) if text.is_empty() => NONE.to_owned(),
        Some(text) => text,
        None => "<error>".to_owned(),
    }
}

fn requirement_text(requirement: &LabelSelectorRequirement) -> Option<String> {
    let key = &requirement.key;
    let mut values = requirement.values.clone().unwrap_or_default();
    values.sort();
    let values = values.join(",");
    match requirement.operator.as_str() {
        "In" => Some(format!("{key} in ({values})")),
        "NotIn" => Some(format!("{key} notin ({values})")),
        "Exists" => Some(key.clone()),
        "DoesNotExist" => Some(format!("!{key}")),
        _ => None,
    }
}
