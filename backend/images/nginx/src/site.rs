//! From a request to an answer: the files of one folder.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use jiff::Timestamp;

use crate::response::http_date;
use crate::{Body, Request, Response, content_type};

/// A folder that is served.
#[derive(Debug, Clone)]
pub struct Site {
    root: PathBuf,
}

/// An answer, and what the error log says about it.
#[derive(Debug)]
pub struct Answer {
    /// What the client gets.
    pub response: Response,
    /// Why it is an error, if it is one.
    pub complaint: Option<String>,
}

impl Site {
    /// Serves the files below `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Answers a request.
    #[must_use]
    pub fn answer(&self, request: &Request) -> Answer {
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            return Response::error(405).into();
        }
        match local_path(&request.target) {
            Some(path) => self.find(&path, request),
            None => Answer { response: Response::error(400), complaint: Some("invalid path".to_owned()) },
        }
    }

    fn find(&self, path: &str, request: &Request) -> Answer {
        let file = self.root.join(path);
        let found = match fs::metadata(&file) {
            Ok(metadata) if metadata.is_dir() && !path.is_empty() && !path.ends_with('/') => {
                return redirect(path).into();
            }
            Ok(metadata) if metadata.is_dir() => return self.index(&file, request),
            // A file does not have a slash behind its name.
            Ok(_) if path.ends_with('/') => Err(ErrorKind::NotADirectory.into()),
            Ok(metadata) => send(&file, &metadata, request),
            Err(error) => Err(error),
        };
        found.map_or_else(|error| refused(&file, &error), Answer::from)
    }

    fn index(&self, folder: &Path, request: &Request) -> Answer {
        let index = folder.join("index.html");
        match fs::metadata(&index).and_then(|metadata| send(&index, &metadata, request)) {
            Ok(response) => response.into(),
            Err(error) if error.kind() == ErrorKind::NotFound => Answer {
                response: Response::error(403),
                complaint: Some(format!("directory index of \"{}\" is forbidden", folder.display())),
            },
            Err(error) => refused(&index, &error),
        }
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        Self { response, complaint: None }
    }
}

fn refused(file: &Path, error: &io::Error) -> Answer {
    let (status, text) = match error.kind() {
        ErrorKind::NotFound => (404, "2: No such file or directory".to_owned()),
        ErrorKind::NotADirectory => (404, "20: Not a directory".to_owned()),
        ErrorKind::PermissionDenied => (403, "13: Permission denied".to_owned()),
        _ => (500, error.to_string()),
    };
    let complaint = Some(format!("open() \"{}\" failed ({text})", file.display()));
    Answer { response: Response::error(status), complaint }
}

fn redirect(path: &str) -> Response {
    let mut response = Response::error(301);
    response.headers.push(("Location", format!("/{}/", encode(path))));
    response
}

fn send(file: &Path, metadata: &Metadata, request: &Request) -> io::Result<Response> {
    let modified = modified(metadata);
    let tag = format!("\"{:x}-{:x}\"", modified.as_second(), metadata.len());
    let last_modified = http_date(modified);
    let mut headers = vec![("Last-Modified", last_modified.clone()), ("ETag", tag.clone())];
    if is_unchanged(request, &tag, &last_modified) {
        return Ok(Response { status: 304, headers, body: Body::Bytes(Vec::new()) });
    }
    headers.push(("Content-Type", content_type::of(file).to_owned()));
    let body = Body::File(File::open(file)?, metadata.len());
    Ok(Response { status: 200, headers, body })
}

/// When the file was changed; the epoch where the file system does not tell.
fn modified(metadata: &Metadata) -> Timestamp {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let seconds = since.and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or_default();
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Whether the client's copy is current. `If-None-Match` goes before `If-Modified-Since`, as RFC 9110 says.
fn is_unchanged(request: &Request, tag: &str, last_modified: &str) -> bool {
    match request.header("if-none-match") {
        Some(tags) => tags.split(',').any(|known| matches!(known.trim(), "*") || known.trim() == tag),
        None => request.header("if-modified-since") == Some(last_modified),
    }
}

/// The path below the root: decoded, without query, without `.` and `..`. `None` where it leaves the root or is no
/// path at all.
fn local_path(target: &str) -> Option<String> {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let path = match path.strip_prefix("http://").or_else(|| path.strip_prefix("https://")) {
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => path,
    };
    let decoded = decode(path.strip_prefix('/')?)?;
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()?),
            other => segments.push(other),
        }
    }
    let is_folder = matches!(decoded.rsplit('/').next(), Some("" | "." | ".."));
    let slash = if is_folder && !segments.is_empty() { "/" } else { "" };
    Some(segments.join("/") + slash)
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? * 16 + hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains(['\0', '\\']))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn encode(path: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes()
        .map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_should_become_a_path_below_the_root_or_none() {
        let cases = [
            ("/", Some("")),
            ("/a.html?b=c", Some("a.html")),
            ("/a/../b", Some("b")),
            ("/a/./b/", Some("a/b/")),
            ("/%ED%95%9C.html", Some("한.html")),
            ("http://web/a", Some("a")),
            ("/../etc/passwd", None),
            ("/a/../../etc/passwd", None),
            ("/%2e%2e/etc/passwd", None),
            ("/a%00b", None),
            ("/..\\a", None),
            ("/%zz", None),
            ("*", None),
        ];
        for (target, expected) in cases {
            assert_eq!(local_path(target).as_deref(), expected, "{target}");
        }
    }
}
