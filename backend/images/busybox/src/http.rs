//! A client of HTTP/1.1 ([RFC 9112](https://www.rfc-editor.org/rfc/rfc9112)), which `wget` and `curl` share: URLs,
//! requests, and responses piece by piece.

use std::io::{self, ErrorKind};
use std::time::Instant;

use crate::socket::Socket;
use crate::stream::CHUNK_BYTES;

/// A head longer than this is refused, in bytes.
const LARGEST_HEAD_BYTES: usize = 256 << 10;

/// Where a URL leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// `http`, in lower case.
    pub scheme: String,
    /// `user:password`, as it stands before the `@`.
    pub user: Option<String>,
    /// A name or an address, this without brackets.
    pub host: String,
    /// The port; that of the scheme if none is said.
    pub port: u16,
    /// Path and query: what is asked for.
    pub path: String,
}

/// Why a text is no URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadUrl {
    /// There is no host.
    Host,
    /// The port is no number of a port.
    Port,
    /// It has spaces or control characters.
    Letter,
}

impl Url {
    /// Reads a URL. Without a scheme it is one of `http`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        if text.contains(|letter: char| letter.is_ascii_control() || letter == ' ') {
            return Err(BadUrl::Letter);
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let scheme = scheme.to_ascii_lowercase();
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(user.to_owned()), authority),
            None => (None, authority),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port).filter(|port| !port.is_empty())),
            _ => (authority, None),
        };
        let default_port = if scheme == "https" { 443 } else { 80 };
        let port = port.map_or(Ok(default_port), str::parse).map_err(|_| BadUrl::Port)?;
        let host = host.trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(BadUrl::Host);
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { scheme, user, host, port, path })
    }

    /// Where a `Location` leads from here.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn join(&self, location: &str) -> Result<Self, BadUrl> {
        if location.contains("://") {
            return Self::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", self.scheme));
        }
        let here = self.path.split('?').next().unwrap_or_default();
        let folder = here.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = match location.chars().next() {
            None => self.path.clone(),
            Some('/') => location.to_owned(),
            Some('?') => format!("{here}{location}"),
            Some(_) => format!("{folder}/{location}"),
        };
        let path = path.split('#').next().unwrap_or_default().to_owned();
        Ok(Self { path, ..self.clone() })
    }

    /// The last name of the path, if it has one.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        let path = self.path.split('?').next().unwrap_or_default();
        path.rsplit('/').next().filter(|name| !name.is_empty())
    }

    /// The value of the header `Host`.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let is_default = self.port == if self.scheme == "https" { 443 } else { 80 };
        if is_default { host } else { format!("{host}:{}", self.port) }
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}://{}{}", self.scheme, self.authority(), self.path)
    }
}

/// The head of a response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// The status line.
    pub status: String,
    /// The code in it.
    pub code: u16,
    /// Names and values, as they stand.
    pub headers: Vec<(String, String)>,
    /// All of it as it came, with the empty line at its end.
    pub text: String,
}

impl Head {
    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value.as_str())
    }

    /// The protocol's number: `1.1`.
    #[must_use]
    pub fn protocol(&self) -> &str {
        self.status.split(' ').next().and_then(|name| name.strip_prefix("HTTP/")).unwrap_or_default()
    }

    fn parse(text: String) -> io::Result<Self> {
        let mut lines = text.lines();
        let status = lines.next().unwrap_or_default().trim_end().to_owned();
        let code = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let code = code.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "no HTTP response"))?;
        let header = |line: &str| {
            line.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        };
        let headers = lines.filter_map(header).collect();
        Ok(Self { status, code, headers, text })
    }
}

/// Where the body of a response ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// After so many bytes.
    Bytes(u64),
    /// In chunks; so many bytes of this one are left, and whether one was read before.
    Chunks(u64, bool),
    /// With the connection.
    Connection,
}

/// A connection to a server, and what was read from it too early.
pub struct Connection {
    socket: Socket,
    buffer: Vec<u8>,
    extent: Extent,
    /// When to give up.
    pub deadline: Option<Instant>,
    /// Another request may follow once the body is read.
    pub keeps_alive: bool,
}

impl Connection {
    /// A connection on which nothing was said yet.
    #[must_use]
    pub fn new(socket: Socket) -> Self {
        Self { socket, buffer: Vec::new(), extent: Extent::Bytes(0), deadline: None, keeps_alive: false }
    }

