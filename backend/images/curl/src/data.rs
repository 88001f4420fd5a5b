//! What a request sends: `-d` and its kin, forms, uploads; and the codes they need.

use std::io;

use image_busybox::shell::Shell;
use image_busybox::stream::CHUNK_BYTES;
use image_busybox::{base64, message};

use crate::failure::{Failure, READ};
use crate::options::{Field, Options};

/// A piece of data, as an option says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// `--data`: `@file` without its line breaks.
    Text(String),
    /// `--data-raw`: as it stands.
    Raw(String),
    /// `--data-binary`: `@file` as it is.
    Binary(String),
    /// `--data-urlencode`: `content`, `=content`, `name=content`, `@file`, `name@file`.
    Encoded(String),
    /// `--json`: as binary, and not joined by `&`.
    Json(String),
}

/// The body of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// Its `Content-Type`, if it has one of its own.
    pub(crate) kind: Option<String>,
    /// It came from stdin, so that its length was not known before.
    pub(crate) is_chunked: bool,
}

impl Body {
    /// Reads what the options name. `None` if they name nothing.
    pub(crate) async fn read(shell: &Shell, options: &Options) -> Result<Option<Self>, Failure> {
        if let Some(name) = &options.upload {
            let is_chunked = matches!(name.as_str(), "-" | ".");
            let bytes = read(shell, if is_chunked { "-" } else { name }).await?;
            return Ok(Some(Self { bytes, kind: None, is_chunked }));
        }
        if !options.form.is_empty() {
            return form(shell, &options.form).await.map(Some);
        }
        if options.data.is_empty() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        for piece in &options.data {
            if !bytes.is_empty() && !matches!(piece, Piece::Json(_)) {
                bytes.push(b'&');
            }
            bytes.extend(piece.read(shell).await?);
        }
        let kind = if options.is_json { "application/json" } else { "application/x-www-form-urlencoded" };
        Ok(Some(Self { bytes, kind: Some(kind.to_owned()), is_chunked: false }))
    }
}

impl Piece {
    async fn read(&self, shell: &Shell) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Raw(text) => Ok(text.clone().into_bytes()),
            Self::Text(text) | Self::Binary(text) | Self::Json(text) => match text.strip_prefix('@') {
                None => Ok(text.clone().into_bytes()),
                Some(name) => {
                    let mut bytes = read(shell, name).await?;
                    if matches!(self, Self::Text(_)) {
                        bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
                    }
                    Ok(bytes)
                }
            },
            Self::Encoded(text) => {
                let Some(at) = text.find(['=', '@']) else {
                    return Ok(encoded(text.as_bytes()).into_bytes());
                };
                let (name, content) = (&text[..at], &text[at + 1..]);
                let content = match text[at..].starts_with('@') {
                    true => read(shell, content).await?,
                    false => content.as_bytes().to_vec(),
                };
                let sign = if name.is_empty() { "" } else { "=" };
                Ok(format!("{name}{sign}{}", encoded(&content)).into_bytes())
            }
        }
    }
}

/// The content of a file; `-` is stdin.
async fn read(shell: &Shell, name: &str) -> Result<Vec<u8>, Failure> {
    let failed = |error: &io::Error| Failure::new(READ, format!("Failed to open {name}: {}", message(error)));
    if name != "-" {
        return std::fs::read(shell.path(name)).map_err(|error| failed(&error));
    }
    let (stdin, mut bytes) = (shell.stdin(), Vec::new());
    loop {
        let chunk = stdin.read(CHUNK_BYTES).await.map_err(|error| failed(&error))?;
        if chunk.is_empty() {
            return Ok(bytes);
        }
        bytes.extend(chunk);
    }
}

/// What stands between the fields of a form.
const BOUNDARY: &str = "------------------------kijabi0f0rm0b0undary0";

/// A form as `multipart/form-data` ([RFC 7578](https://www.rfc-editor.org/rfc/rfc7578)).
async fn form(shell: &Shell, fields: &[Field]) -> Result<Body, Failure> {
    let mut bytes = Vec::new();
    for field in fields {
        let mut about = field.content.split(';');
        let content = if field.reads_files { about.next().unwrap_or_default() } else { &field.content };
        let mut kind = about.clone().find_map(|part| part.trim().strip_prefix("type=")).map(str::to_owned);
        let file = content.strip_prefix('@').filter(|_| field.reads_files);
        let text = content.strip_prefix('<').filter(|_| field.reads_files);
        let content = match file.or(text) {
            Some(name) => read(shell, name).await?,
            None => content.as_bytes().to_vec(),
        };
        bytes.extend(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{}\"", field.name).bytes(),
        );
        if let Some(name) = file {
            let base = name.rsplit('/').next().unwrap_or_default();
            let named = about.find_map(|part| part.trim().strip_prefix("filename=")).unwrap_or(base);
            bytes.extend(format!("; filename=\"{named}\"").bytes());
            kind.get_or_insert_with(|| "application/octet-stream".to_owned());
        }
        if let Some(kind) = kind.filter(|_| field.reads_files) {
            bytes.extend(format!("\r\nContent-Type: {kind}").bytes());
        }
        bytes.extend(b"\r\n\r\n");
        bytes.extend(content);
        bytes.extend(b"\r\n");
    }
    bytes.extend(format!("--{BOUNDARY}--\r\n").bytes());
    let kind = Some(format!("multipart/form-data; boundary={BOUNDARY}"));
    Ok(Body { bytes, kind, is_chunked: false })
}

/// As `%20` where a letter is not one of the unreserved of
/// [RFC 3986](https://www.rfc-editor.org/rfc/rfc3986#section-2.3).
fn encoded(bytes: &[u8]) -> String {
    let encode = |byte: &u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    bytes.iter().map(encode).collect()
}

/// The value of `Authorization` for `user:password`.
pub(crate) fn basic(user: &str) -> String {
    format!("Basic {}", base64::encode(user.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_mean_something_in_a_url_should_be_encoded() {
        assert_eq!(encoded("a b&c=ä~".as_bytes()), "a%20b%26c%3D%C3%A4~");
    }

    #[test]
    fn a_user_should_be_sent_as_basic_authentication_says() {
        assert_eq!(basic("Aladdin:open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}
