//! Who asked what, and what came of it: `audit.k8s.io/v1` Events in a bounded ring, readable as a stream.
//!
//! Fields follow `pkg/apis/audit/v1/types.go` of kubernetes/apiserver, at the level `Metadata`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream::{self, BoxStream, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Status};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::api::object::Object;
use crate::api::status;
use crate::given;

use super::request::{Answer, Reply, Request};
use super::request_info::RequestInfo;
use super::user::{Caller, User};
use super::{ApiServer, Result};

mod entry;

pub use entry::Entry;

/// How many events are kept.
const CAPACITY: usize = 8192;
/// How many events a reader takes at a time.
const BATCH: usize = 256;

/// One request, as `audit.k8s.io/v1` describes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Always `Event`.
    pub kind: String,
    /// Always `audit.k8s.io/v1`.
    pub api_version: String,
    /// How much is told: `Metadata`.
    pub level: String,
    /// The request's own id.
    #[serde(rename = "auditID")]
    pub audit_id: String,
    /// How far the request had come: `ResponseStarted` for a watch or a stream, else `ResponseComplete`.
    pub stage: String,
    /// Path and query, as the client sent them.
    #[serde(rename = "requestURI")]
    pub request_uri: String,
    /// The verb.
    pub verb: String,
    /// Who asked.
    pub user: AuditUser,
    /// Where the connection came from.
    #[serde(rename = "sourceIPs", skip_serializing_if = "Vec::is_empty", default)]
    pub source_ips: Vec<String>,
    /// The program's own name for itself.
    pub user_agent: String,
    /// What was asked about; none for paths that are no resource.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub object_ref: Option<ObjectRef>,
    /// What was answered.
    pub response_status: ResponseStatus,
    /// When the request arrived.
    pub request_received_timestamp: MicroTime,
    /// When the stage was reached.
    pub stage_timestamp: MicroTime,
    /// Further facts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub annotations: BTreeMap<String, String>,
}

/// Who asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditUser {
    /// The user name.
    pub username: String,
    /// The groups.
    pub groups: Vec<String>,
    /// What tells apart users of the same name.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub uid: String,
    /// What else is known of the user.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub extra: BTreeMap<String, Vec<String>>,
}

/// What was asked about.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// The plural name.
    pub resource: String,
    /// The namespace.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub namespace: String,
    /// The name; of a created object, the one that it was given.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub name: String,
    /// The uid, where the answer tells it.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub uid: String,
    /// The API group.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub api_group: String,
    /// The version in the group.
    pub api_version: String,
    /// The revision that the request left behind or read.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub resource_version: String,
    /// The subresource.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub subresource: String,
}

/// What was answered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ResponseStatus {
    /// `Failure` where it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Why, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<String>,
    /// The HTTP status code.
    pub code: u16,
}

/// The ring of the newest events.
pub struct AuditLog {
    ring: Mutex<Ring>,
    published: watch::Sender<u64>,
}

#[derive(Default)]
struct Ring {
    events: VecDeque<Arc<Event>>,
    /// How many events were ever recorded; the newest has this number.
    recorded: u64,
}

impl Default for AuditLog {
    fn default() -> AuditLog {
        AuditLog { ring: Mutex::default(), published: watch::Sender::new(0) }
    }
}

impl AuditLog {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an event, forgets the oldest, wakes readers.
    fn record(&self, event: Event) {
        let recorded = {
            let mut ring = self.ring();
            if ring.events.len() == CAPACITY {
                ring.events.pop_front();
            }
            ring.events.push_back(Arc::new(event));
            ring.recorded += 1;
            ring.recorded
        };
        self.published.send_replace(recorded);
    }

    /// The events that are kept, oldest first.
    pub fn events(&self) -> Vec<Arc<Event>> {
        self.ring().events.iter().cloned().collect()
    }

    /// The events that are kept, then new ones as they come; a reader that is too slow misses the
    /// oldest.
    pub fn follow(self: &Arc<Self>) -> BoxStream<'static, Arc<Event>> {
        let start = (self.clone(), self.published.subscribe(), 0);
        stream::unfold(start, |(log, mut published, seen)| async move {
            loop {
                let (events, next) = log.after(seen);
                if !events.is_empty() {
                    return Some((stream::iter(events), (log, published, next)));
                }
                published.changed().await.ok()?;
            }
        })
        .flatten()
        .boxed()
    }

    fn after(&self, seen: u64) -> (Vec<Arc<Event>>, u64) {
        let ring = self.ring();
        let oldest = ring.recorded - ring.events.len() as u64;
        let start = seen.max(oldest);
        let skip = (start - oldest) as usize;
        let events: Vec<_> = ring.events.iter().skip(skip).take(BATCH).cloned().collect();
        let next = start + events.len() as u64;
        (events, next)
    }
}