    /// Both ends' addresses.
    #[must_use]
    pub fn addresses(&self) -> Option<(std::net::SocketAddr, std::net::SocketAddr)> {
        self.socket.addresses().ok()
    }

    /// Sends a request: its head and its body.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.keeps_alive = false;
        self.socket.write(bytes, self.deadline).await
    }

    /// Reads the head of the response to a request with this method. What only announces one is left out, with the
    /// heads so far in the text. `None` if the server closed without a word.
    ///
    /// # Errors
    /// Those of the connection; `InvalidData` where it speaks something else.
    pub async fn head(&mut self, method: &str) -> io::Result<Option<Head>> {
        let mut before = String::new();
        let mut head = loop {
            let Some(text) = self.head_text().await? else { return Ok(None) };
            let head = Head::parse(text)?;
            if head.code >= 200 || head.code == 101 {
                break head;
            }
            before.push_str(&head.text);
        };
        head.text.insert_str(0, &before);
        let in_chunks = head
            .header("transfer-encoding")
            .is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"));
        let length = head.header("content-length").and_then(|length| length.parse().ok());
        self.extent = match length {
            _ if method == "HEAD" || matches!(head.code, 204 | 304) => Extent::Bytes(0),
            _ if in_chunks => Extent::Chunks(0, false),
            Some(length) => Extent::Bytes(length),
            None => Extent::Connection,
        };
        let wish = head.header("connection").map(str::to_ascii_lowercase).unwrap_or_default();
        self.keeps_alive = self.extent != Extent::Connection
            && !wish.contains("close")
            && (head.protocol() == "1.1" || wish.contains("keep-alive"));
        Ok(Some(head))
    }

    async fn head_text(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = end_of_head(&self.buffer) {
                let head: Vec<u8> = self.buffer.drain(..end).collect();
                return Ok(Some(String::from_utf8_lossy(&head).into_owned()));
            }
            let shown = self.buffer.len().min(5);
            if self.buffer[..shown] != b"HTTP/"[..shown] || self.buffer.len() > LARGEST_HEAD_BYTES {
                return Err(io::Error::new(ErrorKind::InvalidData, "no HTTP response"));
            }
            if self.more().await? == 0 {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    async fn more(&mut self) -> io::Result<usize> {
        let bytes = self.socket.read(CHUNK_BYTES, self.deadline).await?;
        self.buffer.extend_from_slice(&bytes);
        Ok(bytes.len())
    }

    /// How many bytes of the body are still expected, where the server said so.
    #[must_use]
    pub fn expected(&self) -> Option<u64> {
        match self.extent {
            Extent::Bytes(left) => Some(left),
            Extent::Chunks(..) | Extent::Connection => None,
        }
    }

    /// The next piece of the body; empty at its end.
    ///
    /// # Errors
    /// Those of the connection; `UnexpectedEof` where it closed too early, `InvalidData` for a bad chunk.
    pub async fn body(&mut self) -> io::Result<Vec<u8>> {
        if let Extent::Chunks(0, begun) = self.extent {
            let size = self.chunk_size(begun).await?;
            self.extent = Extent::Chunks(size, true);
            if size == 0 {
                // Trailers are read and not used.
                while !self.line().await?.is_empty() {}
                self.extent = Extent::Bytes(0);
            }
        }
        let most = match self.extent {
            Extent::Bytes(left) | Extent::Chunks(left, _) => usize::try_from(left).unwrap_or(usize::MAX),
            Extent::Connection => usize::MAX,
        };
        if most == 0 {
            return Ok(Vec::new());
        }
        if self.buffer.is_empty() && self.more().await? == 0 {
            return match self.extent {
                Extent::Connection => Ok(Vec::new()),
                _ => Err(ErrorKind::UnexpectedEof.into()),
            };
        }
        let piece: Vec<u8> = self.buffer.drain(..most.min(self.buffer.len())).collect();
        match &mut self.extent {
            Extent::Bytes(left) | Extent::Chunks(left, _) => *left -= piece.len() as u64,
            Extent::Connection => {}
        }
        Ok(piece)
    }

    async fn chunk_size(&mut self, begun: bool) -> io::Result<u64> {
        let bad = || io::Error::new(ErrorKind::InvalidData, "bad chunk length");
        if begun && !self.line().await?.is_empty() {
            return Err(bad());
        }
        let line = self.line().await?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        u64::from_str_radix(digits, 16).map_err(|_| bad())
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=at).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.buffer.len() > LARGEST_HEAD_BYTES {
                return Err(io::Error::new(ErrorKind::InvalidData, "bad chunk length"));
            }
            if self.more().await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Behind the empty line that ends a head.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut line = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' {
            if line > 0 && matches!(&bytes[line..at], b"" | b"\r") {
                return Some(at + 1);
            }
            line = at + 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::rc::Rc;

    use super::*;
    use crate::reactor::Reactor;

    #[test]
    fn urls_should_lead_to_host_port_and_path() {
        let cases = [
            ("http://web", ("web", 80, "/")),
            ("web:8080/a?b", ("web", 8080, "/a?b")),
            ("http://10.244.1.2/index.html#top", ("10.244.1.2", 80, "/index.html")),
            ("http://[fd00::1]:81/", ("fd00::1", 81, "/")),
            ("HTTP://u:p@web?x=1", ("web", 80, "/?x=1")),
        ];
        for (text, (host, port, path)) in cases {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.host.as_str(), url.port, url.path.as_str()), (host, port, path), "{text}");
        }
        assert_eq!(Url::parse("http://u:p@web").unwrap().user.as_deref(), Some("u:p"));
        assert_eq!(Url::parse("http:///x"), Err(BadUrl::Host));
        assert_eq!(Url::parse("http://web:http/"), Err(BadUrl::Port));
        assert_eq!(Url::parse("http://web/a b"), Err(BadUrl::Letter));
    }

    #[test]
    fn locations_should_lead_on_from_where_they_stand() {
        let here = Url::parse("http://web:8080/a/b?c").unwrap();
        for (location, there) in [
            ("http://api/x", "http://api/x"),
            ("/x", "http://web:8080/x"),
            ("x", "http://web:8080/a/x"),
            ("?d", "http://web:8080/a/b?d"),
            ("//api", "http://api/"),
        ] {
            assert_eq!(here.join(location).unwrap().to_string(), there, "{location}");
        }
    }

    /// What a client reads from a server that says this: the code, the body, and whether it may ask again.
    fn read(answer: &'static str) -> io::Result<(u16, String, bool)> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            stream.read_exact(&mut [0; 3]).unwrap();
            for piece in answer.as_bytes().chunks(7) {
                stream.write_all(piece).unwrap();
                stream.flush().unwrap();
            }
        });
        let reactor = Rc::new(Reactor::default());
        let read = reactor.run(Box::pin(async {
            let mut connection = Connection::new(Socket::connect(&reactor, address, None)?);
            connection.send(b"GET").await?;
            let head = connection.head("GET").await?.unwrap_or_default();
            let mut body = Vec::new();
            loop {
                let piece = connection.body().await?;
                if piece.is_empty() {
                    break;
                }
                body.extend(piece);
            }
            Ok((head.code, String::from_utf8(body).unwrap(), connection.keeps_alive))
        }));
        server.join().unwrap();
        read.unwrap()
    }

    #[test]
    fn a_body_should_end_where_its_head_says() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwiki too much", (200, "wiki", true)),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n5;x=y\r\npedia\r\n0\r\nA: b\r\n\r\n",
                (200, "wikipedia", true),
            ),
            ("HTTP/1.0 200 OK\n\nuntil the end", (200, "until the end", false)),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", (204, "", true)),
            (
                "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
                (404, "no", false),
            ),
        ];
        for (answer, (code, body, keeps_alive)) in cases {
            assert_eq!(read(answer).unwrap(), (code, body.to_owned(), keeps_alive), "{answer}");
        }
    }

    #[test]
    fn a_broken_answer_should_be_an_error() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nwiki", ErrorKind::UnexpectedEof),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", ErrorKind::InvalidData),
            ("+OK redis\r\n", ErrorKind::InvalidData),
            ("HTTP/1.1 200 OK\r\nConte", ErrorKind::UnexpectedEof),
        ];
        for (answer, kind) in cases {
            assert_eq!(read(answer).unwrap_err().kind(), kind, "{answer}");
        }
    }
}
