//! `/api/…` and `/apis/…`: from method, path, query and body to a request of the chain.

use axum::body::Body;
use axum::extract::{FromRequestParts, State, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Request as HttpRequest, header};
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Status};
use percent_encoding::percent_decode_str;
use shared::api::patch::PatchType;
use shared::api::scheme::Verb;
use shared::api::status;
use shared::api::strict;
use shared::apiserver::audit::Entry;
use shared::apiserver::protobuf;
use shared::apiserver::request::{Answer, Input, Operation, Patch, Reply, Request};
use shared::apiserver::request_info::{Path, ResourcePath, parse};
use shared::apiserver::user::Caller;

use super::query::Query;
use super::reply::Failure;
use super::{
    Context, body, discovery, encode, log, negotiation, port_forward, proxy, remote_command, warning, watch,
};

type Result<T> = std::result::Result<T, Failure>;

/// Answers a stream's request.
type Stream =
    for<'a> fn(&'a Asking<'a>, &'a ResourcePath<'a>, Parts, Body) -> BoxFuture<'a, Result<Response>>;

/// Subresources that are streams to the pod.
const STREAMS: [(&str, Stream); 5] = [
    ("attach", |asking, place, parts, _| remote_command::attach(asking, place, parts).boxed()),
    ("exec", |asking, place, parts, _| remote_command::exec(asking, place, parts).boxed()),
    ("log", |asking, place, parts, _| log::handle(asking, place, parts).boxed()),
    ("portforward", |asking, place, parts, _| port_forward::handle(asking, place, parts).boxed()),
    ("proxy", |asking, place, parts, body| proxy::handle(asking, place, parts, body).boxed()),
];

/// Answers every path below `/api/` and `/apis/`.
pub(super) async fn handle(State(context): State<Context>, request: HttpRequest<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let path = decoded(parts.uri.path());
    let (Some(caller), Some(entry)) =
        (parts.extensions.get::<Caller>().cloned(), parts.extensions.get::<Entry>().cloned())
    else {
        return Failure::from(status::unauthorized()).into_response();
    };
    let outcome = match parse(&path) {
        Path::Resource(place) => {
            resource(&Asking { context: &context, caller: &caller, entry: &entry }, place, parts, body).await
        }
        Path::Unknown => Err(unknown(&caller, &path)),
        Path::Other => discovery::versions(&caller, &parts.method, &path),
    };
    outcome.unwrap_or_else(IntoResponse::into_response)
}

/// 404, to those who may ask.
fn unknown(caller: &Caller, path: &str) -> Failure {
    discovery::permitted(caller, path).err().unwrap_or_else(|| status::no_such_path().into())
}

/// A path without its escapes.
pub(super) fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// Who asks, of which cluster, and what the audit will tell of it.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) context: &'a Context,
    pub(super) caller: &'a Caller,
    entry: &'a Entry,
}

impl Asking<'_> {
    /// The answer of the chain. A write is not given up where the client goes away: half of one, such as
    /// an address that is claimed for no service, would stay.
    pub(super) async fn answer(self, request: Request) -> std::result::Result<Answer, Box<Status>> {
        let (server, caller, entry) = (self.context.server.clone(), self.caller.clone(), self.entry.clone());
        if matches!(
            request.operation,
            Operation::Get | Operation::List(_) | Operation::Watch(_) | Operation::Connect(_)
        ) {
            return server.handle_recorded(&entry, &caller, request).await;
        }
        let write = tokio::spawn(async move { server.handle_recorded(&entry, &caller, request).await });
        write.await.unwrap_or_else(|error| Err(Box::new(status::internal(error))))
    }
}

async fn resource(
    asking: &Asking<'_>,
    place: ResourcePath<'_>,
    mut parts: Parts,
    body: Body,
) -> Result<Response> {
    let context = asking.context;
    let named = place.subresource.map_or("", |subresource| subresource.name);
    if let Some((_, stream)) = STREAMS.iter().find(|(name, _)| *name == named) {
        return stream(asking, &place, parts, body).await;
    }
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, context).await.ok();
    let view = encode::View::new(context, place.kind, negotiation::form(&parts.headers)?, &query)?;
    let operation = operation(&parts, &place, &query, body).await?;
    let request = Request {
        kind: place.kind,
        namespace: place.namespace.to_owned(),
        name: place.name.to_owned(),
        subresource: place.subresource,
        operation,
    };
    let answer = asking.answer(request).await?;
    match answer.reply {
        Reply::Watch(stream) => {
            let mut response = watch::respond(view, stream, &query, upgrade)?;
            warning::add(response.headers_mut(), &answer.warnings);
            Ok(response)
        }
        reply => Ok(encode::respond(view, reply, &answer.warnings)),
    }
}

