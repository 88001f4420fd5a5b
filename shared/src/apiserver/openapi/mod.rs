//! The OpenAPI documents: what clients learn of the API's paths and of the shape of its objects.
//!
//! One swagger document for all (`/openapi/v2`, as JSON and as gnostic's protobuf) and one OpenAPI 3
//! document a group version (`/openapi/v3/…`), with an index. kubectl reads them for `explain`, for
//! merge keys on `apply`, and to learn whether a kind has server-side dry run and field validation.
//! Names, extensions and paths follow `api/openapi-spec` of <https://github.com/kubernetes/kubernetes>
//! and `pkg/builder3`, `pkg/handler3` of <https://github.com/kubernetes/kube-openapi>.
//!
//! Flow: [`definitions`] joins the types' schemas with the facts table, [`operations`] lists what the
//! scheme serves, [`v2`] and [`v3`] write both down in their dialects, [`gnostic`] encodes the first.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::api::scheme::KINDS;

use super::discovery;

mod definitions;
mod field;
pub mod gnostic;
mod kinds;
mod operations;
mod parameters;
mod scalars;
mod subresources;
#[cfg(test)]
mod tests;
mod types;
mod v2;
mod v3;

/// The documents of one server, made on first use.
#[derive(Default)]
pub struct OpenApi {
    documents: OnceLock<Documents>,
}

/// A document as it is sent.
pub struct Document {
    /// The body.
    pub bytes: Bytes,
    /// A digest of the body in upper-case hexadecimal, for `ETag` and the `hash` parameter.
    pub hash: String,
}

struct Documents {
    v2_json: Document,
    v2_protobuf: Document,
    v3_index: Document,
    v3: BTreeMap<String, Document>,
}

impl OpenApi {
    /// The swagger document as JSON.
    pub fn v2_json(&self) -> &Document {
        &self.documents().v2_json
    }

    /// The swagger document as gnostic's `openapi.v2.Document`.
    pub fn v2_protobuf(&self) -> &Document {
        &self.documents().v2_protobuf
    }

    /// The list of the OpenAPI 3 documents, with the URL of each.
    pub fn v3_index(&self) -> &Document {
        &self.documents().v3_index
    }

    /// The OpenAPI 3 document of `api/v1` or `apis/GROUP/VERSION`.
    pub fn v3(&self, path: &str) -> Option<&Document> {
        self.documents().v3.get(path)
    }

    /// Where the current OpenAPI 3 document of a path is, with its hash.
    pub fn v3_url(path: &str, document: &Document) -> String {
        format!("/openapi/v3/{path}?hash={}", document.hash)
    }

    fn documents(&self) -> &Documents {
        self.documents.get_or_init(Documents::build)
    }
}

impl Document {
    fn new(bytes: impl Into<Bytes>) -> Document {
        let bytes = bytes.into();
        let hash = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02X}")).collect();
        Document { bytes, hash }
    }
}

impl Documents {
    fn build() -> Documents {
        let definitions = definitions::all();
        let swagger = v2::document(&definitions);
        let v3: BTreeMap<String, Document> = group_versions()
            .into_iter()
            .map(|(group, version)| {
                let document = v3::document(&definitions, group, version);
                (group_path(group, version), Document::new(document.to_string()))
            })
            .collect();
        Documents {
            v2_protobuf: Document::new(gnostic::encode(&swagger)),
            v2_json: Document::new(swagger.to_string()),
            v3_index: Document::new(index(&v3).to_string()),
            v3,
        }
    }
}

fn index(documents: &BTreeMap<String, Document>) -> Value {
    let paths: BTreeMap<&String, Value> = documents
        .iter()
        .map(|(path, document)| (path, json!({ "serverRelativeURL": OpenApi::v3_url(path, document) })))
        .collect();
    json!({ "paths": paths })
}

/// Every group and version that is served, the core group first.
fn group_versions() -> Vec<(&'static str, &'static str)> {
    // What is measured has no schemas here.
    let is_described = |group: &&str| KINDS.iter().any(|kind| kind.group == *group);
    let groups = std::iter::once("").chain(discovery::groups().into_iter().filter(is_described));
    groups
        .flat_map(|group| discovery::versions(group).into_iter().map(move |version| (group, version)))
        .collect()
}

/// `api/v1`, `apis/coordination.k8s.io/v1`.
fn group_path(group: &str, version: &str) -> String {
    match group {
        "" => format!("api/{version}"),
        group => format!("apis/{group}/{version}"),
    }
}