impl Event {
    fn new(server: &ApiServer, caller: &Caller, verb: &str, request_uri: String) -> Event {
        let now = server.clock.now();
        Event {
            kind: "Event".into(),
            api_version: "audit.k8s.io/v1".into(),
            level: "Metadata".into(),
            audit_id: given::uuid(&*server.entropy),
            stage: "ResponseComplete".into(),
            request_uri,
            verb: verb.into(),
            user: AuditUser::from(&caller.user),
            source_ips: Some(caller.source_ip.clone()).filter(|ip| !ip.is_empty()).into_iter().collect(),
            user_agent: caller.user_agent.clone(),
            object_ref: None,
            response_status: ResponseStatus::default(),
            request_received_timestamp: MicroTime(now),
            stage_timestamp: MicroTime(now),
            annotations: BTreeMap::new(),
        }
    }

    /// Adds what came of the request.
    fn finish(&mut self, outcome: &Result<Answer>) {
        match outcome {
            Err(error) => self.response_status = ResponseStatus::from(&**error),
            Ok(answer) => self.finish_with(&answer.reply),
        }
    }

    fn finish_with(&mut self, reply: &Reply) {
        self.response_status.code = match reply {
            Reply::Created(_) => 201,
            Reply::Status(status) => status::code(status),
            _ => 200,
        };
        match reply {
            Reply::Object(object) | Reply::Created(object) | Reply::Connect(object) => {
                self.name_object(object)
            }
            Reply::Watch(_) => self.stage = "ResponseStarted".into(),
            Reply::List(_) | Reply::Status(_) => {}
        }
    }

    fn name_object(&mut self, object: &Object) {
        let Some(about) = &mut self.object_ref else { return };
        object.name().clone_into(&mut about.name);
        object.resource_version().clone_into(&mut about.resource_version);
        about.uid = object.metadata().uid.clone().unwrap_or_default();
    }
}

impl From<&User> for AuditUser {
    fn from(user: &User) -> AuditUser {
        let User { name, groups, uid, extra } = user.clone();
        AuditUser { username: name, groups, uid, extra }
    }
}

impl From<&Status> for ResponseStatus {
    fn from(status: &Status) -> ResponseStatus {
        ResponseStatus {
            status: status.status.clone(),
            reason: status.reason.clone(),
            message: status.message.clone(),
            code: status::code(status),
        }
    }
}

impl From<&Request> for ObjectRef {
    fn from(request: &Request) -> ObjectRef {
        ObjectRef {
            resource: request.kind.plural.into(),
            namespace: request.attributed_namespace().to_owned(),
            name: request.name.clone(),
            api_group: request.kind.group.into(),
            api_version: request.kind.version.into(),
            subresource: request.subresource.map_or("", |subresource| subresource.name).into(),
            ..ObjectRef::default()
        }
    }
}

impl From<&RequestInfo<'_>> for ObjectRef {
    fn from(info: &RequestInfo<'_>) -> ObjectRef {
        ObjectRef {
            resource: info.resource.unwrap_or_default().into(),
            namespace: info.namespace.into(),
            name: info.name.into(),
            api_group: info.api_group.into(),
            api_version: info.api_version.into(),
            subresource: info.subresource.into(),
            ..ObjectRef::default()
        }
    }
}

/// The path of a component's request, as a client would have written it.
fn uri(request: &Request) -> String {
    let kind = request.kind;
    let mut uri = match kind.group {
        "" => format!("/api/{}", kind.version),
        group => format!("/apis/{group}/{}", kind.version),
    };
    if kind.namespaced && !request.namespace.is_empty() {
        uri = format!("{uri}/namespaces/{}", request.namespace);
    }
    let rest = [kind.plural, &request.name, request.subresource.map_or("", |subresource| subresource.name)];
    for segment in rest.into_iter().filter(|segment| !segment.is_empty()) {
        uri = format!("{uri}/{segment}");
    }
    match request.verb() {
        crate::api::scheme::Verb::Watch => format!("{uri}?watch=true"),
        _ => uri,
    }
}
