//! `x-kubernetes-group-version-kind` of definitions and operations.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::schema::Schema;
use crate::api::scheme::{KINDS, Kind};

/// A group, a version and a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GroupVersionKind {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) kind: &'static str,
}

impl GroupVersionKind {
    /// The kind of a served resource.
    pub(super) fn of(kind: &Kind) -> GroupVersionKind {
        GroupVersionKind { group: kind.group, version: kind.version, kind: kind.kind }
    }

    /// The extension's value.
    pub(super) fn to_json(self) -> Value {
        json!({ "group": self.group, "kind": self.kind, "version": self.version })
    }
}

/// The name of the definition of a served kind: `io.k8s.api.core.v1.Pod`.
pub(super) fn definition(kind: &Kind) -> String {
    match Schema::for_kind(kind.api_version, kind.kind) {
        Some(ty) => ty.openapi_name(),
        None => format!("io.k8s.api.{}.{}.{}", short_group(kind.group), kind.version, kind.kind),
    }
}

/// The group as Go's packages name it: `core`, `coordination`.
pub(super) fn short_group(group: &'static str) -> &'static str {
    match group.split('.').next() {
        None | Some("") => "core",
        Some(first) => first,
    }
}

/// The definition that holds what every group version has under the name of its own.
pub(super) fn meta(kind: &str) -> String {
    format!("io.k8s.apimachinery.pkg.apis.meta.v1.{kind}")
}

/// Kinds of the core group's version alone.
const CORE: [&str; 2] = ["APIResourceList", "Status"];
/// Kinds that every group version has.
const CROSS_REGISTERED: [&str; 2] = ["DeleteOptions", "WatchEvent"];

/// The kinds that each definition is, given the group versions that the document speaks of.
pub(super) fn by_definition(
    group_versions: &[(&'static str, &'static str)],
) -> BTreeMap<String, Vec<GroupVersionKind>> {
    let mut kinds = BTreeMap::new();
    for (api_version, kind, ty) in Schema::kubernetes().kinds() {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        if group != "meta.k8s.io" {
            kinds.insert(ty.openapi_name(), vec![GroupVersionKind { group, version, kind }]);
        }
    }
    for kind in KINDS {
        let list = GroupVersionKind { kind: kind.list_kind, ..GroupVersionKind::of(kind) };
        kinds.insert(format!("{}List", definition(kind)), vec![list]);
    }
    for kind in CORE {
        kinds.insert(meta(kind), vec![GroupVersionKind { group: "", version: "v1", kind }]);
    }
    for kind in CROSS_REGISTERED {
        let mut all: Vec<_> = group_versions
            .iter()
            .map(|&(group, version)| GroupVersionKind { group, version, kind })
            .collect();
        all.push(GroupVersionKind { group: "", version: "v1", kind });
        all.sort();
        all.dedup();
        kinds.insert(meta(kind), all);
    }
    kinds
}
