//! Passing a request to another server: what is asked of whom, as
//! [ngx_http_proxy_module](https://nginx.org/en/docs/http/ngx_http_proxy_module.html) has it.

use std::net::{SocketAddr, ToSocketAddrs};
use std::rc::Rc;

use crate::config::{Matcher, ProxyPass, ProxyRedirect, Target, Upstream};
use crate::exchange::Exchange;
use crate::path;

/// Whom a request is passed to, and what is asked.
#[derive(Debug)]
pub(crate) struct Question {
    /// Who may be asked.
    pub(crate) upstream: Rc<Upstream>,
    /// Path and query.
    pub(crate) target: String,
    /// Head and body.
    pub(crate) bytes: Vec<u8>,
    /// `http://web/b/` and what it becomes in `Location` headers.
    pub(crate) redirect: Option<(String, String)>,
}

/// The question of a request.
///
/// # Errors
/// Why nobody can be asked, for the error log.
pub(crate) fn question(exchange: &Exchange) -> Result<Question, String> {
    let location = Rc::clone(&exchange.location);
    let proxy = location.proxy.as_ref().ok_or("no upstream")?;
    let (upstream, host, target) = match &proxy.target {
        Target::Group(group) => (Rc::clone(group), proxy.host.clone(), target(proxy, exchange)),
        Target::Dynamic(script) => {
            let url = script.value(exchange);
            let (host, uri) = host_and_uri(&url)?;
            let target = uri.map_or_else(|| target(proxy, exchange), str::to_owned);
            (named(host, exchange)?, host.to_owned(), target)
        }
    };
    let bytes = head(&host, &target, exchange);
    Ok(Question { upstream, bytes, redirect: redirect(proxy, exchange), target })
}

fn host_and_uri(url: &str) -> Result<(&str, Option<&str>), String> {
    let rest = url.strip_prefix("http://").ok_or_else(|| format!("invalid URL prefix in \"{url}\""))?;
    Ok(rest.find('/').map_or((rest, None), |at| (&rest[..at], Some(&rest[at..]))))
}

/// A host that only the request tells.
fn named(host: &str, exchange: &Exchange) -> Result<Rc<Upstream>, String> {
    if let Some(group) = exchange.config.upstreams.get(host) {
        return Ok(Rc::clone(group));
    }
    let (name, port) =
        crate::config::split_port(host).ok_or_else(|| format!("invalid port in upstream \"{host}\""))?;
    if let Ok(address) = name.trim_matches(['[', ']']).parse() {
        return Ok(Rc::new(Upstream::of(&[SocketAddr::new(address, port)])));
    }
    if !exchange.location.settings.has_resolver {
        return Err(format!("no resolver defined to resolve {name}"));
    }
    let found: Vec<SocketAddr> = (name, port).to_socket_addrs().into_iter().flatten().collect();
    match found.is_empty() {
        true => Err(format!("{name} could not be resolved (3: Host not found)")),
        false => Ok(Rc::new(Upstream::of(&found))),
    }
}

/// The path that is asked for: the location's beginning may become another.
fn target(proxy: &ProxyPass, exchange: &Exchange) -> String {
    let is_whole = exchange.is_rewritten;
    let whole = || path::encode(&exchange.uri) + &exchange.query();
    match (&proxy.uri, &exchange.location.matcher) {
        (Some(uri), Matcher::Prefix(prefix, _) | Matcher::Exact(prefix)) if !is_whole => {
            let rest = exchange.uri.strip_prefix(prefix.as_str()).unwrap_or_default();
            format!("{uri}{}{}", path::encode(rest), exchange.query())
        }
        (None, _) if !is_whole && exchange.request.target.starts_with('/') => exchange.request.target.clone(),
        _ => whole(),
    }
}

/// Headers that belong to a connection and not to a request.
const HOP_BY_HOP: [&str; 9] = [
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
    "expect",
    "content-length",
];

fn head(host: &str, target: &str, exchange: &Exchange) -> Vec<u8> {
    let settings = &exchange.location.settings;
    let version = if settings.proxy_keeps_version { "1.1" } else { "1.0" };
    let mut head = format!("{} {target} HTTP/{version}\r\n", exchange.method);
    let set: Vec<(String, String)> =
        settings.proxy_headers.iter().map(|(name, value)| (name.clone(), value.value(exchange))).collect();
    let is_set = |name: &str| set.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let mut line = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
    if !is_set("host") {
        line("Host", host);
    }
    if !is_set("connection") {
        line("Connection", "close");
    }
    for (name, value) in set.iter().filter(|(_, value)| !value.is_empty()) {
        line(name, value);
    }
    if !exchange.body.is_empty() || exchange.request.header("content-length").is_some() {
        line("Content-Length", &exchange.body.len().to_string());
    }
    for (name, value) in &exchange.request.headers {
        if !HOP_BY_HOP.contains(&name.as_str()) && !is_set(name) {
            line(&capitalized(name), value);
        }
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&exchange.body);
    bytes
}

/// `x-forwarded-for` as `X-Forwarded-For`.
fn capitalized(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

fn redirect(proxy: &ProxyPass, exchange: &Exchange) -> Option<(String, String)> {
    match (&exchange.location.settings.proxy_redirect, &exchange.location.matcher, &proxy.uri) {
        (ProxyRedirect::Replace(from, to), ..) => Some((from.value(exchange), to.value(exchange))),
        (ProxyRedirect::Default, Matcher::Prefix(prefix, _) | Matcher::Exact(prefix), uri)
            if matches!(proxy.target, Target::Group(_)) =>
        {
            let uri = uri.as_deref();
            Some((format!("http://{}{}", proxy.host, uri.unwrap_or(prefix)), prefix.clone()))
        }
        _ => None,
    }
}
