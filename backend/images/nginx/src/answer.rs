//! From a request to an answer: rules, location, content, error pages.

use std::rc::Rc;

use crate::choice;
use crate::config::{ErrorPage, Location, Matcher};
use crate::exchange::Exchange;
use crate::response::{Body, Response};
use crate::rules::{self, Ruled};
use crate::{path, site};

/// A request that changes its path more often is going round in a circle.
const MOST_JUMPS: u32 = 10;

/// What is done about a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// This is the answer.
    Respond(Response),
    /// The location's `proxy_pass` answers.
    Pass,
    /// Nobody answers: `return 444`.
    Close,
}

/// An outcome, and what the error log says about it: a level and a text.
pub(crate) type Answer = (Outcome, Option<(&'static str, String)>);

/// What handling a request in a location leads to.
pub(crate) enum Found {
    /// This answer.
    Response(Response),
    /// This status, with what the error log says.
    Failure(u16, Option<String>),
    /// Another path.
    Jump(String),
    /// Somebody else's answer.
    Pass,
    /// No answer.
    Close,
}

/// Answers a request.
pub(crate) fn answer(exchange: &mut Exchange) -> Answer {
    let config = Rc::clone(&exchange.config);
    let found = match rules::run(&config.servers[exchange.server].rules, exchange) {
        Ruled::Answer(status, text) => returned(status, text, exchange),
        _ => in_location(exchange),
    };
    conclude(found, None, exchange)
}

/// Answers with an error, or with the page that stands for it.
pub(crate) fn fail(status: u16, exchange: &mut Exchange) -> Answer {
    conclude(Found::Failure(status, None), None, exchange)
}

/// The page that stands for a status here, unless it stands for an error already.
pub(crate) fn error_page(status: u16, exchange: &Exchange) -> Option<ErrorPage> {
    let pages = &exchange.location.settings.error_pages;
    pages.iter().find(|page| exchange.error.is_none() && page.statuses.contains(&status)).cloned()
}

fn conclude(mut found: Found, said: Option<String>, exchange: &mut Exchange) -> Answer {
    let mut complaint = said;
    loop {
        let (status, text) = match found {
            Found::Response(response) => {
                return (Outcome::Respond(finished(response, exchange)), with_level(complaint));
            }
            Found::Pass => return (Outcome::Pass, with_level(complaint)),
            Found::Close => return (Outcome::Close, with_level(complaint)),
            Found::Jump(uri) => {
                found = jump(&uri, exchange);
                continue;
            }
            Found::Failure(status, text) => (status, text),
        };
        complaint = complaint.or(text);
        found = match error_page(status, exchange) {
            Some(page) => to_error_page(status, &page, exchange),
            None => Found::Response(Response::error(status, &exchange.location.settings)),
        };
    }
}

fn with_level(complaint: Option<String>) -> Option<(&'static str, String)> {
    complaint.map(|text| ("error", text))
}

fn to_error_page(status: u16, page: &ErrorPage, exchange: &mut Exchange) -> Found {
    let target = page.target.value(exchange);
    if target.starts_with("http://") || target.starts_with("https://") {
        let status = page.answer.flatten().filter(|status| (300..400).contains(status)).unwrap_or(302);
        return redirect(status, &target, exchange);
    }
    exchange.error = Some(match page.answer {
        Some(Some(other)) => other,
        // The page's own status counts.
        Some(None) => 0,
        None => status,
    });
    if target.starts_with('@') {
        return to_named(&target, exchange);
    }
    if exchange.method != "HEAD" {
        exchange.method = "GET".to_owned();
    }
    Found::Jump(target)
}

fn to_named(name: &str, exchange: &mut Exchange) -> Found {
    let config = Rc::clone(&exchange.config);
    exchange.jumps += 1;
    exchange.is_internal = true;
    match config.servers[exchange.server].named(name) {
        Some(_) if exchange.jumps > MOST_JUMPS => circle(exchange),
        Some(location) => inside(location, exchange),
        None => Found::Failure(500, Some(format!("could not find named location \"{name}\""))),
    }
}

fn circle(exchange: &Exchange) -> Found {
    let text =
        format!("rewrite or internal redirection cycle while internally redirecting to \"{}\"", exchange.uri);
    Found::Failure(500, Some(text))
}

fn jump(target: &str, exchange: &mut Exchange) -> Found {
    let (uri, args) =
        target.split_once('?').map_or((target, exchange.args.clone()), |(uri, args)| (uri, args.to_owned()));
    exchange.change_uri(uri, args);
    exchange.is_internal = true;
    in_location(exchange)
}

/// Chooses a location and handles the request in it.
fn in_location(exchange: &mut Exchange) -> Found {
    exchange.jumps += 1;
    if exchange.jumps > MOST_JUMPS {
        return circle(exchange);
    }
    let location = choice::location(exchange);
    let is_exact = matches!(location.matcher, Matcher::Exact(_));
    match proxied_folder(exchange).filter(|_| !is_exact) {
        Some(folder) => redirect(301, &(folder + &exchange.query()), exchange),
        None => inside(location, exchange),
    }
}

fn inside(location: Rc<Location>, exchange: &mut Exchange) -> Found {
    exchange.location = Rc::clone(&location);
    if location.is_internal && !exchange.is_internal {
        return Found::Failure(404, None);
    }
    match rules::run(&location.rules, exchange) {
        Ruled::Answer(status, text) => return returned(status, text, exchange),
        Ruled::Again => return in_location(exchange),
        Ruled::Through => {}
    }
    let most = location.settings.most_body_bytes;
    if most > 0 && exchange.body.len() > most && exchange.error.is_none() {
        let text = format!("client intended to send too large body: {} bytes", exchange.body.len());
        return Found::Failure(413, Some(text));
    }
    if !location.try_files.is_empty()
        && let Some(found) = try_files(&location, exchange)
    {
        return found;
    }
    content(&location, exchange)
}

fn content(location: &Location, exchange: &mut Exchange) -> Found {
    if location.proxy.is_some() {
        return Found::Pass;
    }
    site::find(exchange)
}

/// `location /a/ { proxy_pass … }` is found under `/a` too.
fn proxied_folder(exchange: &Exchange) -> Option<String> {
    let folder = format!("{}/", exchange.uri);
    let locations = &exchange.config.servers[exchange.server].locations;
    let is_it = |location: &Rc<Location>| {
        location.proxy.is_some() && matches!(&location.matcher, Matcher::Prefix(text, _) if *text == folder)
    };
    locations.iter().any(is_it).then_some(folder)
}

/// The first of the files that is there; `None` where it is in this very location.
fn try_files(location: &Location, exchange: &mut Exchange) -> Option<Found> {
    let (last, files) = location.try_files.split_last()?;
    for file in files {
        let uri = file.value(exchange);
        let wants_folder = uri.ends_with('/') && file.plain().is_none_or(|text| text != "/");
        let path = path::file(exchange, &uri);
        let found = std::fs::metadata(path.trim_end_matches('/'));
        if found.is_ok_and(|found| if wants_folder || uri == "/" { found.is_dir() } else { found.is_file() })
        {
            exchange.uri = uri;
            return None;
        }
    }
    let last = last.value(exchange);
    Some(match last.strip_prefix('=').and_then(|status| status.parse().ok()) {
        Some(status) => Found::Failure(status, None),
        None if last.starts_with('@') => to_named(&last, exchange),
        None => Found::Jump(last),
    })
}

/// What `return` and redirecting rules answer.
fn returned(status: u16, text: Option<String>, exchange: &mut Exchange) -> Found {
    match (status, text) {
        (444, _) => Found::Close,
        (301 | 302 | 303 | 307 | 308, Some(url)) => redirect(status, &url, exchange),
        (204, _) => Found::Response(Response::empty(204)),
        (status, None) if status < 300 => {
            let kind = site::media_type(exchange);
            Found::Response(Response::text(status, &kind, String::new()))
        }
        (status, None) => Found::Failure(status, None),
        (status, Some(text)) => {
            let kind = site::media_type(exchange);
            Found::Response(Response::text(status, &kind, text))
        }
    }
}

/// An answer that leads elsewhere. A path becomes a URL of this server.
pub(crate) fn redirect(status: u16, target: &str, exchange: &Exchange) -> Found {
    let settings = &exchange.location.settings;
    let mut response = Response::error(status, settings);
    let url = match target.starts_with('/') && settings.absolute_redirect {
        true => {
            let host = crate::script::Variables::variable(exchange, "host");
            let port = match exchange.client.port {
                80 => String::new(),
                port if settings.port_in_redirect => format!(":{port}"),
                _ => String::new(),
            };
            format!("http://{host}{port}{target}")
        }
        false => target.to_owned(),
    };
    response.headers.push(("Location".to_owned(), url));
    Found::Response(response)
}

/// Adds what every answer of the location has.
fn finished(mut response: Response, exchange: &mut Exchange) -> Response {
    if let Some(status) = exchange.error.filter(|status| *status > 0) {
        response.status = status;
    }
    exchange.status = response.status;
    add_headers(&mut response.headers, exchange);
    response
}

/// `add_header`.
pub(crate) fn add_headers(headers: &mut Vec<(String, String)>, exchange: &Exchange) {
    let is_usual = matches!(exchange.status, 200 | 201 | 204 | 206 | 301 | 302 | 303 | 304 | 307 | 308);
    for added in &exchange.location.settings.headers {
        let value = added.value.value(exchange);
        if (is_usual || added.always) && !value.is_empty() {
            headers.push((added.name.clone(), value));
        }
    }
}

impl Response {
    /// A text of a media type.
    #[must_use]
    pub fn text(status: u16, kind: &str, text: String) -> Self {
        let headers = vec![("Content-Type".to_owned(), kind.to_owned())];
        Self { status, headers, body: Body::Bytes(text.into_bytes()) }
    }

    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Bytes(Vec::new()) }
    }
}
