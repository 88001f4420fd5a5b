//! The cluster's own registry, below `/v2/`: the
//! [OCI distribution specification](https://github.com/opencontainers/distribution-spec/blob/main/spec.md).
//! Docker's and oras' clients push to it at the page's address, pods pull from it by the same name or as
//! `registry.kijabi/…`, and the page puts programs into it ([`upload`]).
//!
//! Whoever gets in by the page's door, or with an administrator's certificate, reads and writes; all others read.

mod blobs;
mod error;
mod held;
mod manifests;
mod repository;
mod upload;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, put};
use serde_json::{Value, json};
use shared::apiserver::user::{Caller, MASTERS};

use self::blobs::Upload;
use self::error::{RegistryError, Result};
use self::repository::Repositories;
use super::content::Digest;
use super::{ImageStore, Reference};

/// The registry.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<ImageStore>,
    repositories: Repositories,
    uploads: Mutex<BTreeMap<String, Upload>>,
}

/// A request to the registry, read.
struct Asked {
    registry: Registry,
    method: Method,
    /// The repository.
    name: String,
    query: BTreeMap<String, String>,
    request: Request,
}

impl Registry {
    /// Opens the registry below a directory, with its content in this store.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn open(directory: &Path, store: Arc<ImageStore>) -> io::Result<Registry> {
        let repositories = Repositories::open(directory)?;
        Ok(Registry { shared: Arc::new(Shared { store, repositories, uploads: Mutex::default() }) })
    }

    /// All content that it names.
    #[must_use]
    pub fn named(&self) -> BTreeSet<String> {
        self.shared.repositories.named()
    }

    /// The paths of the registry.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/v2/", any(handle))
            .route("/v2", any(handle))
            .route("/v2/{*path}", any(handle))
            .route("/kijabi/images", get(held::list))
            .route("/kijabi/images/{*name}", put(upload::put).delete(held::delete))
            .with_state(self.clone())
    }

    fn store(&self) -> &ImageStore {
        &self.shared.store
    }
}

async fn handle(State(registry): State<Registry>, request: Request) -> Response {
    let is_head = request.method() == Method::HEAD;
    let mut answer = dispatch(registry, request).await.unwrap_or_else(IntoResponse::into_response);
    answer
        .headers_mut()
        .insert("docker-distribution-api-version", header::HeaderValue::from_static("registry/2.0"));
    if is_head {
        *answer.body_mut() = Body::empty();
    }
    answer
}

async fn dispatch(registry: Registry, request: Request) -> Result<Response> {
    let method = request.method().clone();
    let is_reading = matches!(method, Method::GET | Method::HEAD);
    if !is_reading {
        check_writer(&request)?;
    }
    let path = percent_encoding::percent_decode_str(request.uri().path()).decode_utf8_lossy().into_owned();
    // A repository may begin with `v2` itself.
    let path = path.strip_prefix("/v2").unwrap_or(&path).trim_start_matches('/').to_owned();
    let query =
        form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
    let read_only = || if is_reading { Ok(()) } else { Err(RegistryError::unsupported()) };
    if path.is_empty() {
        return read_only().map(|()| json_answer(StatusCode::OK, &json!({})));
    }
    if path == "_catalog" {
        return read_only().map(|()| catalog(&registry, &query));
    }
    let asked = |name: &str| -> Result<Asked> {
        let name = checked_name(name)?;
        Ok(Asked { registry: registry.clone(), method: method.clone(), name, query, request })
    };
    if let Some((name, rest)) = path.rsplit_once("/blobs/uploads") {
        return asked(name)?.upload(rest.trim_start_matches('/')).await;
    }
    let (front, last) = path.rsplit_once('/').ok_or_else(RegistryError::not_found)?;
    match front.rsplit_once('/') {
        Some((name, "blobs")) => asked(name)?.blob(last).await,
        Some((name, "manifests")) => asked(name)?.manifest(last).await,
        Some((name, "tags")) if last == "list" => read_only().and_then(|()| asked(name)?.tags()),
        Some((name, "referrers")) => read_only().and_then(|()| asked(name)?.referrers(last)),
        _ => Err(RegistryError::not_found()),
    }
}

/// Only administrators write; the page is one. A pod, which asks from within the process, only reads.
fn check_writer(request: &Request) -> Result<()> {
    let caller = request.extensions().get::<Caller>();
    let may = caller.is_some_and(|caller| caller.user.groups.iter().any(|group| group == MASTERS));
    if may { Ok(()) } else { Err(RegistryError::denied()) }
}

fn checked_name(name: &str) -> Result<String> {
    let reference = format!("localhost/{name}").parse::<Reference>();
    match reference {
        Ok(reference) if reference.repository == name => Ok(name.to_owned()),
        _ => Err(RegistryError::name_invalid(format!("invalid repository name: {name:?}"))),
    }
}

fn checked_digest(text: &str) -> Result<Digest> {
    text.parse().map_err(RegistryError::digest_invalid)
}

fn json_answer(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn catalog(registry: &Registry, query: &BTreeMap<String, String>) -> Response {
    let (names, more) = page(registry.shared.repositories.names(), query);
    let answer = json_answer(StatusCode::OK, &json!({ "repositories": names }));
    with_next(answer, "/v2/_catalog", query, names.last().filter(|_| more))
}

/// The part of a list that was asked for with `n` and `last`, and whether there is more.
fn page(mut names: Vec<String>, query: &BTreeMap<String, String>) -> (Vec<String>, bool) {
    if let Some(last) = query.get("last") {
        names.retain(|name| name > last);
    }
    let limit = query.get("n").and_then(|number| number.parse().ok()).unwrap_or(usize::MAX);
    let more = names.len() > limit;
    names.truncate(limit);
    (names, more)
}

/// Tells where the rest of a list is.
fn with_next(
    mut answer: Response,
    path: &str,
    query: &BTreeMap<String, String>,
    last: Option<&String>,
) -> Response {
    let Some((last, number)) = last.zip(query.get("n")) else { return answer };
    let rest = form_urlencoded::Serializer::new(String::new())
        .append_pair("n", number)
        .append_pair("last", last)
        .finish();
    if let Ok(link) = format!("<{path}?{rest}>; rel=\"next\"").parse() {
        answer.headers_mut().insert(header::LINK, link);
    }
    answer
}

#[cfg(test)]
mod tests;
