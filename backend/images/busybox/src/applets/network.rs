//! `wget`, over the pod's network.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::message;
use crate::shell::Shell;
use crate::stream::{CHUNK_BYTES, Stream};

/// How many redirects are followed.
const MOST_REDIRECTS: usize = 5;

#[derive(Default)]
struct Options {
    quiet: bool,
    spider: bool,
    shows_headers: bool,
    output: Option<String>,
    headers: Vec<String>,
    body: Option<String>,
    timeout: Option<Duration>,
    url: String,
}

/// Where a URL leads.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    host: String,
    port: u16,
    path: String,
}

pub(super) async fn wget(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let options = options(&arguments[1..])?;
    let mut target = Target::parse(&options.url)?;
    for _ in 0..MOST_REDIRECTS {
        match fetch(shell, &options, &target).await? {
            None => return Ok(0),
            Some(location) => target = target.join(&location)?,
        }
    }
    Err(io::Error::other("too many redirections"))
}

fn options(arguments: &[String]) -> io::Result<Options> {
    let mut options = Options::default();
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        let (name, inline) = match argument.split_once('=').filter(|_| argument.starts_with("--")) {
            Some((name, value)) => (name, Some(value)),
            None => (argument, None),
        };
        let mut value = || {
            inline
                .or_else(|| rest.next())
                .ok_or_else(|| io::Error::other(format!("{name}: a value is missing")))
        };
        match name {
            "--spider" => options.spider = true,
            "--header" => options.headers.push(value()?.to_owned()),
            "--post-data" => options.body = Some(value()?.to_owned()),
            "--timeout" => options.timeout = Some(super::clock::duration(value()?)?),
            "--tries" | "-t" => drop(value()?),
            "--quiet" => options.quiet = true,
            "--no-check-certificate" => {}
            "--server-response" => options.shows_headers = true,
            letters if letters.starts_with('-') && !letters.starts_with("--") => {
                options.letters(letters, &mut rest)?
            }
            unknown if unknown.starts_with('-') => {
                return Err(io::Error::other(format!("unrecognized option '{unknown}'")));
            }
            url => options.url = url.to_owned(),
        }
    }
    match options.url.is_empty() {
        true => Err(io::Error::other("a URL is missing, see --help")),
        false => Ok(options),
    }
}

impl Options {
    /// Letters may stand together: `-qO-`.
    fn letters<'a>(&mut self, letters: &'a str, rest: &mut impl Iterator<Item = &'a str>) -> io::Result<()> {
        for (at, letter) in letters.char_indices().skip(1) {
            match letter {
                'q' => self.quiet = true,
                'S' => self.shows_headers = true,
                'c' => {}
                'O' | 'T' => {
                    let inline = &letters[at + 1..];
                    let value = if inline.is_empty() { rest.next() } else { Some(inline) };
                    let value = value.ok_or_else(|| {
                        io::Error::other(format!("option requires an argument -- '{letter}'"))
                    })?;
                    match letter {
                        'O' => self.output = Some(value.to_owned()),
                        _ => self.timeout = Some(super::clock::duration(value)?),
                    }
                    return Ok(());
                }
                other => return Err(io::Error::other(format!("invalid option -- '{other}'"))),
            }
        }
        Ok(())
    }
}

impl Target {
    fn parse(url: &str) -> io::Result<Self> {
        if url.starts_with("https://") {
            return Err(io::Error::other(
                "https is not supported here: use http, which stays in the cluster's network",
            ));
        }
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some((scheme, _)) => return Err(io::Error::other(format!("not an http url: {scheme}"))),
            None => url,
        };
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                (host, port.parse().map_err(|_| io::Error::other(format!("bad port in '{url}'")))?)
            }
            _ => (authority, 80),
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port, path })
    }

    /// Where a `Location` leads from here.
    fn join(&self, location: &str) -> io::Result<Self> {
        if location.contains("://") {
            return Self::parse(location);
        }
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path =
            if location.starts_with('/') { location.to_owned() } else { format!("{folder}/{location}") };
        Ok(Self { path, ..self.clone() })
    }

    fn name(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or_default();
        path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("index.html")
    }
}

/// One request. `Some` is where it is redirected to.
async fn fetch(shell: &Shell, options: &Options, target: &Target) -> io::Result<Option<String>> {
    let address = resolve(target)?;
    if !options.quiet {
        shell.complain(&format!("Connecting to {}:{} ({address})", target.host, target.port)).await;
    }
    let connection = connect(address, options.timeout)?;
    let mut reader = BufReader::new(connection);
    reader.get_mut().write_all(request(options, target).as_bytes())?;
    let (status, headers) = head(&mut reader).map_err(timed_out)?;
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    if options.shows_headers {
        shell.complain(&format!("  {status}")).await;
        for (name, value) in &headers {
            shell.complain(&format!("  {name}: {value}")).await;
        }
    }
    let code: u16 = status.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
    match (code, header("location")) {
        (301 | 302 | 303 | 307 | 308, Some(location)) => return Ok(Some(location)),
        (200..=299, _) if options.spider => {
            if !options.quiet {
                shell.complain("remote file exists").await;
            }
            return Ok(None);
        }
        (200..=299, _) => {}
        _ => return Err(io::Error::other(format!("server returned error: {status}"))),
    }
    let length = header("content-length").and_then(|text| text.parse().ok());
    let chunked = header("transfer-encoding").is_some_and(|encoding| encoding.contains("chunked"));
    save(shell, options, target, &mut Content { reader, chunked, left: length }).await?;
    Ok(None)
}