async fn operation(parts: &Parts, place: &ResourcePath<'_>, query: &Query, body: Body) -> Result<Operation> {
    let verb = verb(&parts.method, place, query)?;
    Ok(match verb {
        Verb::Get => Operation::Get,
        Verb::List => Operation::List(query.list_options()?),
        Verb::Watch => Operation::Watch(watch_options(place, query)?),
        Verb::Create => Operation::Create(input(&parts.headers, body).await?, query.write_options()?),
        Verb::Update => Operation::Update(input(&parts.headers, body).await?, query.write_options()?),
        Verb::Patch => Operation::Patch(patch(&parts.headers, body).await?, query.write_options()?),
        Verb::Delete => Operation::Delete(delete_options(&parts.headers, query, body).await?),
        Verb::DeleteCollection => {
            let options = delete_options(&parts.headers, query, body).await?;
            Operation::DeleteCollection(query.list_options()?, options)
        }
    })
}

/// A watch of one object, `/watch/…/NAME`, is one of its collection that looks at this name alone.
fn watch_options(place: &ResourcePath<'_>, query: &Query) -> Result<shared::apiserver::request::ListOptions> {
    let options = query.list_options()?;
    if !place.name.is_empty() && place.subresource.is_some() {
        return Err(
            status::method_not_supported(place.kind.group_resource(), "watch of a subresource").into()
        );
    }
    Ok(options)
}

/// What a method means for an object, a collection or a subresource; 405 where it means nothing.
fn verb(method: &Method, place: &ResourcePath<'_>, query: &Query) -> Result<Verb> {
    let one = !place.name.is_empty();
    let verb = match *method {
        Method::GET | Method::HEAD if place.watch => Verb::Watch,
        _ if place.watch => return Err(not_allowed(method)),
        Method::GET | Method::HEAD if one => Verb::Get,
        Method::GET | Method::HEAD if query.watch() => Verb::Watch,
        Method::GET | Method::HEAD => Verb::List,
        Method::POST if !one || place.subresource.is_some() => Verb::Create,
        Method::PUT if one => Verb::Update,
        Method::PATCH if one => Verb::Patch,
        Method::DELETE if one => Verb::Delete,
        Method::DELETE => Verb::DeleteCollection,
        _ => return Err(not_allowed(method)),
    };
    let verbs = place.subresource.map_or(place.kind.verbs, |subresource| subresource.verbs);
    let needs_namespace = verb == Verb::Create && place.kind.namespaced && place.namespace.is_empty();
    match verbs.contains(&verb) && !needs_namespace {
        true => Ok(verb),
        false => Err(not_allowed(method)),
    }
}

/// 405: the path is there, and does not have this method.
pub(super) fn not_allowed(method: &Method) -> Failure {
    let mut status = status::bad_request("the server does not allow this method on the requested resource");
    status.code = Some(405);
    status.reason = Some("MethodNotAllowed".into());
    tracing::debug!(%method, "method not allowed");
    status.into()
}

async fn patch(headers: &HeaderMap, body: Body) -> Result<Patch> {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(form) = PatchType::from_content_type(content_type) else {
        let accepted = PatchType::ALL.map(PatchType::content_type);
        return Err(status::unsupported_media_type(content_type, &accepted).into());
    };
    let text = body::read(body).await?;
    let (body, duplicates) = strict::parse_json_strict(&text)
        .map_err(|error| Box::new(status::bad_request(format!("error decoding patch: {error}"))))?;
    Ok(Patch { form, body, duplicates })
}

/// The content type of the body, without its parameters; JSON where none is named.
fn content_type(headers: &HeaderMap) -> &str {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match named.split(';').next().unwrap_or_default().trim() {
        "" => "application/json",
        named => named,
    }
}

/// The object in the body; 415 where it has a form that is not read.
async fn input(headers: &HeaderMap, body: Body) -> std::result::Result<Input, Box<Status>> {
    const READ: [&str; 3] = ["application/json", "application/yaml", protobuf::CONTENT_TYPE];
    let named = content_type(headers);
    if !READ.contains(&named) {
        return Err(Box::new(status::unsupported_media_type(named, &READ)));
    }
    body::read(body).await.map(Input::Text)
}

async fn delete_options(
    headers: &HeaderMap,
    query: &Query,
    body: Body,
) -> std::result::Result<DeleteOptions, Box<Status>> {
    let text = body::read(body).await?;
    let options = match text.is_empty() {
        true => DeleteOptions::default(),
        false => options_in(content_type(headers), &text)
            .map_err(|why| Box::new(status::bad_request(format!("the body is no DeleteOptions: {why}"))))?,
    };
    query.delete_options(options)
}

fn options_in(content_type: &str, body: &[u8]) -> std::result::Result<DeleteOptions, String> {
    let value = match content_type {
        protobuf::CONTENT_TYPE => protobuf::decode(body).map_err(|error| error.to_string())?,
        _ => serde_json::from_slice(body).map_err(|error| error.to_string())?,
    };
    serde_json::from_value(value).map_err(|error| error.to_string())
}
