//! What is served, told to clients: `/api`, `/apis`, their versions and resources, in the plain and
//! in the aggregated form (`pkg/endpoints/discovery` of kubernetes/apiserver).

use serde_json::{Value, json};

use crate::api::scheme::{self, Kind, Subresource, Verb};

/// The groups beside the core group, in the order of the scheme.
pub fn groups() -> Vec<&'static str> {
    let mut groups = Vec::new();
    for kind in scheme::served().filter(|kind| !kind.group.is_empty()) {
        if !groups.contains(&kind.group) {
            groups.push(kind.group);
        }
    }
    groups
}

/// The versions of a group.
pub fn versions(group: &str) -> Vec<&'static str> {
    let mut versions = Vec::new();
    for kind in scheme::served().filter(|kind| kind.group == group) {
        if !versions.contains(&kind.version) {
            versions.push(kind.version);
        }
    }
    versions
}

fn kinds<'a>(group: &'a str, version: &'a str) -> impl Iterator<Item = &'static Kind> + 'a {
    scheme::served().filter(move |kind| kind.group == group && kind.version == version)
}

/// `/api`: `APIVersions`.
pub fn core_versions(server_address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": versions(""),
        "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": server_address }],
    })
}

/// `/apis`: `APIGroupList`.
pub fn group_list() -> Value {
    let groups: Vec<Value> = groups().into_iter().filter_map(group_entry).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// `/apis/GROUP`: `APIGroup`.
pub fn group(name: &str) -> Option<Value> {
    let mut group = group_entry(name)?;
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    Some(group)
}

fn group_entry(name: &str) -> Option<Value> {
    let versions: Vec<Value> = versions(name)
        .into_iter()
        .map(|version| json!({ "groupVersion": format!("{name}/{version}"), "version": version }))
        .collect();
    let preferred = versions.first()?.clone();
    Some(json!({ "name": name, "versions": versions, "preferredVersion": preferred }))
}

/// `/api/v1`, `/apis/GROUP/VERSION`: `APIResourceList`.
pub fn resource_list(group: &str, version: &str) -> Option<Value> {
    let resources: Vec<Value> = kinds(group, version).flat_map(resource_entries).collect();
    let group_version = match group {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    };
    (!resources.is_empty()).then(|| {
        json!({
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": group_version,
            "resources": resources,
        })
    })
}

fn resource_entries(kind: &'static Kind) -> Vec<Value> {
    let mut entry = json!({
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": verbs(kind.verbs),
    });
    if !kind.short_names.is_empty() {
        entry["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        entry["categories"] = json!(kind.categories);
    }
    let subresources = kind.subresources.iter().map(|subresource| subresource_entry(kind, subresource));
    std::iter::once(entry).chain(subresources).collect()
}

fn subresource_entry(kind: &Kind, subresource: &Subresource) -> Value {
    let mut entry = json!({
        "name": format!("{}/{}", kind.plural, subresource.name),
        "singularName": "",
        "namespaced": kind.namespaced,
        "kind": subresource.kind.map_or(kind.kind, |(_, _, kind)| kind),
        "verbs": verbs(subresource.verbs),
    });
    let foreign =
        subresource.kind.filter(|(group, version, _)| (*group, *version) != (kind.group, kind.version));
    if let Some((group, version, _)) = foreign {
        entry["group"] = group.into();
        entry["version"] = version.into();
    }
    entry
}

fn verbs(verbs: &[Verb]) -> Vec<&'static str> {
    verbs.iter().map(|verb| verb.as_str()).collect()
}

/// The aggregated form of `/api` (`core` true) or `/apis`: `APIGroupDiscoveryList`.
pub fn aggregated(core: bool) -> Value {
    let names = if core { vec![""] } else { groups() };
    let items: Vec<Value> = names.into_iter().map(aggregated_group).collect();
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    })
}

fn aggregated_group(group: &'static str) -> Value {
    let versions: Vec<Value> = versions(group)
        .into_iter()
        .map(|version| {
            let resources: Vec<Value> = kinds(group, version).map(aggregated_resource).collect();
            json!({ "version": version, "resources": resources, "freshness": "Current" })
        })
        .collect();
    let metadata = if group.is_empty() { json!({}) } else { json!({ "name": group }) };
    json!({ "metadata": metadata, "versions": versions })
}

fn aggregated_resource(kind: &'static Kind) -> Value {
    let subresources: Vec<Value> =
        kind.subresources.iter().map(|subresource| aggregated_subresource(kind, subresource)).collect();
    let mut entry = json!({
        "resource": kind.plural,
        "responseKind": { "group": kind.group, "version": kind.version, "kind": kind.kind },
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular,
        "verbs": verbs(kind.verbs),
    });
    for (name, list) in [("shortNames", kind.short_names), ("categories", kind.categories)] {
        if !list.is_empty() {
            entry[name] = json!(list);
        }
    }
    if !subresources.is_empty() {
        entry["subresources"] = subresources.into();
    }
    entry
}

fn aggregated_subresource(kind: &Kind, subresource: &Subresource) -> Value {
    let (group, version, name) = subresource.kind.unwrap_or((kind.group, kind.version, kind.kind));
    json!({
        "subresource": subresource.name,
        "responseKind": { "group": group, "version": version, "kind": name },
        "verbs": verbs(subresource.verbs),
    })
}
