//! `/openapi/v2` and `/openapi/v3`: the documents of `shared::apiserver::openapi`, negotiated and cached
//! as `pkg/handler` and `pkg/handler3` of kubernetes/kube-openapi do.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use shared::api::status;
use shared::apiserver::openapi::{Document, OpenApi};
use shared::apiserver::user::Caller;

use super::discovery::permitted;
use super::query::Query;
use super::reply::{self, Failure};
use super::{Context, negotiation};

const JSON: &str = "application/json";
/// What clients ask for. It is no valid media type, so the answer is named otherwise.
const V2_PROTOBUF_ASKED: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
const V2_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/// How long a document at the URL of its hash may be kept.
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

type Result<T> = std::result::Result<T, Failure>;

/// `GET /openapi/v2`: JSON, or the protobuf that kubectl asks for.
pub(super) async fn v2(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response> {
    permitted(&caller, uri.path())?;
    let content_type =
        negotiate(&headers, &[(JSON, JSON), (V2_PROTOBUF_ASKED, V2_PROTOBUF), (V2_PROTOBUF, V2_PROTOBUF)])?;
    let document = match content_type {
        JSON => context.openapi.v2_json(),
        _ => context.openapi.v2_protobuf(),
    };
    Ok(respond(&headers, content_type, document))
}

/// `GET /openapi/v3`: where the documents are.
pub(super) async fn v3_index(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response> {
    permitted(&caller, uri.path())?;
    let content_type = negotiate(&headers, &[(JSON, JSON)])?;
    Ok(respond(&headers, content_type, context.openapi.v3_index()))
}

/// `GET /openapi/v3/PATH[?hash=HASH]`: the document of a group version, in JSON.
///
/// With the right hash it may be kept for a year; with another, the client is sent to the right one.
pub(super) async fn v3(
    State(context): State<Context>,
    Extension(caller): Extension<Caller>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response> {
    permitted(&caller, uri.path())?;
    let path = path.trim_end_matches('/');
    let document = context.openapi.v3(path).ok_or_else(|| Failure::from(status::no_such_path()))?;
    let content_type = negotiate(&headers, &[(JSON, JSON)])?;
    let query = Query::parse(&query.unwrap_or_default());
    match query.get("hash") {
        None => Ok(respond(&headers, content_type, document)),
        Some(hash) if hash == document.hash => {
            Ok(immutable(respond(&headers, content_type, document), context.server.clock().now()))
        }
        Some(_) => Ok(moved(&OpenApi::v3_url(path, document))),
    }
}

/// The media type to answer with, of pairs of what may be asked for and what is then answered.
///
/// A client that names none gets the first; 406 where none fits.
fn negotiate(headers: &HeaderMap, offered: &[(&'static str, &'static str)]) -> Result<&'static str> {
    let accepted = negotiation::accepted(headers);
    if accepted.is_empty() {
        return offered
            .first()
            .map(|(_, answered)| *answered)
            .ok_or_else(|| status::not_acceptable(&[]).into());
    }
    let found = accepted.iter().find_map(|clause| {
        let media_type = clause.split(';').next().unwrap_or_default().trim();
        let any = matches!(media_type, "*/*" | "application/*");
        offered.iter().find(|(asked, _)| any || *asked == media_type).map(|(_, answered)| *answered)
    });
    let names: Vec<&str> = offered.iter().map(|(asked, _)| *asked).collect();
    found.ok_or_else(|| status::not_acceptable(&names).into())
}

/// The document, or 304 where the client has it.
fn respond(headers: &HeaderMap, content_type: &'static str, document: &Document) -> Response {
    let tag = format!("\"{}\"", document.hash);
    let mut response = match has(headers, &tag) {
        true => reply::bytes(StatusCode::NOT_MODIFIED, content_type, Body::empty()),
        false => reply::bytes(StatusCode::OK, content_type, document.bytes.clone()),
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Whether one of the tags of `If-None-Match` is this one; weak tags count.
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|given| given == "*" || given.trim_start_matches("W/") == tag)
}

fn immutable(mut response: Response, now: Timestamp) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, immutable"));
    let expires = now
        .checked_add(YEAR)
        .ok()
        .and_then(|at| DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok());
    if let Some(expires) = expires.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(header::EXPIRES, expires);
    }
    response
}

fn moved(url: &str) -> Response {
    match HeaderValue::from_str(url) {
        Ok(location) => (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, location)]).into_response(),
        Err(error) => Failure::from(status::internal(error)).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn swagger_should_be_negotiated() {
        let offered = [(JSON, JSON), (V2_PROTOBUF_ASKED, V2_PROTOBUF)];
        let cases = [
            (V2_PROTOBUF_ASKED, Some(V2_PROTOBUF)),
            ("application/json", Some(JSON)),
            ("application/json;q=0.9, */*", Some(JSON)),
            ("*/*", Some(JSON)),
            ("text/html", None),
        ];
        for (accept, expected) in cases {
            assert_eq!(negotiate(&with(header::ACCEPT, accept), &offered).ok(), expected, "{accept}");
        }
        assert_eq!(negotiate(&HeaderMap::new(), &offered).ok(), Some(JSON));
    }

    #[test]
    fn protobuf_of_version_3_should_be_refused_unless_json_will_do() {
        let protobuf = "application/com.github.proto-openapi.spec.v3@v1.0+protobuf";
        assert!(negotiate(&with(header::ACCEPT, protobuf), &[(JSON, JSON)]).is_err());
        let both = format!("{protobuf}, application/json");
        assert_eq!(negotiate(&with(header::ACCEPT, &both), &[(JSON, JSON)]).ok(), Some(JSON));
    }

    #[test]
    fn a_document_that_the_client_has_should_not_be_sent_again() {
        let open_api = OpenApi::default();
        let document = open_api.v3_index();
        for (tags, expected) in [
            (format!("\"{}\"", document.hash), StatusCode::NOT_MODIFIED),
            (format!("\"other\", W/\"{}\"", document.hash), StatusCode::NOT_MODIFIED),
            ("\"other\"".to_owned(), StatusCode::OK),
        ] {
            let response = respond(&with(header::IF_NONE_MATCH, &tags), JSON, document);
            assert_eq!(response.status(), expected, "{tags}");
            assert_eq!(response.headers()[header::ETAG], format!("\"{}\"", document.hash).as_str());
        }
    }
}
