//! Manifests and what is said about them, as tables.

mod endpoints;
mod kinds;
mod networking;
mod pods;
mod storage;
mod updates;
mod workloads;

use serde::de::DeserializeOwned;

use super::*;
use crate::api::object::ApiObject;

fn read<K: DeserializeOwned>(manifest: &str) -> K {
    serde_yaml::from_str(manifest).unwrap_or_else(|error| panic!("{error}: {manifest}"))
}

fn defaulted<K: ApiObject + DeserializeOwned>(manifest: &str) -> K {
    let mut object: K = read(manifest);
    crate::defaults::apply(&mut object);
    object
}

fn texts(errors: ErrorList) -> Vec<String> {
    errors.iter().map(Error::to_string).collect()
}

fn check<K: ApiObject + DeserializeOwned>(manifest: &str, expected: &[&str]) {
    assert_eq!(texts(validate_create(&defaulted::<K>(manifest))), expected, "{manifest}");
}

/// A pod with one good container `a` and more of a spec (YAML in flow style).
fn pod(rest: &str) -> String {
    format!("{{metadata: {{name: p, namespace: d}}, spec: {{containers: [{{name: a, image: i}}], {rest}}}}}")
}

/// A pod whose one container has more fields.
fn container(rest: &str) -> String {
    format!("{{metadata: {{name: p, namespace: d}}, spec: {{containers: [{{name: a, image: i, {rest}}}]}}}}")
}
