//! Apply and delete, as `kubectl apply -f` and `kubectl delete -f` do them.

use serde_json::Value;

use super::discovery::Discovery;
use super::http::{self, Answer, RequestError};
use crate::state::apply::{Plan, named, outcome, plan};

/// How the page names itself where the server keeps who set which field.
const FIELD_MANAGER: &str = "fieldManager=kijabi-page&fieldValidation=Strict";

/// What became of one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What kubectl would print, as `pod/web created`, or the server's message.
    pub message: String,
    /// Whether the server did it.
    pub succeeded: bool,
    /// The server's warnings.
    pub warnings: Vec<String>,
    /// The object as the server answered it, if it did.
    pub object: Option<Value>,
}

/// Makes the cluster's object as the document says.
pub async fn apply(discovery: &Discovery, document: &Value) -> Result<Outcome, RequestError> {
    let resource = discovery.resource_of(document).await?;
    let key = resource.key(document).map_err(RequestError::Unsent)?;
    let document = &named(document, &key);
    let path = resource.object_path(&key);
    let live = match http::get(&path).await {
        Ok(live) => Some(live),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    match plan(document, live.as_ref()) {
        Plan::Create(object) => {
            let path = format!("{}?{FIELD_MANAGER}", resource.collection_path(&key.namespace));
            Ok(done(document, "created", http::create(&path, &object).await?))
        }
        Plan::Patch(patch_type, patch) => {
            let path = format!("{path}?{FIELD_MANAGER}");
            Ok(done(document, "configured", http::patch(&path, patch_type.content_type(), &patch).await?))
        }
        Plan::Unchanged => {
            Ok(done(document, "unchanged", Answer { body: live.unwrap_or_default(), warnings: vec![] }))
        }
    }
}

/// Deletes the cluster's object that the document names.
pub async fn delete(discovery: &Discovery, document: &Value) -> Result<Outcome, RequestError> {
    let resource = discovery.resource_of(document).await?;
    let key = resource.key(document).map_err(RequestError::Unsent)?;
    let answer = http::delete(&resource.object_path(&key)).await?;
    Ok(done(document, "deleted", answer))
}

fn done(document: &Value, verb: &str, answer: Answer) -> Outcome {
    Outcome {
        message: outcome(document, verb),
        succeeded: true,
        warnings: answer.warnings,
        object: Some(answer.body),
    }
}
