//! One line of a log file in the CRI format.

use jiff::Timestamp;

/// The stream that a record came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Source {
    fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// A record as it stands in the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) timestamp: Timestamp,
    pub(super) source: Source,
    /// Whether the line goes on in the next record of the same stream.
    pub(super) partial: bool,
    /// The text without a line end.
    pub(super) text: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads one line of a log file, with or without its line end. `None` for what is no record.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let mut fields = line.splitn(4, |byte| *byte == b' ');
        let timestamp = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
        let source = match fields.next()? {
            b"stdout" => Source::Stdout,
            b"stderr" => Source::Stderr,
            _ => return None,
        };
        let partial = fields.next()?.split(|byte| *byte == b':').next()? == b"P";
        Some(Self { timestamp, source, partial, text: fields.next().unwrap_or_default() })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let tag = if self.partial { 'P' } else { 'F' };
        let head = format!("{} {} {tag} ", format_timestamp(self.timestamp), self.source.as_str());
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(self.text);
        out.push(b'\n');
    }
}

/// RFC 3339 with all nine digits of the nanoseconds.
pub(super) fn format_timestamp(timestamp: Timestamp) -> String {
    format!("{timestamp:.9}")
}
