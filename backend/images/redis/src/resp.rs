//! The protocol: requests in, replies out
//! ([specification](https://redis.io/docs/latest/develop/reference/protocol-spec/)). The refusals are those of
//! Redis' `networking.c`.

/// The longest line that is waited for, in bytes: `PROTO_INLINE_MAX_SIZE`.
const LONGEST_LINE_BYTES: usize = 64 << 10;
/// The most arguments of a request.
const MOST_ARGUMENTS: i64 = 1 << 20;
/// The most arguments of a client that has not said the password.
const MOST_ARGUMENTS_OF_STRANGERS: i64 = 10;
/// The longest argument of a client that has not said the password, in bytes.
const LONGEST_ARGUMENT_OF_STRANGERS_BYTES: i64 = 16 << 10;

/// A command and its arguments.
pub type Request = Vec<Vec<u8>>;

/// Makes requests of the bytes that arrive.
#[derive(Debug, Default)]
pub struct Reader {
    /// Arrived and not yet understood.
    input: Vec<u8>,
    /// So much of the input is done with.
    position: usize,
    /// How many arguments the request under way still lacks.
    missing: usize,
    /// The length of the argument that is awaited.
    length: Option<usize>,
    arguments: Request,
}

/// How long arguments may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// `proto-max-bulk-len`.
    pub longest_argument_bytes: i64,
    /// Whether the client may send anything but its password.
    pub is_trusted: bool,
}

impl Reader {
    /// Takes bytes that arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.input.drain(..std::mem::take(&mut self.position));
        self.input.extend_from_slice(bytes);
    }

    /// How many bytes wait, in bytes.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.input.len() - self.position
    }

    /// Whether the input ends in the middle of a request.
    #[must_use]
    pub fn is_in_request(&self) -> bool {
        self.missing > 0 || self.waiting_bytes() > 0
    }

    /// The next request; `None` until it is complete. Empty requests are skipped.
    ///
    /// # Errors
    /// What breaks the protocol: the connection cannot go on.
    pub fn next(&mut self, limits: Limits) -> Result<Option<Request>, String> {
        loop {
            if self.missing == 0 && !self.begin(limits)? {
                return Ok(None);
            }
            while self.missing > 0 {
                if !self.argument(limits)? {
                    return Ok(None);
                }
            }
            let request = std::mem::take(&mut self.arguments);
            if !request.is_empty() {
                return Ok(Some(request));
            }
        }
    }

    /// Reads the first line of a request; `false` until it is there.
    fn begin(&mut self, limits: Limits) -> Result<bool, String> {
        if self.input.get(self.position) != Some(&b'*') {
            let Some(line) = self.line("too big inline request")? else { return Ok(false) };
            self.arguments = split_line(&line).ok_or("Protocol error: unbalanced quotes in request")?;
            return Ok(true);
        }
        let Some(line) = self.line("too big mbulk count string")? else { return Ok(false) };
        let count = number(&line[1..]).filter(|count| *count <= MOST_ARGUMENTS);
        let count = count.ok_or("Protocol error: invalid multibulk length")?;
        if !limits.is_trusted && count > MOST_ARGUMENTS_OF_STRANGERS {
            return Err("Protocol error: unauthenticated multibulk length".to_owned());
        }
        self.missing = usize::try_from(count).unwrap_or(0);
        Ok(true)
    }

    /// Reads one argument; `false` until it is there.
    fn argument(&mut self, limits: Limits) -> Result<bool, String> {
        let length = match self.length {
            Some(length) => length,
            None => {
                let Some(line) = self.line("too big bulk count string")? else { return Ok(false) };
                *self.length.insert(argument_length(&line, limits)?)
            }
        };
        let end = self.position + length;
        if self.input.len() < end + 2 {
            return Ok(false);
        }
        self.arguments.push(self.input[self.position..end].to_vec());
        self.position = end + 2;
        self.length = None;
        self.missing -= 1;
        Ok(true)
    }

    /// The next line without its end.
    fn line(&mut self, too_long: &str) -> Result<Option<Vec<u8>>, String> {
        let rest = &self.input[self.position..];
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
            let is_too_long = rest.len() > LONGEST_LINE_BYTES;
            return if is_too_long { Err(format!("Protocol error: {too_long}")) } else { Ok(None) };
        };
        let line = rest[..length].strip_suffix(b"\r").unwrap_or(&rest[..length]).to_vec();
        self.position += length + 1;
        Ok(Some(line))
    }
}

fn argument_length(line: &[u8], limits: Limits) -> Result<usize, String> {
    if line.first() != Some(&b'$') {
        let found = line.first().map_or('\r', |byte| char::from(*byte));
        return Err(format!("Protocol error: expected '$', got '{found}'"));
    }
    let length = number(&line[1..]).filter(|length| (0..=limits.longest_argument_bytes).contains(length));
    let length = length.ok_or("Protocol error: invalid bulk length")?;
    if !limits.is_trusted && length > LONGEST_ARGUMENT_OF_STRANGERS_BYTES {
        return Err("Protocol error: unauthenticated bulk length".to_owned());
    }
    usize::try_from(length).map_err(|_| "Protocol error: invalid bulk length".to_owned())
}

/// A whole number as Redis reads it: no plus, no leading zeros, no spaces.
#[must_use]
pub fn number(text: &[u8]) -> Option<i64> {
    let value: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (value.to_string().as_bytes() == text).then_some(value)
}

