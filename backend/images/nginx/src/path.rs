//! Paths: from a request's target to a file.

use crate::config::Matcher;
use crate::exchange::Exchange;

/// Path and query of a target. The path is decoded, without `.`, `..` and doubled slashes. `None` where it leaves the
/// root or is no path at all.
#[must_use]
pub(crate) fn split(target: &str) -> Option<(String, String)> {
    let target = target.split('#').next().unwrap_or_default();
    let target = match target.strip_prefix("http://").or_else(|| target.strip_prefix("https://")) {
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    let (path, args) = target.split_once('?').unwrap_or((target, ""));
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
    Some((format!("/{}{slash}", segments.join("/")), args.to_owned()))
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

/// A path as it stands in a URL.
#[must_use]
pub(crate) fn encode(path: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:@!$&'()*+,;=".contains(&byte);
    path.bytes()
        .map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The folder of the location: `root` or `alias`.
#[must_use]
pub(crate) fn root(exchange: &Exchange) -> String {
    let location = &exchange.location;
    let root = location.alias.as_ref().unwrap_or(&location.settings.root).value(exchange);
    absolute(root)
}

/// The file that a path means in the location.
#[must_use]
pub(crate) fn file(exchange: &Exchange, uri: &str) -> String {
    let root = root(exchange);
    match (&exchange.location.alias, &exchange.location.matcher) {
        (None, _) => format!("{}{uri}", root.trim_end_matches('/')),
        (Some(_), Matcher::Prefix(prefix, _) | Matcher::Exact(prefix)) => {
            format!("{root}{}", uri.strip_prefix(prefix.as_str()).unwrap_or_default())
        }
        (Some(_), _) => root,
    }
}

/// Relative paths start where nginx keeps its configuration.
fn absolute(path: String) -> String {
    if path.starts_with('/') { path } else { format!("/etc/nginx/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_should_become_a_path_below_the_root_or_none() {
        let cases = [
            ("/", Some("/")),
            ("/a.html?b=c", Some("/a.html")),
            ("/a/../b", Some("/b")),
            ("/a/./b/", Some("/a/b/")),
            ("//a//b", Some("/a/b")),
            ("/%ED%95%9C.html", Some("/한.html")),
            ("http://web/a", Some("/a")),
            ("/../etc/passwd", None),
            ("/a/../../etc/passwd", None),
            ("/%2e%2e/etc/passwd", None),
            ("/a%00b", None),
            ("/..\\a", None),
            ("/%zz", None),
            ("*", None),
        ];
        for (target, expected) in cases {
            assert_eq!(split(target).map(|(path, _)| path).as_deref(), expected, "{target}");
        }
    }
}
