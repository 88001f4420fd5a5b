//! What the server says: accesses on stdout, errors on stderr, in the formats of the nginx image.

use jiff::Timestamp;

use crate::Request;

/// Where lines go.
pub trait Log {
    /// A line for each answered request.
    fn access(&mut self, line: &str);
    /// A line of the error log.
    fn error(&mut self, line: &str);
}

/// The container's stdout and stderr.
#[derive(Debug, Default)]
pub struct StandardStreams;

impl Log for StandardStreams {
    fn access(&mut self, line: &str) {
        println!("{line}");
    }

    fn error(&mut self, line: &str) {
        eprintln!("{line}");
    }
}

/// The combined format, and the forwarded address behind it, as the nginx image configures it.
#[must_use]
pub(crate) fn access(
    peer: &str,
    now: Timestamp,
    request: Option<&Request>,
    status: u16,
    body_bytes: u64,
) -> String {
    let time = now.strftime("%d/%b/%Y:%H:%M:%S +0000");
    let line = escaped(request.map_or("", |request| request.line.as_str()));
    let header = |name| escaped(request.and_then(|request| request.header(name)).unwrap_or("-"));
    let (referer, agent, forwarded) = (header("referer"), header("user-agent"), header("x-forwarded-for"));
    format!("{peer} - - [{time}] \"{line}\" {status} {body_bytes} \"{referer}\" \"{agent}\" \"{forwarded}\"")
}

/// A line of the error log, whose levels are nginx's: `notice`, `warn`, `error`.
#[must_use]
pub(crate) fn error(now: Timestamp, level: &str, text: &str) -> String {
    format!("{} [{level}] 1#1: {text}", now.strftime("%Y/%m/%d %H:%M:%S"))
}

/// So that a request cannot write lines of its own into the log.
fn escaped(text: &str) -> String {
    let escape = |letter: char| match letter {
        '"' | '\\' => format!("\\x{:02X}", u32::from(letter)),
        other if other.is_control() => format!("\\x{:02X}", u32::from(other)),
        other => other.to_string(),
    };
    text.chars().map(escape).collect()
}
