//! Upstream's documentation of fields, from the server's OpenAPI documents, asked for when it is
//! first wanted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;

use super::http;
use crate::state::object::text;
use crate::state::resource::discovery_path;

/// The documents that were had so far.
#[derive(Default)]
pub struct OpenApi {
    documents: RefCell<BTreeMap<String, Rc<Value>>>,
}

impl OpenApi {
    /// The schemas of an API version; null while they cannot be had.
    pub async fn schemas(&self, api_version: &str) -> Rc<Value> {
        let known = self.documents.borrow().get(api_version).cloned();
        if let Some(known) = known {
            return known;
        }
        let path = format!("/openapi/v3{}", discovery_path(api_version));
        // A version may be half typed, and a server may come back: what failed is asked for again.
        let Ok(document) = http::get(&path).await else { return Rc::default() };
        let schemas = Rc::new(document.pointer("/components/schemas").cloned().unwrap_or_default());
        self.documents.borrow_mut().insert(api_version.to_owned(), schemas.clone());
        schemas
    }
}

/// The description of a type's property, empty where there is none.
pub fn description<'a>(schemas: &'a Value, ty: &str, property: &str) -> &'a str {
    let property = schemas.get(ty).and_then(|ty| ty.get("properties")).and_then(|all| all.get(property));
    property.map(|property| text(property, "/description")).unwrap_or_default()
}
