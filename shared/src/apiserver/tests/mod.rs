//! The chain as its callers see it: requests in, answers, refusals and changes out.

mod create;
mod delete;
mod discovery;
mod endpoints;
mod events;
mod list;
mod refusals;
mod scale;
mod services;
mod storage;
mod update;
mod watch;

use std::sync::Arc;

use bytes::Bytes;
use futures::executor::block_on;
use serde_json::{Value, json};

use super::ApiServer;
use super::request::{Answer, Input, ListOptions, Operation, Patch, Reply, Request, WriteOptions};
use super::testing::{SteppedClock, server};
use super::user::{Caller, MASTERS, User};
use crate::api::patch::PatchType;
use crate::api::scheme;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Status};

/// A bootstrapped cluster.
struct Api {
    server: ApiServer,
    clock: Arc<SteppedClock>,
}

/// A refusal: code and message.
type Refusal = (u16, String);

fn refusal(status: &Status) -> Refusal {
    (crate::api::status::code(status), status.message.clone().unwrap_or_default())
}

fn api() -> Api {
    let (server, clock) = server();
    block_on(server.bootstrap("172.18.0.2:6443".parse().unwrap())).unwrap();
    Api { server, clock }
}

/// The request that a path and an operation mean: `pods/default/web/status`, `namespaces//team`.
fn request(path: &str, operation: Operation) -> Request {
    let mut parts = path.split('/');
    let plural = parts.next().unwrap();
    let kind = scheme::KINDS.iter().find(|kind| kind.plural == plural).unwrap();
    let namespace = parts.next().unwrap_or_default().to_owned();
    let name = parts.next().unwrap_or_default().to_owned();
    let subresource = parts.next().map(|name| kind.subresource(name).unwrap());
    Request { kind, namespace, name, subresource, operation }
}

fn text(body: &Value) -> Input {
    Input::Text(Bytes::from(body.to_string()))
}

fn dry() -> WriteOptions {
    WriteOptions { dry_run: true, ..WriteOptions::default() }
}

impl Api {
    fn send_as(&self, user: User, request: Request) -> Result<Answer, Box<Status>> {
        block_on(self.server.handle(&Caller::component(user, "test"), request))
    }

    fn answer(&self, request: Request) -> Result<Answer, Box<Status>> {
        self.send_as(User::new("kubernetes-admin", &[MASTERS]), request)
    }

    /// The answer as JSON.
    fn send(&self, path: &str, operation: Operation) -> Result<Value, Refusal> {
        let answer = self.answer(request(path, operation)).map_err(|status| refusal(&status))?;
        Ok(match answer.reply {
            Reply::Object(object) | Reply::Created(object) | Reply::Connect(object) => {
                object.body().to_value()
            }
            Reply::Status(status) => serde_json::to_value(status).unwrap(),
            Reply::List(list) => list.items.iter().map(|object| object.name()).collect(),
            Reply::Watch(_) => json!("watch"),
        })
    }

    fn get(&self, path: &str) -> Result<Value, Refusal> {
        self.send(path, Operation::Get)
    }

    fn create(&self, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.send(path, Operation::Create(text(body), WriteOptions::default()))
    }

    fn update(&self, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.send(path, Operation::Update(text(body), WriteOptions::default()))
    }

    fn merge(&self, path: &str, body: Value) -> Result<Value, Refusal> {
        let patch = Patch::new(PatchType::Merge, body);
        self.send(path, Operation::Patch(patch, WriteOptions::default()))
    }

    fn delete(&self, path: &str, options: DeleteOptions) -> Result<Value, Refusal> {
        self.send(path, Operation::Delete(options))
    }

    fn list(&self, path: &str, options: ListOptions) -> Result<Value, Refusal> {
        self.send(path, Operation::List(options))
    }

    fn revision(&self) -> u64 {
        self.server.store.current_revision()
    }
}

fn config_map(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name } })
}

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name },
        "spec": { "containers": [{ "name": "main", "image": "nginx" }] },
    })
}

/// A pod that runs on a node.
fn pod_on(name: &str, node: &str) -> Value {
    let mut pod = pod(name);
    pod["spec"]["nodeName"] = node.into();
    pod
}

/// The same object with another value at a JSON pointer's place.
fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[field] = value;
    object
}
