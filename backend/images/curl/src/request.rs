//! The request's text.

use image_busybox::http::Url;

use crate::data::{Body, basic};
use crate::options::Options;

/// A request that may be sent to several places in turn, as redirects lead.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) body: Option<Body>,
    /// The user's own headers, those of files included.
    pub(crate) headers: Vec<String>,
    /// Credentials are for this host and port alone.
    pub(crate) home: (String, u16),
}

impl Request {
    /// The method that the options ask for.
    pub(crate) fn method(options: &Options, has_body: bool) -> String {
        let method = match () {
            () if options.head_only => "HEAD",
            () if options.upload.is_some() => "PUT",
            () if has_body => "POST",
            () => "GET",
        };
        options.method.clone().unwrap_or_else(|| method.to_owned())
    }

    /// The head, and the bytes of the body.
    pub(crate) fn text(&self, options: &Options, url: &Url) -> (String, Vec<u8>) {
        let protocol = if options.http_1_0 { "1.0" } else { "1.1" };
        let target = options.target.as_deref().unwrap_or(&url.path);
        let mut head = format!("{} {target} HTTP/{protocol}\r\n", self.method);
        for (name, value) in self.own_headers(options, url) {
            if !self.replaces(&name) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        let is_home = self.home == (url.host.clone(), url.port);
        for header in &self.headers {
            let name = header.split([':', ';']).next().unwrap_or_default();
            let is_secret = ["authorization", "cookie"].contains(&name.to_ascii_lowercase().as_str());
            match (header.split_once(':'), header.strip_suffix(';')) {
                _ if is_secret && !is_home => {}
                (Some((_, value)), _) if value.trim().is_empty() => {}
                (Some((name, value)), _) => head.push_str(&format!("{name}: {}\r\n", value.trim_start())),
                (None, Some(name)) => head.push_str(&format!("{name}:\r\n")),
                (None, None) => {}
            }
        }
        let mut bytes = Vec::new();
        if let Some(body) = &self.body {
            let mut add = |name: &str, value: &str| {
                if !self.replaces(name) {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
            };
            let asks_for_chunks = self.headers.iter().any(|header| {
                let header = header.to_ascii_lowercase();
                header.starts_with("transfer-encoding:") && header.contains("chunked")
            });
            match body.is_chunked || asks_for_chunks {
                true => add("Transfer-Encoding", "chunked"),
                false => add("Content-Length", &body.bytes.len().to_string()),
            }
            if let Some(kind) = &body.kind {
                add("Content-Type", kind);
            }
            bytes = match body.is_chunked || asks_for_chunks {
                true => in_chunks(&body.bytes),
                false => body.bytes.clone(),
            };
        }
        (head + "\r\n", bytes)
    }

    /// What is sent unless the user says otherwise.
    fn own_headers(&self, options: &Options, url: &Url) -> Vec<(String, String)> {
        let mut headers = vec![("Host", url.authority())];
        if self.home == (url.host.clone(), url.port) {
            let user = options.user.as_ref().or(url.user.as_ref());
            headers.extend(user.map(|user| {
                let user = if user.contains(':') { user.clone() } else { format!("{user}:") };
                ("Authorization", basic(&user))
            }));
            headers.extend(options.bearer.as_ref().map(|token| ("Authorization", format!("Bearer {token}"))));
        }
        headers.extend(options.range.as_ref().map(|range| ("Range", format!("bytes={range}"))));
        let agent = options.agent.clone().unwrap_or_else(|| AGENT.to_owned());
        headers.extend(Some(("User-Agent", agent)).filter(|(_, agent)| !agent.is_empty()));
        headers.push(("Accept", if options.is_json { "application/json" } else { "*/*" }.to_owned()));
        headers.extend(options.referer.as_ref().map(|referer| ("Referer", referer.clone())));
        if !options.cookies.is_empty() && self.home == (url.host.clone(), url.port) {
            headers.push(("Cookie", options.cookies.join("; ")));
        }
        headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Whether the user says this header himself.
    fn replaces(&self, name: &str) -> bool {
        let is_it = |header: &String| {
            header.split([':', ';']).next().is_some_and(|other| other.eq_ignore_ascii_case(name))
        };
        self.headers.iter().any(is_it)
    }
}

const AGENT: &str = concat!("curl/", env!("CARGO_PKG_VERSION"), "-kijabi");

/// The body as a single chunk and the end of all.
fn in_chunks(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !body.is_empty() {
        bytes.extend(format!("{:x}\r\n", body.len()).bytes());
        bytes.extend(body);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}
