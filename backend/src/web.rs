//! The page: files embedded in the binary, compressed ahead of time.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::assets;

/// What the page may load and run: its own files, and WebAssembly.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self' ws://127.0.0.1:* ws://localhost:*; frame-ancestors 'none'; base-uri 'none'";

/// Answers every path with the page's file of that name, `/` with `index.html`.
pub(crate) fn page() -> Router {
    Router::new().fallback(file)
}

async fn file(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    if assets::page_file("index.html").is_none() {
        return (StatusCode::NOT_FOUND, assets::MISSING).into_response();
    }
    let Some(found) = assets::page_file(path) else {
        return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    };
    let compressed = assets::page_file(&format!("{path}.br")).filter(|_| accepts_brotli(&headers));
    let mut response = Response::new(Body::from(compressed.unwrap_or(found).bytes));
    let own = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| own.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, content_type(path));
    set(header::CACHE_CONTROL, "no-cache");
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::VARY, "accept-encoding");
    if compressed.is_some() {
        set(header::CONTENT_ENCODING, "br");
    }
    response
}

fn accepts_brotli(headers: &HeaderMap) -> bool {
    let accepted =
        headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|coding| coding.trim().split(';').next() == Some("br"))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "yaml" | "yml" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