fn resolve(target: &Target) -> io::Result<SocketAddr> {
    let addresses = (target.host.as_str(), target.port).to_socket_addrs();
    let address = addresses.ok().and_then(|mut addresses| addresses.next());
    address.ok_or_else(|| io::Error::other(format!("bad address '{}'", target.host)))
}

fn connect(address: SocketAddr, timeout: Option<Duration>) -> io::Result<TcpStream> {
    let connected = match timeout {
        Some(timeout) => TcpStream::connect_timeout(&address, timeout),
        None => TcpStream::connect(address),
    };
    let connection = connected.map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => io::Error::other("download timed out"),
        _ => {
            io::Error::other(format!("can't connect to remote host ({}): {}", address.ip(), message(&error)))
        }
    })?;
    connection.set_read_timeout(timeout)?;
    Ok(connection)
}

fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => io::Error::other("download timed out"),
        _ => io::Error::other(format!("error getting response: {}", message(&error))),
    }
}

fn request(options: &Options, target: &Target) -> String {
    let method = match (options.spider, &options.body) {
        (true, _) => "HEAD",
        (_, Some(_)) => "POST",
        _ => "GET",
    };
    let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
    let host = if target.port == 80 { host } else { format!("{host}:{}", target.port) };
    let mut text = format!(
        "{method} {} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Wget\r\nConnection: close\r\n",
        target.path
    );
    for header in &options.headers {
        text.push_str(&format!("{header}\r\n"));
    }
    let body = options.body.as_deref().unwrap_or_default();
    if options.body.is_some() {
        text.push_str(&format!(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            body.len()
        ));
    }
    text + "\r\n" + body
}

type Head = (String, Vec<(String, String)>);

/// The status line, and the headers with their names in lower case.
fn head(reader: &mut impl BufRead) -> io::Result<Head> {
    let mut status = String::new();
    reader.read_line(&mut status)?;
    if !status.starts_with("HTTP/") {
        return Err(io::Error::other("no HTTP response"));
    }
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok((status.trim().to_owned(), headers));
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
}

/// The body of a response.
struct Content<R> {
    reader: R,
    chunked: bool,
    /// Of the body, or of the present chunk; `None` lasts until the connection ends.
    left: Option<usize>,
}

impl<R: BufRead> Content<R> {
    fn next(&mut self) -> io::Result<Vec<u8>> {
        if self.chunked && self.left.unwrap_or_default() == 0 {
            self.left = Some(self.chunk_size()?);
        }
        let mut buffer = vec![0; self.left.unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES)];
        let count = self.reader.read(&mut buffer)?;
        if count == 0 && self.left.is_some_and(|left| left > 0) {
            return Err(io::Error::other("connection closed prematurely"));
        }
        self.left = self.left.map(|left| left - count);
        buffer.truncate(count);
        Ok(buffer)
    }

    fn chunk_size(&mut self) -> io::Result<usize> {
        let mut line = String::new();
        while line.trim().is_empty() {
            line.clear();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(io::Error::other("connection closed prematurely"));
            }
        }
        let digits = line.split(';').next().unwrap_or_default().trim();
        usize::from_str_radix(digits, 16).map_err(|_| io::Error::other("bad chunk length"))
    }
}

async fn save(
    shell: &Shell,
    options: &Options,
    target: &Target,
    content: &mut Content<impl BufRead>,
) -> io::Result<()> {
    let name = options.output.as_deref().unwrap_or_else(|| target.name());
    let to_stdout = name == "-";
    let out: Stream = match to_stdout {
        true => shell.streams.get(1),
        false => {
            let opened = shell.open_path(name, OpenOptions::new().write(true).create(true).truncate(true));
            opened.map_err(|error| io::Error::other(format!("can't open '{name}': {}", message(&error))))?
        }
    };
    if !options.quiet {
        let what = if to_stdout { "writing to stdout".to_owned() } else { format!("saving to '{name}'") };
        shell.complain(&what).await;
    }
    loop {
        let chunk = content.next().map_err(timed_out)?;
        if chunk.is_empty() {
            break;
        }
        out.write(&chunk).await?;
    }
    if !options.quiet {
        let done = if to_stdout { "written to stdout".to_owned() } else { format!("'{name}' saved") };
        shell.complain(&done).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_should_lead_to_host_port_and_path() {
        let cases = [
            ("http://web", ("web", 80, "/")),
            ("web:8080/a?b", ("web", 8080, "/a?b")),
            ("http://10.244.1.2/index.html", ("10.244.1.2", 80, "/index.html")),
            ("http://[fd00::1]:81/", ("fd00::1", 81, "/")),
            ("http://web?x=1", ("web", 80, "/?x=1")),
        ];
        for (url, (host, port, path)) in cases {
            let expected = Target { host: host.to_owned(), port, path: path.to_owned() };
            assert_eq!(Target::parse(url).unwrap(), expected, "{url}");
        }
        assert!(Target::parse("https://web").unwrap_err().to_string().starts_with("https is not supported"));
    }

    #[test]
    fn a_body_in_chunks_should_be_put_together() {
        let text: &[u8] = b"4\r\nwiki\r\n5;x=y\r\npedia\r\n0\r\n\r\n";
        let mut content = Content { reader: text, chunked: true, left: None };
        let mut body = Vec::new();
        loop {
            let chunk = content.next().unwrap();
            if chunk.is_empty() {
                break;
            }
            body.extend(chunk);
        }
        assert_eq!(body, b"wikipedia");
    }
}
