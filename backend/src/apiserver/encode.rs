//! From an answer of the chain to bytes: objects, lists, Tables, metadata alone.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use serde_json::{Value, json};
use shared::api::object::{ApiObject, Object, SharedObject};
use shared::api::scheme::Kind;
use shared::api::status;
use shared::api::table::{self, IncludeObject, ListMetadata, TableOptions};
use shared::apiserver::request::{List, Reply};

use super::negotiation::{Encoding, Form, Shape};
use super::query::Query;
use super::reply::{self, Failure, StatusObject};
use super::{Context, warning};

/// How one client wants to see objects of one kind.
pub(super) struct View {
    pub(super) kind: &'static Kind,
    form: Form,
    include: IncludeObject,
    /// Whether Tables still tell what their columns are: once in a watch.
    headers: bool,
    context: Context,
}

impl View {
    /// The view that a request asks for; 400 where it makes no sense.
    pub(super) fn new(
        context: &Context,
        kind: &'static Kind,
        form: Form,
        query: &Query,
    ) -> Result<View, Box<Status>> {
        let include = match form.shape {
            Shape::Table => IncludeObject::parse(query.get("includeObject").unwrap_or_default())
                .map_err(|why| Box::new(status::bad_request(why)))?,
            Shape::Object | Shape::PartialMetadata => IncludeObject::default(),
        };
        Ok(View { kind, form, include, headers: true, context: context.clone() })
    }

    /// From now on Tables do without their columns.
    pub(super) fn leave_out_headers(&mut self) {
        self.headers = false;
    }

    fn now(&self) -> Timestamp {
        self.context.server.clock().now()
    }

    /// One object as JSON text.
    pub(super) fn object(&self, object: &Object) -> Bytes {
        match self.form.shape {
            Shape::Object => object.json(),
            Shape::PartialMetadata => text(&table::partial_object(object.body())),
            Shape::Table => {
                let metadata = ListMetadata {
                    resource_version: object.resource_version().to_owned(),
                    ..ListMetadata::default()
                };
                text(&self.table(&[object.body()], &metadata))
            }
        }
    }

    /// An object that bears nothing but the metadata of a bookmark.
    pub(super) fn bookmark(&self, metadata: Value) -> Value {
        match self.form.shape {
            Shape::Object => {
                json!({ "kind": self.kind.kind, "apiVersion": self.kind.api_version, "metadata": metadata })
            }
            Shape::PartialMetadata => {
                json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata })
            }
            Shape::Table => self.bookmark_table(&metadata),
        }
    }

    /// Upstream puts the annotated object into the one row of the Table.
    fn bookmark_table(&self, metadata: &Value) -> Value {
        let object =
            json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata });
        let revision = metadata["resourceVersion"].as_str().unwrap_or_default().to_owned();
        let mut table =
            self.table(&[], &ListMetadata { resource_version: revision, ..ListMetadata::default() });
        table["rows"] = json!([{ "cells": [], "object": object }]);
        table
    }

    fn table(&self, objects: &[&dyn ApiObject], metadata: &ListMetadata) -> Value {
        let options = TableOptions { include_object: self.include, no_headers: !self.headers };
        table::render(self.kind.api_version, self.kind.kind, objects, metadata, &options, self.now())
    }

    /// A collection as JSON text.
    fn list(&self, list: &List) -> Bytes {
        let objects: Vec<&dyn ApiObject> = list.items.iter().map(|object| object.body()).collect();
        match self.form.shape {
            Shape::Object => self.plain_list(list),
            Shape::Table => text(&self.table(&objects, &list_metadata(list))),
            Shape::PartialMetadata => text(&table::partial_object_list(&objects, &list_metadata(list))),
        }
    }

    /// The items' own JSON, put together without decoding it.
    fn plain_list(&self, list: &List) -> Bytes {
        let metadata = list_metadata(list).to_value();
        let items: Vec<Bytes> = list.items.iter().map(|object| object.json()).collect();
        let size = items.iter().map(|item| item.len() + 1).sum::<usize>();
        let mut out = BytesMut::with_capacity(size + 256);
        let head = format!(
            "{{\"kind\":\"{}\",\"apiVersion\":\"{}\",\"metadata\":{metadata},\"items\":[",
            self.kind.list_kind, self.kind.api_version
        );
        out.put_slice(head.as_bytes());
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.put_u8(b',');
            }
            out.put_slice(item);
        }
        out.put_slice(b"]}");
        out.freeze()
    }

    fn encoded(&self, code: StatusCode, json: Bytes) -> Response {
        if self.form.encoding == Encoding::Json {
            return reply::bytes(code, "application/json", json);
        }
        let value: Value = serde_json::from_slice(&json).unwrap_or_default();
        reply::bytes(code, "application/yaml", shared::yaml::write(&value))
    }
}

fn text(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

fn list_metadata(list: &List) -> ListMetadata {
    ListMetadata {
        resource_version: list.revision.to_string(),
        continue_token: list.continue_token.clone(),
        remaining_item_count: list.remaining.and_then(|remaining| i64::try_from(remaining).ok()),
    }
}

/// The response to everything but a watch.
pub(super) fn respond(view: View, answer: Reply, warnings: &[String]) -> Response {
    let object = |code, object: SharedObject| view.encoded(code, view.object(&object));
    let mut response = match answer {
        Reply::Object(found) | Reply::Connect(found) => object(StatusCode::OK, found),
        Reply::Created(created) => object(StatusCode::CREATED, created),
        Reply::List(list) => view.encoded(StatusCode::OK, view.list(&list)),
        Reply::Status(status) => {
            let code = StatusCode::from_u16(status::code(&status)).unwrap_or(StatusCode::OK);
            reply::json(code, &StatusObject::from(&*status))
        }
        Reply::Watch(_) => Failure::from(status::internal("a watch is not answered at once")).into_response(),
    };
    warning::add(response.headers_mut(), warnings);
    response
}
