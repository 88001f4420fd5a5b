//! Requests to the API server, at the page's own origin.

use gloo::net::http::{Method, RequestBuilder, Response};
use serde_json::Value;
use web_sys::{AbortController, ReadableStream};

use crate::state::object::{integer, text};

/// Why a request brought nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestError {
    /// No answer came: the server is gone, or the browser is offline.
    Unreachable,
    /// Nothing was sent: the request would not have meant what the text says.
    Unsent(&'static str),
    /// The server refused, with a `Status`.
    Status {
        /// The HTTP status.
        code: i64,
        /// The `reason`, as `NotFound`.
        reason: String,
        /// The message, as upstream words it.
        message: String,
    },
}

impl RequestError {
    /// Whether the object does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, RequestError::Status { code: 404, .. })
    }
}

/// A good answer.
pub struct Answer {
    /// The object.
    pub body: Value,
    /// The warnings the server sent with it.
    pub warnings: Vec<String>,
}

/// GET of an object, a list or a document.
pub async fn get(path: &str) -> Result<Value, RequestError> {
    Ok(send(Method::GET, path, None).await?.body)
}

/// POST of a new object to its collection.
pub async fn create(path: &str, object: &Value) -> Result<Answer, RequestError> {
    send(Method::POST, path, Some(("application/json", object))).await
}

/// PATCH of an object with a patch of the given media type.
pub async fn patch(path: &str, media_type: &str, patch: &Value) -> Result<Answer, RequestError> {
    send(Method::PATCH, path, Some((media_type, patch))).await
}

/// DELETE of an object.
pub async fn delete(path: &str) -> Result<Answer, RequestError> {
    send(Method::DELETE, path, None).await
}

/// GET whose answer is read as it comes. The connection is given back when the answer is dropped.
pub async fn open(path: &str) -> Result<OpenAnswer, RequestError> {
    let connection = Connection(AbortController::new().map_err(|_| RequestError::Unreachable)?);
    let request = RequestBuilder::new(path).abort_signal(Some(&connection.0.signal()));
    let response = request.send().await.map_err(|_| RequestError::Unreachable)?;
    if !response.ok() {
        return Err(refusal(response).await);
    }
    Ok(OpenAnswer { body: response.body(), _connection: connection })
}

/// An answer that is still coming.
pub struct OpenAnswer {
    /// What comes; none for an empty answer.
    pub body: Option<ReadableStream>,
    _connection: Connection,
}

/// A browser opens six connections to a host and no more, and keeps one whose answer nobody reads.
struct Connection(AbortController);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn send(method: Method, path: &str, body: Option<(&str, &Value)>) -> Result<Answer, RequestError> {
    let builder = RequestBuilder::new(path).method(method).header("Accept", "application/json");
    let request = match body {
        Some((media_type, value)) => builder.header("Content-Type", media_type).body(value.to_string()),
        None => builder.build(),
    };
    let response = request
        .map_err(|_| RequestError::Unreachable)?
        .send()
        .await
        .map_err(|_| RequestError::Unreachable)?;
    if !response.ok() {
        return Err(refusal(response).await);
    }
    let warnings = response.headers().get("warning").map(|header| warnings(&header)).unwrap_or_default();
    let body = response.text().await.map_err(|_| RequestError::Unreachable)?;
    Ok(Answer { body: serde_json::from_str(&body).unwrap_or(Value::Null), warnings })
}

async fn refusal(response: Response) -> RequestError {
    let code = i64::from(response.status());
    let body = response.text().await.unwrap_or_default();
    let status: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
    let message = match text(&status, "/message") {
        "" if body.is_empty() => response.status_text(),
        "" => body,
        message => message.to_owned(),
    };
    let code = if integer(&status, "/code") == 0 { code } else { integer(&status, "/code") };
    RequestError::Status { code, reason: text(&status, "/reason").to_owned(), message }
}

/// The texts of a `Warning` header: `299 - "text", 299 - "text"`.
fn warnings(header: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = header;
    while let Some(start) = rest.find('"') {
        let mut text = String::new();
        let mut chars = rest[start + 1..].char_indices();
        let mut end = rest.len();
        while let Some((index, character)) = chars.next() {
            match character {
                '\\' => text.extend(chars.next().map(|(_, escaped)| escaped)),
                '"' => {
                    end = start + 1 + index + 1;
                    break;
                }
                _ => text.push(character),
            }
        }
        found.push(text);
        rest = &rest[end..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::warnings;

    #[test]
    fn every_warning_of_a_header_should_be_read() {
        let header = r#"299 - "unknown field \"spec.x\"", 299 - "second""#;
        assert_eq!(warnings(header), ["unknown field \"spec.x\"", "second"]);
    }
}
