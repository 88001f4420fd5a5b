//! Texts with variables: `$host`, `${uri}`, `$1`.

use std::collections::BTreeSet;

/// A text whose variables are filled in for each request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
    Capture(usize),
}

/// What a request knows.
pub trait Variables {
    /// The value of a variable; empty where it has none.
    fn variable(&self, name: &str) -> String;
    /// What a group of the last pattern caught.
    fn capture(&self, number: usize) -> String;
}

impl Script {
    /// Reads a text.
    ///
    /// # Errors
    /// nginx's words for a variable that is not there.
    pub fn parse(text: &str, own: &BTreeSet<String>) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            push_text(&mut parts, &rest[..at]);
            rest = &rest[at + 1..];
            let digit = rest.chars().next().and_then(|letter| letter.to_digit(10)).filter(|digit| *digit > 0);
            if let Some(digit) = digit {
                parts.push(Part::Capture(digit as usize));
                rest = &rest[1..];
                continue;
            }
            let (name, after) = name(rest)?;
            if name.is_empty() {
                return Err("invalid variable name".to_owned());
            }
            if !is_known(name) && !own.contains(name) {
                return Err(format!("unknown \"{name}\" variable"));
            }
            parts.push(Part::Variable(name.to_owned()));
            rest = after;
        }
        push_text(&mut parts, rest);
        Ok(Self(parts))
    }

    /// A text without variables.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self(vec![Part::Text(text.to_owned())])
    }

    /// The text, if there are no variables in it.
    #[must_use]
    pub fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text before the first variable.
    #[must_use]
    pub fn beginning(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The name of the variable that the text is.
    #[must_use]
    pub fn single_variable(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Variable(name)] => Some(name),
            _ => None,
        }
    }

    /// The text for a request.
    #[must_use]
    pub fn value(&self, variables: &dyn Variables) -> String {
        self.value_with(variables, &|value| value)
    }

    /// The text for a request, each variable's value changed on its way: the logs escape them.
    #[must_use]
    pub fn value_with(&self, variables: &dyn Variables, change: &dyn Fn(String) -> String) -> String {
        let value = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Variable(name) => change(variables.variable(name)),
            Part::Capture(number) => change(variables.capture(*number)),
        };
        self.0.iter().map(value).collect()
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

/// The name at the beginning of what follows a `$`, and what follows it.
fn name(rest: &str) -> Result<(&str, &str), String> {
    if let Some(inner) = rest.strip_prefix('{') {
        return inner
            .split_once('}')
            .ok_or_else(|| format!("the closing bracket in \"{inner}\" variable is missing"));
    }
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    Ok(rest.split_at(rest.find(|letter| !is_part(letter)).unwrap_or(rest.len())))
}

fn is_known(name: &str) -> bool {
    const PREFIXES: [&str; 5] = ["http_", "arg_", "cookie_", "sent_http_", "upstream_http_"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The variables that have no family.
#[rustfmt::skip]
const NAMES: [&str; 45] = [
    "args", "body_bytes_sent", "bytes_sent", "connection", "connection_requests", "content_length",
    "content_type", "document_root", "document_uri", "host", "hostname", "https", "is_args", "msec",
    "nginx_version", "pid", "pipe", "proxy_add_x_forwarded_for", "proxy_host", "proxy_port", "query_string",
    "realpath_root", "remote_addr", "remote_port", "remote_user", "request", "request_body",
    "request_completion", "request_filename", "request_length", "request_method", "request_time",
    "request_uri", "scheme", "server_addr", "server_name", "server_port", "server_protocol", "status",
    "time_iso8601", "time_local", "upstream_addr", "upstream_response_time", "upstream_status", "uri",
];
