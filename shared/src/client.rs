//! How a component of the process reaches the API: the same chain as everyone, under its own name,
//! without HTTP and without JSON.

use k8s_openapi::Resource;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::Value;

use crate::api::object::{ApiObject, SharedObject};
use crate::api::patch::PatchType;
use crate::api::scheme::Kind;
use crate::api::status;
use crate::apiserver::request::{Answer, List, ListOptions, Operation, Reply, Request, WatchStream};
use crate::apiserver::user::{Caller, User};
use crate::apiserver::{ApiServer, Result};

/// One component's access to the API.
#[derive(Clone)]
pub struct Client {
    server: ApiServer,
    caller: Caller,
}

impl Client {
    /// Access for `user`; `user_agent` is the component's name for itself.
    pub fn new(server: ApiServer, user: User, user_agent: &str) -> Client {
        Client { server, caller: Caller::component(user, user_agent) }
    }

    /// The API server behind this access, for its clock and entropy.
    pub fn server(&self) -> &ApiServer {
        &self.server
    }

    /// Sends any request.
    pub async fn send(&self, request: Request) -> Result<Answer> {
        self.server.handle(&self.caller, request).await
    }

    async fn object(&self, request: Request) -> Result<SharedObject> {
        match self.send(request).await?.reply {
            Reply::Object(object) | Reply::Created(object) => Ok(object),
            _ => Err(Box::new(status::internal("the answer is not an object"))),
        }
    }

    /// Reads one object.
    pub async fn get<K: Resource>(&self, namespace: &str, name: &str) -> Result<SharedObject> {
        self.object(Request::get::<K>(namespace, name)?).await
    }

    /// Reads a collection; `namespace` empty means all.
    pub async fn list(&self, kind: &'static Kind, namespace: &str, options: ListOptions) -> Result<List> {
        match self.send(Request::collection(kind, namespace, Operation::List(options))).await?.reply {
            Reply::List(list) => Ok(list),
            _ => Err(Box::new(status::internal("the answer is not a list"))),
        }
    }

    /// Follows a collection; `namespace` empty means all.
    pub async fn watch(
        &self,
        kind: &'static Kind,
        namespace: &str,
        options: ListOptions,
    ) -> Result<WatchStream> {
        match self.send(Request::collection(kind, namespace, Operation::Watch(options))).await?.reply {
            Reply::Watch(stream) => Ok(stream),
            _ => Err(Box::new(status::internal("the answer is not a watch"))),
        }
    }

    /// Writes a new object.
    pub async fn create(&self, object: impl ApiObject) -> Result<SharedObject> {
        self.object(Request::create(object)?).await
    }

    /// Replaces an object.
    pub async fn update(&self, object: impl ApiObject) -> Result<SharedObject> {
        self.object(Request::update(object)?).await
    }

    /// Replaces an object's status.
    pub async fn update_status(&self, object: impl ApiObject) -> Result<SharedObject> {
        self.object(Request::update(object)?.subresource("status")?).await
    }

    /// Changes parts of an object by a merge patch.
    pub async fn merge<K: Resource>(
        &self,
        namespace: &str,
        name: &str,
        patch: Value,
    ) -> Result<SharedObject> {
        self.object(Request::patch::<K>(namespace, name, PatchType::Merge, patch)?).await
    }

    /// Changes parts of an object's status by a strategic merge patch.
    pub async fn patch_status<K: Resource>(
        &self,
        namespace: &str,
        name: &str,
        patch: Value,
    ) -> Result<SharedObject> {
        let request = Request::patch::<K>(namespace, name, PatchType::Strategic, patch)?;
        self.object(request.subresource("status")?).await
    }

    /// Removes an object.
    pub async fn delete<K: Resource>(
        &self,
        namespace: &str,
        name: &str,
        options: DeleteOptions,
    ) -> Result<()> {
        self.send(Request::delete::<K>(namespace, name, options)?).await.map(drop)
    }
}
