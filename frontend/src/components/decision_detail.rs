//! One thing that a plugin held against a node, in the reader's language: which key, which value.

use shared::scheduler::decision::Detail;

use crate::i18n::Words;

/// The sentence for a detail.
pub(super) fn explain(words: &Words, detail: &Detail) -> String {
    match detail {
        Detail::Unschedulable => words.say("why.unschedulable"),
        Detail::NodeName { wanted } => words.fill("why.node-name", &[("wanted", wanted)]),
        Detail::Taint { key, value, effect } => {
            let taint =
                if value.is_empty() { format!("{key}:{effect}") } else { format!("{key}={value}:{effect}") };
            words.fill("why.taint", &[("taint", &taint)])
        }
        Detail::NodeSelector { key, wanted, found } => {
            label(words, key, &format!("{key}={wanted}"), found.as_deref())
        }
        Detail::NodeAffinity { key, operator, wanted, found, .. } => {
            label(words, key, &format!("{key} {operator} {}", wanted.join(", ")), found.as_deref())
        }
        Detail::NodesByName { wanted } => words.fill("why.nodes-by-name", &[("wanted", &wanted.join(", "))]),
        Detail::HostPort { wanted, .. } => {
            words.fill("why.host-port", &[("port", &wanted.host_port.to_string())])
        }
        Detail::Resource { resource, requested, free, allocatable, .. } => words.fill(
            "why.resource",
            &[("resource", resource), ("requested", requested), ("free", free), ("allocatable", allocatable)],
        ),
    }
}

fn label(words: &Words, key: &str, wanted: &str, found: Option<&str>) -> String {
    match found {
        Some(found) => words.fill("why.label", &[("wanted", wanted), ("found", &format!("{key}={found}"))]),
        None => words.fill("why.no-label", &[("wanted", wanted)]),
    }
}
