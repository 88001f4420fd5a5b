//! The API server's chain: authorize → admit → default → validate → registry → audit.
//!
//! Its verbs are async functions over the [`Store`] trait that start nothing and never sleep.
//! Authentication, HTTP, TLS and streams are the backend's; it hands every request to
//! [`ApiServer::handle`], as the components of the process do.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;

use crate::given::{Clock, Entropy};
use crate::store::Store;

pub mod admission;
pub mod audit;
pub mod authorization;
pub mod binding;
pub mod bootstrap;
pub mod create;
pub mod delete;
pub mod discovery;
pub mod event_ttl;
pub mod get;
pub mod input;
pub mod list;
pub mod measured;
#[cfg(feature = "schemars")]
pub mod openapi;
mod options;
pub mod patch;
pub mod port_forward;
pub mod protobuf;
pub mod registry;
pub mod remote_command;
pub mod request;
pub mod request_info;
mod scale;
pub mod service_account;
pub mod service_ip;
pub mod stream_location;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod update;
pub mod user;
pub mod watch;

use audit::{AuditLog, Entry};
use measured::Measures;
use request::{Answer, Operation, Reply, Request};
use user::Caller;

/// The `gitVersion` that `/version` reports.
pub const VERSION: &str = "v1.37.0";

/// Errors are `Status` objects; they are large, so they travel boxed.
pub type Result<T, E = Box<Status>> = std::result::Result<T, E>;

/// The API server of one cluster.
#[derive(Clone)]
pub struct ApiServer {
    store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// What tokens of service accounts are signed with, where any are.
    token_key: Option<Arc<dyn service_account::TokenKey>>,
    /// What was asked, by whom, and what came of it.
    pub audit: Arc<AuditLog>,
    /// What pods and nodes use, which nobody stores.
    pub measures: Arc<Measures>,
}

impl ApiServer {
    /// An API server over a store; see [`bootstrap`](Self::bootstrap) for what must exist in it.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> ApiServer {
        let (audit, measures) = (Arc::default(), Arc::default());
        ApiServer { store, clock, entropy, token_key: None, audit, measures }
    }

    /// The cluster's clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Where the cluster's random numbers come from.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// Whether the store answers.
    pub async fn ping(&self) -> Result<()> {
        self.store.get("/registry/health").await.map(drop).map_err(registry::store_status)
    }

    /// The whole chain for one request of a component.
    ///
    /// A failed request has no effect. A watch that began reports later failures as its last event.
    pub async fn handle(&self, caller: &Caller, request: Request) -> Result<Answer> {
        let entry = Entry::of_request(self, caller, &request);
        self.handle_recorded(&entry, caller, request).await
    }

    /// The whole chain for one request whose entry in the audit is open.
    pub async fn handle_recorded(&self, entry: &Entry, caller: &Caller, request: Request) -> Result<Answer> {
        let answer = self.authorized(caller, request).await;
        entry.finish(&answer);
        answer
    }

    async fn authorized(&self, caller: &Caller, request: Request) -> Result<Answer> {
        authorization::authorize(&caller.user, &request)?;
        let mut warnings: Vec<String> = request.kind.deprecation.map(str::to_owned).into_iter().collect();
        let reply = self.dispatch(caller, request, &mut warnings).await?;
        Ok(Answer { reply, warnings })
    }

    async fn dispatch(&self, caller: &Caller, request: Request, warnings: &mut Vec<String>) -> Result<Reply> {
        let Request { kind, namespace, name, subresource, operation } = request;
        let target = registry::Target { kind, namespace, name, subresource };
        match operation {
            Operation::Get if kind.is_measured() => self.get_measured(&target).map(Reply::Object),
            Operation::List(options) if kind.is_measured() => {
                self.list_measured(&target, &options).map(Reply::List)
            }
            Operation::Get if target.is_scale() => self.get_scale(&target).await.map(Reply::Object),
            Operation::Get => self.get(&target).await.map(Reply::Object),
            Operation::List(options) => self.list(&target, &options).await.map(Reply::List),
            Operation::Watch(options) => self.watch(&target, &options).await.map(Reply::Watch),
            Operation::Create(input, options) => {
                self.create(caller, &target, input, &options, warnings).await
            }
            Operation::Update(input, options) if target.is_scale() => {
                self.update_scale(caller, &target, input, &options, warnings).await
            }
            Operation::Patch(patch, options) if target.is_scale() => {
                self.patch_scale(caller, &target, &patch, &options, warnings).await
            }
            Operation::Update(input, options) => {
                self.update(caller, &target, input, &options, warnings).await
            }
            Operation::Patch(patch, options) => self.patch(caller, &target, &patch, &options, warnings).await,
            Operation::Delete(options) => self.delete(caller, &target, &options).await,
            Operation::DeleteCollection(selection, options) => {
                self.delete_collection(caller, &target, &selection, &options).await
            }
            Operation::Connect(_) => self.get(&target).await.map(Reply::Connect),
        }
    }
}
