//! Sends documents to the API server, one after the other, and keeps the answers.

use std::rc::Rc;

use serde_json::Value;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::use_words;
use crate::client::apply::{self, Outcome};
use crate::client::discovery::Discovery;
use crate::client::http::RequestError;

/// What to do with documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// Make the cluster as they say.
    Apply,
    /// Delete what they name.
    Delete,
}

/// What was sent, and the way to send.
#[derive(Clone, PartialEq)]
pub struct Sender {
    /// Whether an answer is awaited.
    pub busy: bool,
    /// The answers to what was sent last.
    pub outcomes: Vec<Outcome>,
    /// Sends.
    pub send: Callback<(Sending, Vec<Value>)>,
}

/// A sender that tells `on_applied` the objects that the server has taken.
#[hook]
pub fn use_sender(on_applied: Callback<Vec<Value>>) -> Sender {
    let words = use_words();
    let discovery = use_memo((), |()| Discovery::default());
    let outcomes = use_state(Vec::new);
    let busy = use_state(|| false);
    let send = {
        let (outcomes, busy) = (outcomes.setter(), busy.setter());
        Callback::from(move |(sending, documents): (Sending, Vec<Value>)| {
            let (outcomes, busy, discovery) = (outcomes.clone(), busy.clone(), discovery.clone());
            let (on_applied, unreachable) = (on_applied.clone(), words.say("error.unreachable"));
            busy.set(true);
            spawn_local(async move {
                let sent = send_all(&discovery, sending, &documents, &unreachable).await;
                let objects = sent.iter().filter_map(|outcome| outcome.object.clone()).collect();
                outcomes.set(sent);
                busy.set(false);
                if sending == Sending::Apply {
                    on_applied.emit(objects);
                }
            });
        })
    };
    Sender { busy: *busy, outcomes: (*outcomes).clone(), send }
}

async fn send_all(
    discovery: &Rc<Discovery>,
    sending: Sending,
    documents: &[Value],
    unreachable: &str,
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for document in documents {
        let result = match sending {
            Sending::Apply => apply::apply(discovery, document).await,
            Sending::Delete => apply::delete(discovery, document).await,
        };
        outcomes.push(result.unwrap_or_else(|error| refused(error, unreachable)));
    }
    outcomes
}

/// A refusal in kubectl's words.
fn refused(error: RequestError, unreachable: &str) -> Outcome {
    let message = match error {
        RequestError::Unreachable => unreachable.to_owned(),
        RequestError::Unsent(message) => format!("error: {message}"),
        RequestError::Status { reason, message, .. } if reason.is_empty() => message,
        RequestError::Status { reason, message, .. } => format!("Error from server ({reason}): {message}"),
    };
    Outcome { message, succeeded: false, warnings: vec![], object: None }
}
