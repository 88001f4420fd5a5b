//! The transfers: one URL after the other, each with its redirects and attempts.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use image_busybox::http::{Connection, Head, Url};
use image_busybox::shell::Shell;
use image_busybox::socket::Socket;

use crate::data::Body;
use crate::failure::{self, Failure};
use crate::options::Options;
use crate::output::{Destination, METER, meter};
use crate::report::Report;
use crate::request::Request;

/// How long a connection may take where nothing is said.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(300);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

pub(crate) struct Client<'a> {
    shell: &'a Shell,
    options: Options,
    /// Connections that may be used again, by host and port, with their numbers.
    idle: BTreeMap<(String, u16), (usize, Connection)>,
    connections: usize,
    shows_meter: bool,
}

/// A connection in use, its number, and whether it was used before.
struct Line {
    number: usize,
    connection: Connection,
    is_used: bool,
}

impl<'a> Client<'a> {
    pub(crate) fn new(shell: &'a Shell, options: Options) -> Self {
        Self { shell, options, idle: BTreeMap::new(), connections: 0, shows_meter: false }
    }

    /// Fetches all URLs. The exit code is that of the last one that failed.
    pub(crate) async fn run(&mut self) -> u8 {
        let mut code = 0;
        let body = Body::read(self.shell, &self.options).await;
        let headers = self.headers();
        let (body, headers) = match (body, headers) {
            (Ok(body), Ok(headers)) => (body, headers),
            (Err(failure), _) | (_, Err(failure)) => {
                self.complain(&failure).await;
                return failure.code;
            }
        };
        for number in 0..self.options.urls.len() {
            let report = self.fetch(number, body.clone(), headers.clone()).await;
            if let Some(failure) = &report.failure {
                self.complain(failure).await;
                code = failure.code;
            }
            if let Some(format) = self.options.write_out.clone() {
                self.write_out(&format, &report).await;
            }
            if code != 0 && self.options.fails_early {
                break;
            }
        }
        code
    }

    async fn complain(&self, failure: &Failure) {
        if !self.options.silent || self.options.shows_errors {
            self.shell.complain(&format!("curl: ({}) {}", failure.code, failure.message)).await;
        }
    }

    async fn write_out(&self, format: &str, report: &Report) {
        let format = match format.strip_prefix('@') {
            Some(name) => std::fs::read_to_string(self.shell.path(name)).unwrap_or_default(),
            None => format.to_owned(),
        };
        let (text, unknown) = report.write_out(&format);
        for name in unknown {
            self.shell.complain(&format!("curl: unknown --write-out variable: '{name}'")).await;
        }
        // Whoever stopped reading misses nothing.
        let _ = self.shell.print(&text).await;
    }

    /// The user's headers, with those that `@file` names.
    fn headers(&self) -> Result<Vec<String>, Failure> {
        let mut headers = Vec::new();
        for header in &self.options.headers {
            match header.strip_prefix('@') {
                None => headers.push(header.clone()),
                Some(name) => {
                    let text = std::fs::read_to_string(self.shell.path(name))
                        .map_err(|_| Failure::new(failure::READ, format!("Failed to open {name}")))?;
                    headers.extend(text.lines().filter(|line| !line.is_empty()).map(str::to_owned));
                }
            }
        }
        Ok(headers)
    }

    /// Says what is done.
    async fn note(&self, sign: char, text: &str) {
        if self.options.verbose {
            self.shell.complain(&format!("{sign} {text}")).await;
        }
    }

