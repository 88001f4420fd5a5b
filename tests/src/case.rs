//! Cases as data: a folder below `tests/cases` holds what is applied and what is expected to come of it.
//!
//! `apply.yaml` is what a user applies; where it is missing, the page's example of the same name is meant.
//! `expect.yaml` holds any number of documents. Each is a part of an object that is there in the end: of the one
//! with its name, or of any of its kind if it has none (see [`mismatch`]). A document of `kind: Log` has the
//! `lines` that the pod's container printed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, LogParams};
use kube::core::TypeMeta;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::matching::mismatch;
use crate::{Kubectl, eventually, workspace};

/// A case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its folder's name, which is also that of the namespace it happens in.
    pub name: String,
    /// What is applied.
    pub apply: PathBuf,
    /// What is expected.
    pub expect: Vec<Value>,
}

impl Case {
    /// All cases, by name.
    ///
    /// # Errors
    /// When a folder is not as described above.
    pub fn all() -> Result<Vec<Case>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
        let mut folders: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
        folders.sort_by_key(std::fs::DirEntry::file_name);
        folders.iter().map(|folder| Case::read(&folder.path())).collect()
    }

    fn read(folder: &Path) -> Result<Case> {
        let name = folder.file_name().context("no name")?.to_string_lossy().into_owned();
        let own = folder.join("apply.yaml");
        let example = workspace::root().join(format!("static/examples/{name}.yaml"));
        let text = std::fs::read_to_string(folder.join("expect.yaml")).with_context(|| name.clone())?;
        let documents = serde_yaml::Deserializer::from_str(&text);
        let expect = documents
            .map(<Value as serde::Deserialize>::deserialize)
            .collect::<Result<_, _>>()
            .with_context(|| format!("{name}/expect.yaml"))?;
        Ok(Case { name, apply: if own.is_file() { own } else { example }, expect })
    }

    /// Applies the case in a namespace of its own and waits for what is expected.
    ///
    /// # Panics
    /// With the first expectation that is not met.
    pub async fn check(&self, kubectl: &Kubectl, client: &Client) {
        let kubectl = kubectl.clone().in_namespace(&self.name).await;
        kubectl.ok(&format!("apply -f '{}'", self.apply.display())).await;
        for expected in &self.expect {
            let what = format!("case {}: {expected}", self.name);
            eventually(&what, async || self.look(client, expected).await).await;
        }
        // What is deleted with another object may be gone already.
        kubectl.ok(&format!("delete --ignore-not-found --wait=false -f '{}'", self.apply.display())).await;
    }

    async fn look(&self, client: &Client, expected: &Value) -> Result<()> {
        match text(expected, "/kind") {
            "Log" => self.look_at_log(client, expected).await,
            _ => self.look_at_objects(client, expected).await,
        }
    }

    async fn look_at_objects(&self, client: &Client, expected: &Value) -> Result<()> {
        let types = TypeMeta {
            api_version: text(expected, "/apiVersion").into(),
            kind: text(expected, "/kind").into(),
        };
        let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types)?);
        let api = Api::<DynamicObject>::namespaced_with(client.clone(), &self.name, &resource);
        let mut reasons = Vec::new();
        for object in api.list(&ListParams::default()).await? {
            let mut object = serde_json::to_value(object)?;
            object["apiVersion"] = expected["apiVersion"].clone();
            object["kind"] = expected["kind"].clone();
            match mismatch(expected, &object) {
                None => return Ok(()),
                Some(reason) => reasons.push(reason),
            }
        }
        bail!("{}", reasons.join("\n"))
    }

    async fn look_at_log(&self, client: &Client, expected: &Value) -> Result<()> {
        let container = expected["container"].as_str().map(str::to_owned);
        let parameters = LogParams { container, ..LogParams::default() };
        let pods = Api::<Pod>::namespaced(client.clone(), &self.name);
        let log = pods.logs(text(expected, "/pod"), &parameters).await?;
        let lines = json!(log.lines().collect::<Vec<_>>());
        mismatch(&expected["lines"], &lines).map_or(Ok(()), |why| bail!("{why}"))
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