/// The words of a line: quoted as a shell would, with `\n`, `\r`, `\t`, `\b`, `\a` and `\xff` between double quotes.
/// `None` where a quote is not closed, or something follows it.
#[must_use]
pub fn split_line(line: &[u8]) -> Option<Request> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(words);
        }
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after;
    }
}

fn word(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    while let Some((&byte, after)) = rest.split_first() {
        match byte {
            b'"' | b'\'' => {
                let after = quoted(byte, after, &mut word)?;
                let ends = after.first().is_none_or(u8::is_ascii_whitespace);
                return ends.then_some((word, after));
            }
            byte if byte.is_ascii_whitespace() => break,
            byte => word.push(byte),
        }
        rest = after;
    }
    Some((word, rest))
}

fn quoted<'a>(quote: u8, mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            byte if byte == quote => return Some(rest),
            b'\\' if quote == b'"' => rest = escaped(rest, word)?,
            b'\\' if rest.first() == Some(&b'\'') => {
                word.push(b'\'');
                rest = &rest[1..];
            }
            byte => word.push(byte),
        }
    }
}

fn escaped<'a>(rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (&byte, after) = rest.split_first()?;
    let hex = after.get(..2).filter(|_| byte == b'x').and_then(|digits| std::str::from_utf8(digits).ok());
    if let Some(value) = hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
        word.push(value);
        return Some(&after[2..]);
    }
    word.push(match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    });
    Some(after)
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// A status: `OK`.
    Simple(&'static str),
    /// A refusal, its first word in capitals.
    Error(String),
    /// A whole number.
    Integer(i64),
    /// A floating point number, which older clients get as text.
    Double(f64),
    /// Bytes.
    Bulk(Vec<u8>),
    /// Text for people, which newer clients need not quote.
    Verbatim(String),
    /// No value.
    Nil,
    /// No list.
    NilArray,
    /// A list.
    Array(Vec<Reply>),
    /// Keys and values, which older clients get as a list.
    Map(Vec<(Reply, Reply)>),
    /// Unordered values, which older clients get as a list.
    Set(Vec<Reply>),
    /// What was not asked for just now: messages of channels.
    Push(Vec<Reply>),
}

impl Reply {
    /// `OK`.
    pub const OK: Self = Self::Simple("OK");

    /// Bytes of a text.
    #[must_use]
    pub fn text(text: impl AsRef<[u8]>) -> Self {
        Self::Bulk(text.as_ref().to_vec())
    }

    /// Bytes, or no value.
    #[must_use]
    pub fn optional(bytes: Option<impl AsRef<[u8]>>) -> Self {
        bytes.map_or(Self::Nil, Self::text)
    }

    /// How many.
    #[must_use]
    pub fn count(count: usize) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// 1 or 0.
    #[must_use]
    pub fn flag(flag: bool) -> Self {
        Self::Integer(flag.into())
    }

    /// A list of bytes.
    pub fn list<T: AsRef<[u8]>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::Array(items.into_iter().map(Self::text).collect())
    }

    /// Appends the reply as a client of protocol 2 or 3 reads it.
    pub fn write(&self, protocol: u8, out: &mut Vec<u8>) {
        let is_new = protocol >= 3;
        match self {
            Self::Simple(text) => line(out, '+', text),
            Self::Error(text) => line(out, '-', text.replace(['\r', '\n'], " ")),
            Self::Integer(value) => line(out, ':', value),
            Self::Double(value) if is_new => line(out, ',', crate::float::text(*value)),
            Self::Double(value) => bulk(out, crate::float::text(*value).as_bytes()),
            Self::Bulk(bytes) => bulk(out, bytes),
            Self::Verbatim(text) if is_new => {
                line(out, '=', text.len() + 4);
                out.extend_from_slice(format!("txt:{text}\r\n").as_bytes());
            }
            Self::Verbatim(text) => bulk(out, text.as_bytes()),
            Self::Nil | Self::NilArray if is_new => out.extend_from_slice(b"_\r\n"),
            Self::Nil => out.extend_from_slice(b"$-1\r\n"),
            Self::NilArray => out.extend_from_slice(b"*-1\r\n"),
            Self::Array(items) => sequence(out, '*', items, protocol),
            Self::Set(items) => sequence(out, if is_new { '~' } else { '*' }, items, protocol),
            Self::Push(items) => sequence(out, if is_new { '>' } else { '*' }, items, protocol),
            Self::Map(pairs) => {
                let (sign, length) = if is_new { ('%', pairs.len()) } else { ('*', pairs.len() * 2) };
                line(out, sign, length);
                pairs.iter().for_each(|(key, value)| {
                    key.write(protocol, out);
                    value.write(protocol, out);
                });
            }
        }
    }
}

fn line(out: &mut Vec<u8>, sign: char, text: impl std::fmt::Display) {
    out.extend_from_slice(format!("{sign}{text}\r\n").as_bytes());
}

fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    line(out, '$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn sequence(out: &mut Vec<u8>, sign: char, items: &[Reply], protocol: u8) {
    line(out, sign, items.len());
    items.iter().for_each(|item| item.write(protocol, out));
}

/// Appends a request, as the append-only file and clients write it.
pub fn write_request<T: AsRef<[u8]>>(out: &mut Vec<u8>, arguments: &[T]) {
    line(out, '*', arguments.len());
    arguments.iter().for_each(|argument| bulk(out, argument.as_ref()));
}

#[cfg(test)]
mod tests;
