//! Which path a kind is served at, asked once for each API version.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

use super::http::{self, RequestError};
use crate::state::object::text;
use crate::state::resource::{Resource, discovery_path};

/// What discovery has told so far.
#[derive(Default)]
pub struct Discovery {
    lists: RefCell<BTreeMap<String, Value>>,
}

impl Discovery {
    /// The resource of an object's kind; kubectl's message where the server serves none.
    pub async fn resource_of(&self, object: &Value) -> Result<Resource, RequestError> {
        let (api_version, kind) = (text(object, "/apiVersion"), text(object, "/kind"));
        let list = self.list(api_version).await?;
        list.and_then(|list| Resource::find(&list, kind)).ok_or_else(|| no_match(object))
    }

    /// The discovery document of an API version, `None` where the server does not have it.
    async fn list(&self, api_version: &str) -> Result<Option<Value>, RequestError> {
        let known = self.lists.borrow().get(api_version).cloned();
        if known.is_some() {
            return Ok(known);
        }
        match http::get(&discovery_path(api_version)).await {
            Ok(list) => {
                self.lists.borrow_mut().insert(api_version.to_owned(), list.clone());
                Ok(Some(list))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn no_match(object: &Value) -> RequestError {
    let (api_version, kind) = (text(object, "/apiVersion"), text(object, "/kind"));
    let message = format!("no matches for kind \"{kind}\" in version \"{api_version}\"");
    RequestError::Status { code: 404, reason: "NotFound".to_owned(), message }
}
