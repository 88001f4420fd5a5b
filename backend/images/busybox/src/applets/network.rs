//! `wget`, over the pod's network.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::http::{BadUrl, Connection, Url};
use crate::message;
use crate::shell::Shell;
use crate::socket::Socket;
use crate::stream::Stream;

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

pub(super) async fn wget(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let options = options(&arguments[1..])?;
    let mut target = usable(Url::parse(&options.url), &options.url)?;
    for _ in 0..MOST_REDIRECTS {
        match fetch(shell, &options, &target).await? {
            None => return Ok(0),
            Some(location) => target = usable(target.join(&location), &location)?,
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

/// The URL, if it is one that can be fetched.
fn usable(url: Result<Url, BadUrl>, text: &str) -> io::Result<Url> {
    let url = url.map_err(|reason| match reason {
        BadUrl::Port => io::Error::other(format!("bad port in '{text}'")),
        BadUrl::Host | BadUrl::Letter => io::Error::other(format!("bad address '{text}'")),
    })?;
    match url.scheme.as_str() {
        "http" => Ok(url),
        "https" => Err(io::Error::other(
            "https is not supported here: use http, which stays in the cluster's network",
        )),
        scheme => Err(io::Error::other(format!("not an http url: {scheme}"))),
    }
}

/// One request. `Some` is where it is redirected to.
async fn fetch(shell: &Shell, options: &Options, url: &Url) -> io::Result<Option<String>> {
    let address = resolve(url)?;
    if !options.quiet {
        shell.complain(&format!("Connecting to {}:{} ({address})", url.host, url.port)).await;
    }
    let mut connection = connect(shell, address, options)?;
    connection.send(request(options, url).as_bytes()).await.map_err(timed_out)?;
    connection.deadline = options.deadline();
    let head = connection.head(options.method()).await.map_err(timed_out)?;
    let head = head.ok_or_else(|| io::Error::other("error getting response"))?;
    if options.shows_headers {
        shell.complain(&format!("  {}", head.status)).await;
        for (name, value) in &head.headers {
            shell.complain(&format!("  {name}: {value}")).await;
        }
    }
    match (head.code, head.header("location")) {
        (301 | 302 | 303 | 307 | 308, Some(location)) => return Ok(Some(location.to_owned())),
        (200..=299, _) if options.spider => {
            if !options.quiet {
                shell.complain("remote file exists").await;
            }
            return Ok(None);
        }
        (200..=299, _) => {}
        _ => return Err(io::Error::other(format!("server returned error: {}", head.status))),
    }
    save(shell, options, url, &mut connection).await?;
    Ok(None)
}

fn resolve(url: &Url) -> io::Result<SocketAddr> {
    let addresses = (url.host.as_str(), url.port).to_socket_addrs();
    let address = addresses.ok().and_then(|mut addresses| addresses.next());
    address.ok_or_else(|| io::Error::other(format!("bad address '{}'", url.host)))
}

fn connect(shell: &Shell, address: SocketAddr, options: &Options) -> io::Result<Connection> {
    let deadline = shell.no_later_than(options.deadline());
    let socket = Socket::connect(&shell.reactor, address, deadline).map_err(|error| match error.kind() {
        ErrorKind::TimedOut => io::Error::other("download timed out"),
        _ => {
            io::Error::other(format!("can't connect to remote host ({}): {}", address.ip(), message(&error)))
        }
    })?;
    let mut connection = Connection::new(socket);
    connection.deadline = options.deadline();
    Ok(connection)
}

fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::TimedOut => io::Error::other("download timed out"),
        ErrorKind::UnexpectedEof => io::Error::other("connection closed prematurely"),
        ErrorKind::InvalidData => error,
        _ => io::Error::other(format!("error getting response: {}", message(&error))),
    }
}

impl Options {
    /// When to give up what begins now: the limit is one of silence, not of the whole.
    fn deadline(&self) -> Option<Instant> {
        self.timeout.and_then(|timeout| Instant::now().checked_add(timeout))
    }

    fn method(&self) -> &'static str {
        match (self.spider, &self.body) {
            (true, _) => "HEAD",
            (_, Some(_)) => "POST",
            _ => "GET",
        }
    }
}

fn request(options: &Options, url: &Url) -> String {
    let mut text = format!(
        "{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: Wget\r\nConnection: close\r\n",
        options.method(),
        url.path,
        url.authority()
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

async fn save(shell: &Shell, options: &Options, url: &Url, connection: &mut Connection) -> io::Result<()> {
    let name = options.output.as_deref().or(url.file_name()).unwrap_or("index.html");
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
        connection.deadline = options.deadline();
        let piece = connection.body().await.map_err(timed_out)?;
        if piece.is_empty() {
            break;
        }
        out.write(&piece).await?;
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
    fn what_cannot_be_fetched_should_be_refused() {
        let refusal = |url: &str| usable(Url::parse(url), url).unwrap_err().to_string();
        assert!(refusal("https://web").starts_with("https is not supported"));
        assert_eq!(refusal("ftp://web"), "not an http url: ftp");
        assert_eq!(refusal("web:http"), "bad port in 'web:http'");
    }
}
