//! Reading a request head, HTTP/1.0 and 1.1 ([RFC 9112](https://www.rfc-editor.org/rfc/rfc9112)).

/// A head larger than this is refused, as nginx does with `large_client_header_buffers`.
const LARGEST_HEAD_BYTES: usize = 32 << 10;

/// The head of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `HEAD`, ….
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// The first line as sent, for the logs.
    pub line: String,
    /// Names in lower case, values trimmed, in the order sent.
    pub headers: Vec<(String, String)>,
    /// Whether the client wants to send more requests on this connection.
    pub keep_alive: bool,
    /// How many bytes of body follow the head, where their number is told.
    pub body_bytes: usize,
    /// Whether the body comes in chunks.
    pub is_chunked: bool,
}

/// What the bytes that arrived so far amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// The head has not arrived completely.
    Incomplete,
    /// A head, and how many bytes it took.
    Head(Request, usize),
    /// No request that can be answered otherwise than with this status, after which the connection ends.
    Refused(u16),
}

impl Request {
    /// The value of the first header of this name, which is given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What stands for bytes that are no request.
    #[must_use]
    pub(crate) fn unreadable() -> Self {
        Self {
            method: "GET".to_owned(),
            target: "/".to_owned(),
            line: String::new(),
            headers: Vec::new(),
            keep_alive: false,
            body_bytes: 0,
            is_chunked: false,
        }
    }

    /// Reads a head from the beginning of `bytes`.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Parsed {
        let Some(length) = head_length(bytes) else {
            return if bytes.len() > LARGEST_HEAD_BYTES { Parsed::Refused(431) } else { Parsed::Incomplete };
        };
        if length > LARGEST_HEAD_BYTES {
            return Parsed::Refused(431);
        }
        let text = String::from_utf8_lossy(&bytes[..length]);
        match Self::parse_head(&text) {
            Ok(request) => Parsed::Head(request, length),
            Err(status) => Parsed::Refused(status),
        }
    }

    fn parse_head(text: &str) -> Result<Self, u16> {
        let mut lines = text.trim_start_matches(['\r', '\n']).lines();
        let line = lines.next().unwrap_or_default();
        let (method, target, version) = request_line(line)?;
        let headers = lines.take_while(|line| !line.is_empty()).map(header).collect::<Result<Vec<_>, _>>()?;
        let mut request = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            line: line.to_owned(),
            headers,
            keep_alive: false,
            body_bytes: 0,
            is_chunked: false,
        };
        if version == 1 && request.header("host").is_none() {
            return Err(400);
        }
        request.is_chunked = request.comes_in_chunks()?;
        request.body_bytes = request.announced_body()?;
        request.keep_alive = request.wants_keep_alive(version);
        Ok(request)
    }

    fn comes_in_chunks(&self) -> Result<bool, u16> {
        match self.header("transfer-encoding") {
            None => Ok(false),
            Some(coding) if coding.eq_ignore_ascii_case("chunked") => Ok(true),
            Some(_) => Err(501),
        }
    }

    fn announced_body(&self) -> Result<usize, u16> {
        match self.header("content-length") {
            // Two lengths of one body would let a request hide in another.
            Some(_) if self.is_chunked => Err(400),
            Some(length) => length.parse().map_err(|_| 400),
            None => Ok(0),
        }
    }

    fn wants_keep_alive(&self, version: u8) -> bool {
        let connection = self.header("connection").unwrap_or_default().to_ascii_lowercase();
        let asked = connection.split(',').any(|option| option.trim() == "keep-alive");
        let refused = connection.split(',').any(|option| option.trim() == "close");
        !refused && (version == 1 || asked)
    }
}

/// The length of the head with the empty line that ends it.
fn head_length(bytes: &[u8]) -> Option<usize> {
    let begin = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    let rest = &bytes[begin..];
    let ends = |end: &[u8]| rest.windows(end.len()).position(|window| window == end).map(|at| at + end.len());
    let length = match (ends(b"\r\n\r\n"), ends(b"\n\n")) {
        (Some(a), Some(b)) => a.min(b),
        (a, b) => a.or(b)?,
    };
    Some(begin + length)
}

fn request_line(line: &str) -> Result<(&str, &str, u8), u16> {
    let parts: Vec<&str> = line.split(' ').collect();
    let [method, target, version] = parts[..] else { return Err(400) };
    let version = match version {
        "HTTP/1.1" => 1,
        "HTTP/1.0" => 0,
        other if other.starts_with("HTTP/") => return Err(505),
        _ => return Err(400),
    };
    let is_method =
        !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    if is_method { Ok((method, target, version)) } else { Err(400) }
}

fn header(line: &str) -> Result<(String, String), u16> {
    let (name, value) = line.split_once(':').ok_or(400_u16)?;
    let is_token = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    if is_token { Ok((name.to_ascii_lowercase(), value.trim().to_owned())) } else { Err(400) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed {
        Request::parse(text.as_bytes())
    }

    #[test]
    fn a_head_should_be_read_once_it_is_complete() {
        let text = "GET /a?b=c HTTP/1.1\r\nHost: web\r\nX-A:  b \r\n\r\nrest";
        let Parsed::Head(request, length) = parse(text) else { panic!("no head") };
        assert_eq!(length, text.len() - "rest".len());
        assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/a?b=c"));
        assert_eq!(request.header("x-a"), Some("b"));
        assert_eq!(parse(&text[..length - 1]), Parsed::Incomplete);
        assert_eq!(parse(""), Parsed::Incomplete);
    }

    #[test]
    fn a_connection_should_be_kept_as_the_versions_say() {
        let cases = [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", true),
        ];
        for (text, expected) in cases {
            let Parsed::Head(request, _) = parse(text) else { panic!("no head: {text}") };
            assert_eq!(request.keep_alive, expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_request_should_be_refused_with_its_status() {
        let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(LARGEST_HEAD_BYTES));
        let cases = [
            ("hello\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            ("get / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            (long.as_str(), 431),
        ];
        for (text, status) in cases {
            assert_eq!(parse(text), Parsed::Refused(status), "{}", &text[..text.len().min(60)]);
        }
    }
}
