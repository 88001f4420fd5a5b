//! nginx's configuration: its grammar ([`syntax`]), the directives that are known ([`directives`]), and what they
//! amount to ([`build`]). Follows <https://nginx.org/en/docs/dirindex.html> and, for messages, `ngx_conf_file.c`.

mod build;
mod directives;
mod listen;
mod locations;
mod rules;
mod settings;
mod syntax;
mod upstreams;

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use regex_lite::Regex;

use crate::rules::Rule;
use crate::script::Script;

pub(crate) use build::read_embedded;
pub use build::{Lookup, load, of_http};
pub use settings::{AccessLog, AddedHeader, ErrorPage, LogTarget, ProxyRedirect, Settings};
pub use syntax::{Directive, parse};
pub(crate) use upstreams::split_port;
pub use upstreams::{Peer, ProxyPass, Target, Upstream};

/// The log format of the nginx image.
const MAIN_FORMAT: &str = "$remote_addr - $remote_user [$time_local] '$request' $status $body_bytes_sent \
                           '$http_referer' '$http_user_agent' '$http_x_forwarded_for'";

/// The rank of `error` among the levels of the error log, which is what is logged where nothing is said.
const ERROR: usize = 3;
/// The rank of `notice`.
const NOTICE: usize = 5;

/// Why a configuration is refused: the text that nginx says behind `[emerg]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(pub String);

/// Everything the server does.
#[derive(Debug)]
pub struct Config {
    /// In the order of the files.
    pub servers: Vec<Server>,
    /// Groups of servers to pass requests to, by name.
    pub upstreams: BTreeMap<String, Rc<Upstream>>,
    /// Variables that others decide: `map`.
    pub maps: BTreeMap<String, Map>,
    /// Where errors are logged.
    pub error_log: LogTarget,
    /// The least level that is logged: an index into [`crate::access_log::LEVELS`].
    pub error_level: usize,
    /// What has no effect here, to be shown at start.
    pub notices: Vec<String>,
    /// The pod's name.
    pub hostname: String,
}

/// `map $source $variable { … }`.
#[derive(Debug)]
pub struct Map {
    /// What is looked up.
    pub source: Script,
    /// Patterns and values, in order.
    pub cases: Vec<(MapKey, Script)>,
    /// The value without a match.
    pub otherwise: Script,
}

/// What a case of a `map` fits.
#[derive(Debug)]
pub enum MapKey {
    /// This text in any case.
    Text(String),
    /// What matches.
    Pattern(Regex),
}

/// `server { … }`.
#[derive(Debug)]
pub struct Server {
    /// The ports it listens on, and whether it is the default one there.
    pub listens: Vec<(u16, bool)>,
    /// Its names, which requests choose it by.
    pub names: Vec<Name>,
    /// What runs before a location is chosen.
    pub rules: Vec<Rule>,
    /// Its locations with those within them.
    pub locations: Vec<Rc<Location>>,
    /// The location of requests that none of the others fits.
    pub fallback: Rc<Location>,
}

/// A `server_name`.
#[derive(Debug)]
pub enum Name {
    /// `example.com`, in lower case.
    Exact(String),
    /// `*.example.com` without the star: `.example.com`.
    Suffix(String),
    /// `example.*` without the star: `example.`.
    Prefix(String),
    /// `~^www\d+`.
    Pattern(Regex),
}

/// How a location fits a URI.
#[derive(Debug)]
pub enum Matcher {
    /// `location /a/`; true for `^~`, which keeps patterns from being tried.
    Prefix(String, bool),
    /// `location = /a`.
    Exact(String),
    /// `location ~ \.php$`.
    Pattern(Regex),
    /// `location @name`.
    Named(String),
}

/// `location … { … }`.
#[derive(Debug)]
pub struct Location {
    /// What it fits.
    pub matcher: Matcher,
    /// What holds in it.
    pub settings: Settings,
    /// What runs once it is chosen.
    pub rules: Vec<Rule>,
    /// `alias`.
    pub alias: Option<Script>,
    /// `try_files`: the files, and behind them what holds without any.
    pub try_files: Vec<Script>,
    /// `proxy_pass`.
    pub proxy: Option<ProxyPass>,
    /// `internal`.
    pub is_internal: bool,
    /// Locations in it.
    pub nested: Vec<Rc<Location>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            upstreams: BTreeMap::new(),
            maps: BTreeMap::new(),
            error_log: LogTarget::default(),
            error_level: ERROR,
            notices: Vec::new(),
            hostname: String::new(),
        }
    }
}

impl Config {
    /// The files of one folder on one port, as without a configuration.
    ///
    /// # Errors
    /// When the folder's name cannot stand in a configuration.
    pub fn site(root: &Path, port: u16) -> Result<Self, Fault> {
        let format = MAIN_FORMAT.replace('\'', "\"");
        let text = format!(
            "include mime.types; default_type application/octet-stream; log_format main {format:?}; \
             access_log /dev/stdout main; server {{ listen {port}; server_name localhost; root {:?}; }}",
            root.display().to_string()
        );
        let config = build::of_http(&text, &build::read_embedded, &|_, _| None)?;
        Ok(Self { error_level: NOTICE, ..config })
    }

    /// What is served where, a line a port of a server.
    #[must_use]
    pub fn summary(&self) -> Vec<String> {
        let line = |server: &Server| {
            let is_root = |location: &&Rc<Location>| matches!(&location.matcher, Matcher::Prefix(text, _) if text == "/");
            let location = server.locations.iter().find(is_root).unwrap_or(&server.fallback);
            let what = match &location.proxy {
                Some(proxy) if proxy.host.is_empty() => "passes requests on".to_owned(),
                Some(proxy) => format!("passes requests to {}", proxy.host),
                None => format!("serves {}", location.settings.root.plain().unwrap_or("files")),
            };
            server.listens.iter().map(|(port, _)| format!("{what} on port {port}")).collect::<Vec<_>>()
        };
        self.servers.iter().flat_map(line).collect()
    }

    /// The largest body that any location takes, in bytes.
    #[must_use]
    pub fn most_body_bytes(&self) -> usize {
        fn of(location: &Location) -> usize {
            let own = match location.settings.most_body_bytes {
                0 => usize::MAX,
                bytes => bytes,
            };
            location.nested.iter().map(|nested| of(nested)).max().unwrap_or_default().max(own)
        }
        let all = self.servers.iter().flat_map(|server| server.locations.iter().chain([&server.fallback]));
        all.map(|location| of(location)).max().unwrap_or_default()
    }

    /// All ports, each once.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        let mut ports: Vec<u16> =
            self.servers.iter().flat_map(|server| server.listens.iter().map(|(port, _)| *port)).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }
}
