//! What is answered.

use std::net::SocketAddr;

use image_nginx::Request;
use serde_json::{Map, Value, json};

/// Who this server is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The name it was given; none if empty.
    pub name: String,
    /// The pod's name.
    pub hostname: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Its environment variables.
    pub environment: Vec<(String, String)>,
    /// What `/health` answers.
    pub health: u16,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    content_type: &'static str,
    /// What follows the head.
    pub body: Vec<u8>,
    /// So many bytes of filler follow it.
    pub filler_bytes: u64,
}

impl Answer {
    /// An answer without a body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: Vec::new(), filler_bytes: 0 }
    }

    fn text(body: String) -> Self {
        Self { body: body.into_bytes(), ..Self::status(200) }
    }

    /// The head in bytes.
    #[must_use]
    pub fn head(&self, keep_alive: bool) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            400 => "Bad Request",
            500 => "Internal Server Error",
            503 => "Service Unavailable",
            _ => "Status",
        };
        let length = self.body.len() as u64 + self.filler_bytes;
        let connection = if keep_alive { "" } else { "Connection: close\r\n" };
        format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: {}\r\nContent-Length: {length}\r\n{connection}\r\n",
            self.status, self.content_type
        )
        .into_bytes()
    }
}

impl Identity {
    /// Answers a request.
    pub fn answer(&mut self, request: &Request, body: &[u8], peer: SocketAddr) -> Answer {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        match path {
            "/api" => self.object(request, query, peer),
            "/bench" => Answer::text("1".to_owned()),
            "/data" => Answer { filler_bytes: data_bytes(query), ..Answer::status(200) },
            "/health" if request.method == "POST" => self.set_health(body),
            "/health" => Answer::status(self.health),
            "/echo" => Answer {
                status: 501,
                ..Answer::text("/echo needs WebSocket, which is not here\n".to_owned())
            },
            _ => Answer::text(self.lines(request, query, peer)),
        }
    }

    fn set_health(&mut self, body: &[u8]) -> Answer {
        let status = std::str::from_utf8(body).ok().and_then(|text| text.trim().parse().ok());
        match status.filter(|status| (100..1000).contains(status)) {
            Some(status) => {
                println!("Update health check status code [{status}]");
                self.health = status;
                Answer::status(200)
            }
            None => Answer { status: 400, ..Answer::text("a status code is needed\n".to_owned()) },
        }
    }

    fn lines(&self, request: &Request, query: &str, peer: SocketAddr) -> String {
        let mut lines = Vec::new();
        if !self.name.is_empty() {
            lines.push(format!("Name: {}", self.name));
        }
        lines.push(format!("Hostname: {}", self.hostname));
        lines.extend(self.addresses.iter().map(|address| format!("IP: {address}")));
        lines.push(format!("RemoteAddr: {peer}"));
        // The request follows as it would be sent on: with the line ends of HTTP.
        lines.push(format!("{} {} HTTP/1.1\r", request.method, request.target));
        lines.push(format!("Host: {}\r", request.header("host").unwrap_or_default()));
        lines.extend(headers(request).iter().map(|(name, value)| format!("{name}: {value}\r")));
        lines.push("\r".to_owned());
        if is_set(query, "env") {
            lines.extend(self.environment.iter().map(|(name, value)| format!("{name}={value}")));
        }
        lines.join("\n") + "\n"
    }

    fn object(&self, request: &Request, query: &str, peer: SocketAddr) -> Answer {
        let mut fields = Map::new();
        fields.insert("hostname".to_owned(), json!(self.hostname));
        fields.insert("ip".to_owned(), json!(self.addresses));
        let headers: Map<String, Value> =
            headers(request).into_iter().map(|(name, value)| (name, json!([value]))).collect();
        fields.insert("headers".to_owned(), headers.into());
        fields.insert("url".to_owned(), json!(request.target));
        fields.insert("host".to_owned(), json!(request.header("host").unwrap_or_default()));
        fields.insert("method".to_owned(), json!(request.method));
        if !self.name.is_empty() {
            fields.insert("name".to_owned(), json!(self.name));
        }
        fields.insert("remoteAddr".to_owned(), json!(peer.to_string()));
        if is_set(query, "env") {
            let variables = self.environment.iter().map(|(name, value)| (name.clone(), json!(value)));
            fields.insert("environ".to_owned(), Value::Object(variables.collect()));
        }
        let text = Value::Object(fields).to_string() + "\n";
        Answer { content_type: "application/json", ..Answer::text(text) }
    }
}

/// All headers but `Host`, sorted by name, each name as Go writes it: `user-agent` is `User-Agent`.
fn headers(request: &Request) -> Vec<(String, String)> {
    let shown = |name: &str| name.split('-').map(capitalized).collect::<Vec<_>>().join("-");
    let others = request.headers.iter().filter(|(name, _)| name != "host");
    let mut headers: Vec<_> = others.map(|(name, value)| (shown(name), value.clone())).collect();
    headers.sort();
    headers
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

fn is_set(query: &str, name: &str) -> bool {
    matches!(parameter(query, name), Some("1" | "t" | "T" | "true" | "TRUE" | "True"))
}

/// How much `/data` sends, in bytes.
fn data_bytes(query: &str) -> u64 {
    let size: i64 = parameter(query, "size").and_then(|size| size.parse().ok()).unwrap_or(1);
    let unit: u64 = match parameter(query, "unit").unwrap_or_default().to_ascii_lowercase().as_str() {
        "kb" => 1 << 10,
        "mb" => 1 << 20,
        "gb" => 1 << 30,
        "tb" => 1 << 40,
        _ => 1,
    };
    u64::try_from(size).unwrap_or(0).saturating_mul(unit)
}

/// Letters to fill an answer with.
pub(crate) fn filler(count: u64) -> Vec<u8> {
    let letters = b"-ABCDEFGHIJKLMNOPQRSTUVWXYZ".iter().copied().cycle();
    letters.take(usize::try_from(count).unwrap_or(0)).collect()
}
