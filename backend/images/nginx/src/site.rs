//! Files and folders of a location.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use jiff::Timestamp;

use crate::answer::{Found, redirect};
use crate::config::Settings;
use crate::exchange::Exchange;
use crate::response::http_date;
use crate::{Body, Response, path};

/// Finds the file that a request means.
pub(crate) fn find(exchange: &Exchange) -> Found {
    if !matches!(exchange.method.as_str(), "GET" | "HEAD") {
        return Found::Failure(405, None);
    }
    let file = exchange.file();
    let wants_folder = exchange.uri.ends_with('/');
    match fs::metadata(file.trim_end_matches('/')) {
        Ok(metadata) if metadata.is_dir() && !wants_folder => {
            redirect(301, &format!("{}/{}", path::encode(&exchange.uri), exchange.query()), exchange)
        }
        Ok(metadata) if metadata.is_dir() => index(&file, exchange),
        // A file does not have a slash behind its name.
        Ok(_) if wants_folder => refused(&file, &ErrorKind::NotADirectory.into(), exchange),
        Ok(metadata) => match send(&file, &metadata, exchange) {
            Ok(response) => Found::Response(response),
            Err(error) => refused(&file, &error, exchange),
        },
        Err(_) if wants_folder && file.ends_with('/') => no_folder(&file, exchange),
        Err(error) => refused(&file, &error, exchange),
    }
}

/// Of a folder that is not there the index is missing.
fn no_folder(folder: &str, exchange: &Exchange) -> Found {
    let index =
        exchange.location.settings.index.first().map_or_else(String::new, |index| index.value(exchange));
    refused(&format!("{folder}{index}"), &ErrorKind::NotFound.into(), exchange)
}

fn index(folder: &str, exchange: &Exchange) -> Found {
    let settings = &exchange.location.settings;
    for name in settings.index.iter().map(|name| name.value(exchange)) {
        if name.starts_with('/') {
            return Found::Jump(name);
        }
        if fs::metadata(format!("{folder}{name}")).is_ok_and(|found| found.is_file()) {
            return Found::Jump(format!("{}{name}", exchange.uri));
        }
    }
    if settings.lists_folders {
        return crate::listing::of(folder, &exchange.uri).map_or_else(
            |error| refused(folder, &error, exchange),
            |page| Found::Response(Response::text(200, "text/html", page)),
        );
    }
    Found::Failure(403, Some(format!("directory index of \"{folder}\" is forbidden")))
}

fn refused(file: &str, error: &io::Error, exchange: &Exchange) -> Found {
    let (status, text) = match error.kind() {
        ErrorKind::NotFound => (404, "2: No such file or directory".to_owned()),
        ErrorKind::NotADirectory => (404, "20: Not a directory".to_owned()),
        ErrorKind::PermissionDenied => (403, "13: Permission denied".to_owned()),
        _ => (500, error.to_string()),
    };
    let is_logged = status != 404 || exchange.location.settings.log_not_found;
    Found::Failure(status, is_logged.then(|| format!("open() \"{file}\" failed ({text})")))
}

/// The media type for a request's path.
#[must_use]
pub(crate) fn media_type(exchange: &Exchange) -> String {
    of_name(&exchange.uri, &exchange.location.settings)
}

fn of_name(name: &str, settings: &Settings) -> String {
    let end = Path::new(name).extension().and_then(|end| end.to_str()).unwrap_or_default();
    settings.types.get(&end.to_ascii_lowercase()).unwrap_or(&settings.default_type).clone()
}

fn send(file: &str, metadata: &Metadata, exchange: &Exchange) -> io::Result<Response> {
    let modified = modified(metadata);
    let tag = format!("\"{:x}-{:x}\"", modified.as_second(), metadata.len());
    let last_modified = http_date(modified);
    let mut headers =
        vec![("Last-Modified".to_owned(), last_modified.clone()), ("ETag".to_owned(), tag.clone())];
    if is_unchanged(exchange, &tag, &last_modified) {
        return Ok(Response { status: 304, headers, body: Body::Bytes(Vec::new()) });
    }
    headers.push(("Content-Type".to_owned(), of_name(file, &exchange.location.settings)));
    let mut opened = File::open(file)?;
    let length = metadata.len();
    match range(exchange, length) {
        None => {
            headers.push(("Accept-Ranges".to_owned(), "bytes".to_owned()));
            Ok(Response { status: 200, headers, body: Body::File(opened, length) })
        }
        Some(Some((from, to))) => {
            opened.seek(SeekFrom::Start(from))?;
            headers.push(("Content-Range".to_owned(), format!("bytes {from}-{}/{length}", to - 1)));
            Ok(Response { status: 206, headers, body: Body::File(opened, to - from) })
        }
        Some(None) => {
            let mut response = Response::error(416, &exchange.location.settings);
            response.headers.push(("Content-Range".to_owned(), format!("bytes */{length}")));
            Ok(response)
        }
    }
}

/// The part that is asked for, its end excluded; `Some(None)` where there is none such. Several parts are not split.
fn range(exchange: &Exchange, length: u64) -> Option<Option<(u64, u64)>> {
    if exchange.error.is_some() || exchange.request.header("if-range").is_some() {
        return None;
    }
    let (from, to) = exchange.request.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to) = match (from.trim().parse::<u64>(), to.trim().parse::<u64>()) {
        (Ok(from), Ok(to)) if from <= to => (from, to.saturating_add(1).min(length)),
        (Ok(from), Err(_)) if to.trim().is_empty() => (from, length),
        (Err(_), Ok(last)) if from.trim().is_empty() => (length.saturating_sub(last), length),
        _ => return None,
    };
    Some((from < to).then_some((from, to)))
}

/// When the file was changed; the epoch where the file system does not tell.
pub(crate) fn modified(metadata: &Metadata) -> Timestamp {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let seconds = since.and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or_default();
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Whether the client's copy is current. `If-None-Match` goes before `If-Modified-Since`, as RFC 9110 says.
fn is_unchanged(exchange: &Exchange, tag: &str, last_modified: &str) -> bool {
    let request = &exchange.request;
    match request.header("if-none-match") {
        _ if exchange.error.is_some() => false,
        Some(tags) => tags.split(',').any(|known| matches!(known.trim(), "*") || known.trim() == tag),
        None => request.header("if-modified-since") == Some(last_modified),
    }
}
