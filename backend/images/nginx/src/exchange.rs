//! A request on its way to an answer, and what the variables of the configuration say about it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use jiff::Timestamp;
use regex_lite::Regex;

use crate::Request;
use crate::config::{Config, Location, MapKey, Server};
use crate::path;
use crate::rules::caught;
use crate::script::Variables;

/// The client's side of a request.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// Who asks.
    pub peer: SocketAddr,
    /// The port that was asked.
    pub port: u16,
    /// The number of the connection.
    pub number: u64,
    /// How many requests it carried.
    pub requests: u64,
}

/// A request on its way.
#[derive(Debug)]
pub struct Exchange {
    /// The rules of this server.
    pub config: Rc<Config>,
    /// As it came.
    pub request: Request,
    /// Its body.
    pub body: Vec<u8>,
    /// Who asks.
    pub client: Client,
    /// The method, which an error page changes to `GET`.
    pub method: String,
    /// The path, decoded and without `.` and `..`; begins with `/`.
    pub uri: String,
    /// The query.
    pub args: String,
    /// Whether the path is another than the client's.
    pub is_rewritten: bool,
    /// Whether it came from within: an error page, an index.
    pub is_internal: bool,
    /// How often a location was chosen.
    pub jumps: u32,
    /// The server that was chosen.
    pub server: usize,
    /// The location that was chosen last.
    pub location: Rc<Location>,
    /// What `set` and patterns made.
    pub own: BTreeMap<String, String>,
    captures: Vec<String>,
    /// The status that an error page must answer with.
    pub error: Option<u16>,
    /// When it came.
    pub began: Instant,
    /// When it came, by the calendar.
    pub now: Timestamp,
    /// The answer's status; 0 before there is one.
    pub status: u16,
    /// How much of a body was sent.
    pub body_bytes: u64,
    /// The answer's headers.
    pub sent_headers: Vec<(String, String)>,
    /// Who was asked to answer, and with which status.
    pub asked: Vec<(String, u16)>,
}

impl Exchange {
    /// A request that came. `None` where its target is no path.
    #[must_use]
    pub fn new(
        config: Rc<Config>,
        request: Request,
        body: Vec<u8>,
        client: Client,
        now: Timestamp,
    ) -> Option<Self> {
        let (uri, args) = path::split(&request.target)?;
        let server = choose(&config, client.port, &host(&request));
        let location = Rc::clone(&config.servers.get(server)?.fallback);
        Some(Self {
            method: request.method.clone(),
            config,
            request,
            body,
            client,
            uri,
            args,
            is_rewritten: false,
            is_internal: false,
            jumps: 0,
            server,
            location,
            own: BTreeMap::new(),
            captures: Vec::new(),
            error: None,
            began: Instant::now(),
            now,
            status: 0,
            body_bytes: 0,
            sent_headers: Vec::new(),
            asked: Vec::new(),
        })
    }

    /// The time now.
    #[must_use]
    pub fn moment(&self) -> Timestamp {
        self.now + self.began.elapsed()
    }

    /// Whether a text matches; then variables stand for its groups.
    pub fn matches(&mut self, pattern: &Regex, text: &str) -> bool {
        let Some(captures) = pattern.captures(text) else { return false };
        let (numbered, named) = caught(pattern, &captures);
        self.captures = numbered;
        self.own.extend(named);
        true
    }

    /// Goes on with another path.
    pub fn change_uri(&mut self, uri: &str, args: String) {
        self.uri = uri.to_owned();
        self.args = args;
        self.is_rewritten = true;
    }

    /// What the error log says behind a complaint, with the URL that was asked of somebody else.
    #[must_use]
    pub fn context(&self, upstream: Option<&str>) -> String {
        let upstream = upstream.map_or_else(String::new, |url| format!(", upstream: \"{url}\""));
        let host = self.request.header("host").map_or_else(String::new, |host| format!(", host: \"{host}\""));
        format!(
            "client: {}, server: {}, request: \"{}\"{upstream}{host}",
            self.client.peer.ip(),
            self.server_name(),
            self.request.line
        )
    }

    /// The first name of the server.
    #[must_use]
    pub fn server_name(&self) -> String {
        self.config.servers.get(self.server).map_or_else(String::new, Server::first_name)
    }

    /// The file that the path means.
    #[must_use]
    pub fn file(&self) -> String {
        path::file(self, &self.uri)
    }

    /// The query with its question mark.
    #[must_use]
    pub fn query(&self) -> String {
        if self.args.is_empty() { String::new() } else { format!("?{}", self.args) }
    }

    fn mapped(&self, name: &str) -> Option<String> {
        let map = self.config.maps.get(name)?;
        let source = map.source.value(self);
        let fits = |key: &MapKey| match key {
            MapKey::Text(text) => text.eq_ignore_ascii_case(&source),
            MapKey::Pattern(pattern) => pattern.is_match(&source),
        };
        let case = map.cases.iter().find(|(key, _)| fits(key));
        Some(case.map_or(&map.otherwise, |(_, value)| value).value(self))
    }