    async fn fetch(&mut self, number: usize, mut body: Option<Body>, headers: Vec<String>) -> Report {
        let text = self.options.urls[number].clone();
        let mut report = Report { url: text.clone(), number, ..Report::default() };
        let method = match self.options.puts_data_into_url && !self.options.head_only {
            true => self.options.method.clone().unwrap_or_else(|| "GET".to_owned()),
            false => Request::method(&self.options, body.is_some()),
        };
        let prepared = self.url(&text, &mut body).and_then(|url| {
            let output = self.options.outputs.get(number);
            Destination::of(&self.options, output, &url).map(|destination| (url, destination))
        });
        let (url, mut destination) = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => {
                report.failure = Some(failure);
                return report;
            }
        };
        report.file.clone_from(&destination.file);
        self.shows_meter =
            !self.options.silent && !self.options.hides_progress && !destination.is_watched(self.shell);
        if self.shows_meter {
            self.shell.complain(METER).await;
        }
        let home = (url.host.clone(), url.port);
        let request = Request { method, body, headers, home };
        let report = self.with_attempts(report, &request, &url, &mut destination).await;
        if self.shows_meter {
            self.shell.complain(&meter(&report)).await;
        }
        report
    }

    /// The URL; with `--get`, the data stands in it.
    fn url(&self, text: &str, body: &mut Option<Body>) -> Result<Url, Failure> {
        let mut text = text.to_owned();
        if let Some(body) = body.take_if(|_| self.options.puts_data_into_url) {
            text.push(if text.contains('?') { '&' } else { '?' });
            text.push_str(&String::from_utf8_lossy(&body.bytes));
        }
        let mut url = Url::parse(&text).map_err(Failure::url)?;
        if self.options.upload.as_ref().is_some_and(|name| name != "-") && url.path.ends_with('/') {
            let name = self.options.upload.as_deref().unwrap_or_default();
            url.path.push_str(name.rsplit('/').next().unwrap_or_default());
        }
        Ok(url)
    }

    async fn with_attempts(
        &mut self,
        report: Report,
        request: &Request,
        url: &Url,
        destination: &mut Destination,
    ) -> Report {
        let begin = Instant::now();
        let mut pause = self.options.retry_delay.unwrap_or(Duration::from_secs(1));
        let mut left = self.options.retries;
        loop {
            let report = self.attempt(report.clone(), request.clone(), url, destination).await;
            let is_over = |limit: Duration| begin.elapsed().saturating_add(pause) > limit;
            let reason = self.retry_reason(&report);
            let Some(reason) =
                reason.filter(|_| left > 0 && !self.options.retry_max_time.is_some_and(is_over))
            else {
                return report;
            };
            if !self.options.silent {
                let many = |count: u64| if count == 1 { "" } else { "s" };
                let (seconds, ending) = (pause.as_secs(), if left == 1 { "y" } else { "ies" });
                let text = format!(
                    "Warning: Problem: {reason}. Will retry in {seconds} second{}. {left} retr{ending} left.",
                    many(seconds)
                );
                self.shell.complain(&text).await;
            }
            self.shell.reactor.sleep(pause).await;
            left -= 1;
            if self.options.retry_delay.is_none() {
                pause = LONGEST_PAUSE.min(pause * 2);
            }
            destination.reset();
        }
    }

    /// Why another attempt may succeed, if it may.
    fn retry_reason(&self, report: &Report) -> Option<&'static str> {
        let code = report.failure.as_ref().map_or(0, |failure| failure.code);
        match code {
            failure::TIMED_OUT => Some("timeout"),
            failure::RESOLVE => Some("name resolution").filter(|_| self.options.retries_all_errors),
            failure::CONNECT if self.options.retries_refusals => Some("connection refused"),
            0 | failure::HTTP_ERROR if matches!(report.code, 408 | 429 | 500 | 502 | 503 | 504) => {
                Some("HTTP error")
            }
            0 => None,
            _ => Some("(retrying all errors)").filter(|_| self.options.retries_all_errors),
        }
    }

    /// Fetches a URL and where it redirects to.
    async fn attempt(
        &mut self,
        mut report: Report,
        mut request: Request,
        url: &Url,
        destination: &mut Destination,
    ) -> Report {
        let begin = Instant::now();
        let deadline = self.options.max_time.and_then(|limit| begin.checked_add(limit));
        let mut url = url.clone();
        let mut hop_begin = begin;
        loop {
            report.method.clone_from(&request.method);
            report.url_effective = url.to_string();
            let outcome = self.exchange(&mut report, &request, &url, (begin, deadline), destination).await;
            report.time_total = begin.elapsed();
            let next = match outcome {
                Ok(next) => next,
                Err(failure) => {
                    report.failure = Some(failure);
                    return report;
                }
            };
            let Some(next) = next else { return report };
            report.redirect_url = Some(next.to_string());
            if !self.options.follows {
                return report;
            }
            if self.options.most_redirects.is_some_and(|most| report.redirects >= most) {
                let most = self.options.most_redirects.unwrap_or_default();
                report.failure =
                    Some(Failure::new(failure::REDIRECTS, format!("Maximum ({most}) redirects followed")));
                return report;
            }
            report.redirects += 1;
            report.redirect_url = None;
            report.time_redirect += hop_begin.elapsed();
            hop_begin = Instant::now();
            // As browsers do: what was POSTed is not POSTed again, unless the method was asked for.
            let becomes_get =
                report.code == 303 || (matches!(report.code, 301 | 302) && request.method == "POST");
            if becomes_get && request.method != "HEAD" {
                request.body = None;
                if self.options.method.is_none() {
                    self.note('*', "Switch to GET").await;
                    "GET".clone_into(&mut request.method);
                }
            }
            self.note('*', &format!("Issue another request to this URL: '{next}'")).await;
            url = next;
        }
    }

    /// One request and its response. `Some` is where it redirects to.
    async fn exchange(
        &mut self,
        report: &mut Report,
        request: &Request,
        url: &Url,
        (begin, deadline): (Instant, Option<Instant>),
        destination: &mut Destination,
    ) -> Result<Option<Url>, Failure> {
        match url.scheme.as_str() {
            "http" => {}
            "https" => {
                let reason = "Protocol \"https\" not supported: there is no TLS in this program; use http://";
                return Err(Failure::new(failure::UNSUPPORTED, reason));
            }
            other => {
                let message = format!("Protocol \"{other}\" not supported");
                return Err(Failure::new(failure::UNSUPPORTED, message));
            }
        }
        let (mut line, head) = self.ask(report, request, url, (begin, deadline)).await?;
        report.time_start_transfer = begin.elapsed();
        report.code = head.code;
        head.protocol().clone_into(&mut report.protocol);
        report.headers.clone_from(&head.headers);
        report.size_header += head.text.len() as u64;
        self.show_head(&head, destination).await?;
        let location = head.header("location").filter(|_| (300..400).contains(&head.code));
        let next = location.map(|location| url.join(location).map_err(Failure::url)).transpose()?;
        let is_error = head.code >= 400;
        if is_error && self.options.fails {
            return Err(http_error(head.code));
        }
        let is_left_out = next.is_some() && self.options.follows;
        loop {
            let missing = line.connection.expected();
            let piece = line.connection.body().await.map_err(|error| match error.kind() {
                ErrorKind::TimedOut => timed_out(begin, report.size_download, missing),
                _ => Failure::in_body(&error, missing),
            })?;
            if piece.is_empty() {
                break;
            }
            if !is_left_out {
                report.size_download += piece.len() as u64;
                destination.write(self.shell, &piece).await?;
            }
        }
        if destination.file.is_some() && !is_left_out {
            destination.open(self.shell)?;
        }
        let kept = if line.connection.keeps_alive { "left intact" } else { "closed" };
        self.note('*', &format!("Connection #{} to host {} {kept}", line.number, url.host)).await;
        if line.connection.keeps_alive {
            self.idle.insert((url.host.clone(), url.port), (line.number, line.connection));
        }
        match is_error && self.options.fails_with_body {
            true => Err(http_error(head.code)),
            false => Ok(next),
        }
    }

    /// Sends a request and reads the head of its response. A connection that was closed while it lay idle is
    /// replaced.
    async fn ask(
        &mut self,
        report: &mut Report,
        request: &Request,
        url: &Url,
        (begin, deadline): (Instant, Option<Instant>),
    ) -> Result<(Line, Head), Failure> {
        loop {
            let mut line = self.line(report, url, (begin, deadline)).await?;
            line.connection.deadline = deadline;
            report.addresses = line.connection.addresses();
            report.time_pretransfer = begin.elapsed();
            let (head, body) = request.text(&self.options, url);
            for text in head.lines() {
                self.note('>', text).await;
            }
            if !body.is_empty() {
                self.note('}', &format!("[{} bytes data]", body.len())).await;
            }
            let sent = line.connection.send(&[head.as_bytes(), &body].concat()).await;
            let answer = match sent {
                Ok(()) => line.connection.head(&request.method).await.map_err(|error| (error, true)),
                Err(error) => Err((error, false)),
            };
            match answer {
                Ok(Some(answer)) => {
                    report.size_request += head.len() as u64;
                    report.size_upload += request.body.as_ref().map_or(0, |body| body.bytes.len() as u64);
                    return Ok((line, answer));
                }
                Err((error, _)) if error.kind() == ErrorKind::TimedOut => {
                    return Err(timed_out(begin, 0, None));
                }
                _ if line.is_used => {
                    self.note('*', "Connection died, retrying a fresh connect").await;
                }
                Ok(None) => return Err(Failure::new(failure::NOTHING, "Empty reply from server")),
                Err((error, true)) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Err(Failure::new(failure::STRANGE_REPLY, "The response's head ended too early"));
                }
                Err((error, true)) => return Err(Failure::receiving(&error)),
                Err((error, false)) => return Err(Failure::sending(&error)),
            }
        }
    }

    /// A connection to the URL's server.
    async fn line(
        &mut self,
        report: &mut Report,
        url: &Url,
        (begin, deadline): (Instant, Option<Instant>),
    ) -> Result<Line, Failure> {
        if let Some((number, connection)) = self.idle.remove(&(url.host.clone(), url.port)) {
            self.note('*', &format!("Re-using existing connection with host {}", url.host)).await;
            return Ok(Line { number, connection, is_used: true });
        }
        let (host, port) = self.place(url);
        let addresses = self.resolve(&host, port)?;
        report.time_name_lookup = begin.elapsed();
        let limit = self.options.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
        let own = Instant::now().checked_add(limit);
        let connect_deadline = self.shell.no_later_than([own, deadline].into_iter().flatten().min());
        let start = Instant::now();
        for address in addresses {
            self.note('*', &format!("  Trying {address}...")).await;
            match Socket::connect(&self.shell.reactor, address, connect_deadline) {
                Ok(socket) => {
                    report.time_connect = begin.elapsed();
                    report.connects += 1;
                    let number = self.connections;
                    self.connections += 1;
                    let text =
                        format!("Connected to {} ({}) port {}", url.host, address.ip(), address.port());
                    self.note('*', &text).await;
                    return Ok(Line { number, connection: Connection::new(socket), is_used: false });
                }
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    let spent = begin.elapsed().as_millis();
                    let message = format!("Connection timed out after {spent} milliseconds");
                    return Err(Failure::new(failure::TIMED_OUT, message));
                }
                Err(error) => {
                    let reason = image_busybox::message(&error);
                    self.note('*', &format!("connect to {address} failed: {reason}")).await;
                }
            }
        }
        let spent = start.elapsed().as_millis();
        let message = format!(
            "Failed to connect to {} port {} after {spent} ms: Could not connect to server",
            url.host, url.port
        );
        Err(Failure::new(failure::CONNECT, message))
    }

    /// The host and port to call: `--connect-to` leads elsewhere.
    fn place(&self, url: &Url) -> (String, u16) {
        for rule in &self.options.connect_to {
            let parts: Vec<&str> = rule.splitn(4, ':').collect();
            let [host, port, other, other_port] = parts[..] else { continue };
            let is_meant =
                (host.is_empty() || host == url.host) && (port.is_empty() || port.parse() == Ok(url.port));
            if is_meant {
                let host = if other.is_empty() { url.host.clone() } else { other.to_owned() };
                return (host, other_port.parse().unwrap_or(url.port));
            }
        }
        (url.host.clone(), url.port)
    }

    fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
        for rule in &self.options.resolve {
            let parts: Vec<&str> = rule.trim_start_matches('+').splitn(3, ':').collect();
            let [name, number, addresses] = parts[..] else {
                let message = format!("Could not parse CURLOPT_RESOLVE entry '{rule}'");
                return Err(Failure::new(49, message));
            };
            if (name == "*" || name.eq_ignore_ascii_case(host)) && number.parse() == Ok(port) {
                let address = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>().ok();
                let found: Vec<SocketAddr> =
                    addresses.split(',').filter_map(address).map(|address| (address, port).into()).collect();
                if !found.is_empty() {
                    return Ok(found);
                }
            }
        }
        let found: Vec<SocketAddr> =
            (host, port).to_socket_addrs().map(Iterator::collect).unwrap_or_default();
        match found.is_empty() {
            true => Err(Failure::new(failure::RESOLVE, format!("Could not resolve host: {host}"))),
            false => Ok(found),
        }
    }

    async fn show_head(&self, head: &Head, destination: &mut Destination) -> Result<(), Failure> {
        for text in head.text.lines() {
            self.note('<', text).await;
        }
        if let Some(name) = &self.options.dump_header {
            Destination::named(name).write(self.shell, head.text.as_bytes()).await?;
        }
        if self.options.includes_head || self.options.head_only {
            destination.write(self.shell, head.text.as_bytes()).await?;
        }
        Ok(())
    }
}

fn http_error(code: u16) -> Failure {
    Failure::new(failure::HTTP_ERROR, format!("The requested URL returned error: {code}"))
}

fn timed_out(begin: Instant, received: u64, missing: Option<u64>) -> Failure {
    let spent = begin.elapsed().as_millis();
    let of = missing.map(|missing| format!(" out of {}", received + missing)).unwrap_or_default();
    let message =
        format!("Operation timed out after {spent} milliseconds with {received}{of} bytes received");
    Failure::new(failure::TIMED_OUT, message)
}