    /// The variables that are families: `http_…`, `arg_…`.
    fn of_family(&self, name: &str) -> String {
        let found = if let Some(header) = name.strip_prefix("http_") {
            self.request.header(&header.replace('_', "-")).map(str::to_owned)
        } else if let Some(argument) = name.strip_prefix("arg_") {
            let mut pairs = self.args.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| key.eq_ignore_ascii_case(argument)).map(|(_, value)| value.to_owned())
        } else if let Some(cookie) = name.strip_prefix("cookie_") {
            let cookies = self.request.header("cookie").unwrap_or_default();
            let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
            pairs.find(|(key, _)| key.eq_ignore_ascii_case(cookie)).map(|(_, value)| value.to_owned())
        } else if let Some(header) =
            name.strip_prefix("sent_http_").or_else(|| name.strip_prefix("upstream_http_"))
        {
            let header = header.replace('_', "-");
            let mut headers = self.sent_headers.iter();
            headers.find(|(key, _)| key.eq_ignore_ascii_case(&header)).map(|(_, value)| value.clone())
        } else {
            None
        };
        found.unwrap_or_default()
    }

    fn header(&self, name: &str) -> String {
        self.request.header(name).unwrap_or_default().to_owned()
    }

    fn forwarded_for(&self) -> String {
        let peer = self.client.peer.ip();
        match self.request.header("x-forwarded-for") {
            Some(before) => format!("{before}, {peer}"),
            None => peer.to_string(),
        }
    }

    fn proxy_host(&self) -> String {
        self.location.proxy.as_ref().map_or_else(String::new, |proxy| proxy.host.clone())
    }

    fn upstreams(&self, text: impl Fn(&(String, u16)) -> String) -> String {
        self.asked.iter().map(text).collect::<Vec<_>>().join(", ")
    }
}

impl Variables for Exchange {
    fn variable(&self, name: &str) -> String {
        if let Some(own) = self.own.get(name) {
            return own.clone();
        }
        if let Some(mapped) = self.mapped(name) {
            return mapped;
        }
        match name {
            "args" | "query_string" => self.args.clone(),
            "body_bytes_sent" | "bytes_sent" => self.body_bytes.to_string(),
            "connection" => self.client.number.to_string(),
            "connection_requests" => self.client.requests.to_string(),
            "content_length" => self.header("content-length"),
            "content_type" => self.header("content-type"),
            "document_root" | "realpath_root" => path::root(self),
            "uri" | "document_uri" => self.uri.clone(),
            "host" => Some(host(&self.request))
                .filter(|host| !host.is_empty())
                .unwrap_or_else(|| self.server_name()),
            "hostname" => self.config.hostname.clone(),
            "is_args" => if self.args.is_empty() { "" } else { "?" }.to_owned(),
            "msec" => format!("{:.3}", self.now.as_millisecond() as f64 / 1000.0),
            "nginx_version" => env!("CARGO_PKG_VERSION").to_owned(),
            "pid" => "1".to_owned(),
            "pipe" => ".".to_owned(),
            "proxy_add_x_forwarded_for" => self.forwarded_for(),
            "proxy_host" => self.proxy_host(),
            "proxy_port" => {
                self.proxy_host().rsplit_once(':').map_or("80".to_owned(), |(_, port)| port.to_owned())
            }
            "remote_addr" => self.client.peer.ip().to_string(),
            "remote_port" => self.client.peer.port().to_string(),
            "request" => self.request.line.clone(),
            "request_body" => String::from_utf8_lossy(&self.body).into_owned(),
            "request_completion" => "OK".to_owned(),
            "request_filename" => self.file(),
            "request_length" => self.body.len().to_string(),
            "request_method" => self.request.method.clone(),
            "request_time" | "upstream_response_time" => {
                format!("{:.3}", self.began.elapsed().as_secs_f64())
            }
            "request_uri" => self.request.target.clone(),
            "scheme" => "http".to_owned(),
            "server_name" => self.server_name(),
            "server_port" => self.client.port.to_string(),
            "server_protocol" => self.request.line.rsplit(' ').next().unwrap_or_default().to_owned(),
            "status" => format!("{:03}", self.status),
            "time_iso8601" => self.now.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
            "time_local" => self.now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "upstream_addr" => self.upstreams(|(address, _)| address.clone()),
            "upstream_status" => self.upstreams(|(_, status)| status.to_string()),
            family => self.of_family(family),
        }
    }

    fn capture(&self, number: usize) -> String {
        self.captures.get(number).cloned().unwrap_or_default()
    }
}

/// The host that a request names, without port, in lower case.
fn host(request: &Request) -> String {
    let in_target = request.target.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    let host = in_target.or_else(|| request.header("host")).unwrap_or_default();
    let end = if host.starts_with('[') { host.find(']').map(|at| at + 1) } else { host.find(':') };
    host[..end.unwrap_or(host.len())].trim_end_matches('.').to_ascii_lowercase()
}

/// The server for a host: by exact name, by `*.name`, by `name.*`, by pattern, or the default one of the port.
fn choose(config: &Config, port: u16, host: &str) -> usize {
    let of_port: Vec<usize> = (0..config.servers.len())
        .filter(|at| config.servers[*at].listens.iter().any(|(other, _)| *other == port))
        .collect();
    let named = of_port.iter().filter_map(|at| config.servers[*at].fit(host).map(|fit| (fit, *at)));
    let best = named.max_by_key(|(fit, at)| (*fit, usize::MAX - at)).map(|(_, at)| at);
    let default = of_port.iter().copied().find(|at| config.servers[*at].listens.contains(&(port, true)));
    best.or(default).or_else(|| of_port.first().copied()).unwrap_or_default()
}
