//! A configuration, requests to it, and the other servers behind it, as a table: `configurations.txt`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use image_server::Service as _;

use super::*;
use crate::config::{self, Fault, LogTarget, of_http, read_embedded};

/// Everything that is logged, in order.
#[derive(Default)]
struct Recorded(Vec<String>);

impl Log for Recorded {
    fn write(&mut self, target: &LogTarget, line: &str) {
        self.0.push(format!("{target:?} {line}"));
    }
}

fn lookup(host: &str, port: u16) -> Option<Vec<SocketAddr>> {
    let hosts = [("web", 1), ("api", 2), ("other", 3)];
    let own = hosts
        .iter()
        .find(|(name, _)| *name == host)
        .map(|(_, last)| SocketAddr::from(([10, 96, 0, *last], port)));
    own.or_else(|| host.parse().ok().map(|address| SocketAddr::new(address, port))).map(|found| vec![found])
}

/// A server of the inside of an `http` block, whose `/site` is a folder with files.
struct Running {
    service: Service<Recorded>,
    _folder: tempfile::TempDir,
    /// The calls that the server made, to be answered.
    calls: Vec<Call>,
}

impl Running {
    fn new(http: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("index.html", "home"),
            ("a.txt", "0123456789"),
            ("docs/index.html", "docs"),
            ("docs/page.html", "page"),
            ("list/b.css", "b"),
            ("list/sub/c", "c"),
            ("404.html", "own 404"),
            ("50x.html", "own 50x"),
        ] {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let text = http.replace("/site", &folder.path().display().to_string());
        let config = of_http(&text, &read_embedded, &lookup).unwrap();
        let mut service = Service::new(config, Recorded::default());
        service.connect_to_port(1, SocketAddr::from(([10, 244, 0, 9], 40000)), 80);
        Self { service, _folder: folder, calls: Vec::new() }
    }

    fn send(&mut self, text: &str) -> String {
        self.service.receive(1, text.as_bytes());
        self.calls = self.service.calls();
        self.received(1)
    }

    fn received(&mut self, number: u64) -> String {
        let mut got = Vec::new();
        loop {
            let bytes = self.service.output(number).to_vec();
            if bytes.is_empty() {
                return String::from_utf8(got).unwrap();
            }
            self.service.sent(number, bytes.len());
            got.extend(bytes);
        }
    }

    fn get(&mut self, target: &str) -> String {
        let (host, path) = target.split_once('/').unwrap();
        let host = if host.is_empty() { "localhost" } else { host };
        self.send(&format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
    }

    /// Takes the call that the server made, and says what it is asked.
    fn answer_call(&mut self) -> (u64, SocketAddr, String) {
        let call = self.calls.pop().expect("no call");
        self.service.called(call.number);
        let question = self.received(call.number);
        (call.number, call.address, question)
    }
}

/// Status, the header that matters, and body in a line.
fn short(response: &str) -> String {
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.get(9..12).unwrap_or_default();
    let header =
        |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
    let location = header("Location: ");
    let kind = header("Content-Type: ");
    let body = if body.contains("<small>") { "(error page)" } else { body };
    [status, &kind, &location, &body.replace("\r\n", "|").replace('\n', "|")]
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| text.to_string())
        .collect::<Vec<_>>()
        .join(" ; ")
}

#[test]
fn requests_should_be_answered_as_the_configuration_says() {
    let mut wrong = Vec::new();
    for case in include_str!("configurations.txt").split("\n=== ").skip(1) {
        let (title, rest) = case.split_once('\n').unwrap();
        let (http, requests) = rest.split_once("\n---\n").unwrap();
        let mut running = Running::new(http);
        for line in requests.lines().filter(|line| !line.is_empty()) {
            let (target, expected) = line.split_once(" -> ").unwrap();
            let got = short(&running.get(target));
            if got != expected {
                wrong.push(format!("{title}: {target} -> {got}"));
                running = Running::new(http);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_nginx_refuses_should_be_refused_in_its_words() {
    let mut wrong = Vec::new();
    for case in include_str!("faults.txt").split("\n=== ").skip(1) {
        let (expected, text) = case.split_once('\n').unwrap();
        let files: BTreeMap<&str, &str> = BTreeMap::from([
            ("/etc/nginx/nginx.conf", text),
            ("/etc/nginx/part.conf", "root /a;\nserver_nam x;\n"),
        ]);
        let read = |path: &Path| {
            let found = files.get(path.to_str().unwrap_or_default());
            found.map(|text| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
        };
        let got = match config::load(Path::new("/etc/nginx/nginx.conf"), "daemon off;", &read, &lookup) {
            Ok(config) => format!("ok: {}", config.notices.join(" | ")),
            Err(Fault(text)) => text,
        };
        if got != expected {
            wrong.push(got);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_configuration_of_the_image_should_serve_its_folder() {
    let asked = RefCell::new(Vec::new());
    let read = |path: &Path| {
        asked.borrow_mut().push(path.display().to_string());
        Ok(match path.file_name().and_then(|name| name.to_str()) {
            Some("nginx.conf") => {
                let text = include_str!("../../root/etc/nginx/nginx.conf");
                text.replace("/etc/nginx/conf.d/*.conf", "/etc/nginx/conf.d/default.conf")
            }
            Some("default.conf") => include_str!("../../root/etc/nginx/conf.d/default.conf").to_owned(),
            _ => return read_embedded(path),
        })
    };
    let config = config::load(Path::new("/etc/nginx/nginx.conf"), "", &read, &lookup).unwrap();
    assert_eq!(config.summary(), ["serves /usr/share/nginx/html on port 80"]);
    assert_eq!(config.notices, Vec::<String>::new());
    assert_eq!(asked.borrow().len(), 3);
}

#[test]
fn a_request_should_be_passed_on_with_its_body_and_the_answer_come_back_as_it_arrives() {
    let mut running = Running::new(
        "server { location /api/ { proxy_pass http://web:8080/v1/; proxy_set_header X-Real-IP $remote_addr; \
         proxy_set_header Host $host; proxy_http_version 1.1; } }",
    );
    let request = "POST /api/a%20b?c=d HTTP/1.1\r\nHost: shop\r\nX-One: 1\r\nConnection: keep-alive\r\n\
                   Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    assert_eq!(running.send(request), "");
    let (call, address, question) = running.answer_call();
    assert_eq!(address.to_string(), "10.96.0.1:8080");
    assert_eq!(
        question,
        "POST /v1/a%20b?c=d HTTP/1.1\r\nConnection: close\r\nX-Real-IP: 10.244.0.9\r\nHost: shop\r\n\
         Content-Length: 5\r\nX-One: 1\r\n\r\nabcde"
    );
    running.service.receive(
        call,
        b"HTTP/1.1 201 Made\r\nServer: x\r\nX-A: b\r\nLocation: http://web:8080/v1/1\r\n\r\nfirst",
    );
    let first = running.received(1);
    assert!(first.starts_with("HTTP/1.1 201 Made\r\nServer: kijabi-nginx/"), "{first}");
    assert!(first.contains("\r\nX-A: b\r\n") && !first.contains("Server: x"), "{first}");
    assert!(first.contains("\r\nLocation: /api/1\r\n"), "{first}");
    assert!(
        first.ends_with("Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n5\r\nfirst\r\n"),
        "{first}"
    );
    running.service.receive(call, b"second");
    assert_eq!(running.received(1), "6\r\nsecond\r\n");
    running.service.end_of_input(call);
    assert_eq!(running.received(1), "0\r\n\r\n");
    assert!(running.service.is_finished(call) && !running.service.is_finished(1));
    assert!(running.service.log().0[0].contains("\"POST /api/a%20b?c=d HTTP/1.1\" 201 11"));
}

#[test]
fn a_server_that_refuses_should_be_left_out_and_the_next_one_asked() {
    let mut running = Running::new(
        "upstream back { server web; server api weight=2; } server { location / { proxy_pass http://back; } }",
    );
    let mut addresses = Vec::new();
    for _ in 0..3 {
        running.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let (call, address, _) = running.answer_call();
        addresses.push(address.ip().to_string());
        running.service.receive(call, b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert!(running.received(1).starts_with("HTTP/1.1 200 OK"));
        running.service.end_of_input(call);
    }
    assert_eq!(addresses, ["10.96.0.2", "10.96.0.1", "10.96.0.2"]);
    running.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let refused = running.calls.pop().unwrap();
    running.service.refused(refused.number, &io::ErrorKind::ConnectionRefused.into());
    running.calls = running.service.calls();
    let next = running.calls.pop().unwrap();
    assert_ne!(next.address, refused.address);
    running.service.refused(next.number, &io::ErrorKind::ConnectionRefused.into());
    assert_eq!(short(&running.received(1)), "502 ; text/html ; (error page)");
    let errors: Vec<&String> =
        running.service.log().0.iter().filter(|line| line.contains("[error]")).collect();
    assert!(
        errors[0].contains(
            "*1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.244.0.9"
        ),
        "{errors:?}"
    );
    assert!(
        errors[0].ends_with("/\", host: \"a\"") && errors[0].contains(", upstream: \"http://10.96.0."),
        "{errors:?}"
    );
}

#[test]
fn a_switched_protocol_should_carry_bytes_both_ways() {
    let mut running = Running::new(
        "map $http_upgrade $connection_upgrade { default upgrade; '' close; } server { location / { \
         proxy_pass http://web; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
         proxy_set_header Connection $connection_upgrade; } }",
    );
    running.send("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    let (call, _, question) = running.answer_call();
    assert!(question.contains("Upgrade: websocket\r\nConnection: upgrade\r\n"), "{question}");
    running.service.receive(call, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nhi");
    let switched = running.received(1);
    assert!(switched.starts_with("HTTP/1.1 101 ") && switched.ends_with("\r\n\r\nhi"), "{switched}");
    assert!(running.service.wants_input(1));
    running.service.receive(1, b"ping");
    assert_eq!(running.received(call), "ping");
    running.service.end_of_input(call);
    assert!(running.service.is_finished(1));
}

#[test]
fn an_answer_that_breaks_off_should_be_seen_as_such() {
    let mut running = Running::new("server { location / { proxy_pass http://web; } }");
    running.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let (call, ..) = running.answer_call();
    running.service.receive(call, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    running.service.end_of_input(call);
    assert!(running.received(1).ends_with("half"));
    assert!(running.service.is_finished(1));

    let mut running = Running::new(
        "server { error_page 502 /50x.html; location / { proxy_pass http://web; } location = /50x.html { root /site; } }",
    );
    running.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let (call, ..) = running.answer_call();
    running.service.end_of_input(call);
    assert_eq!(short(&running.received(1)), "502 ; text/html ; own 50x");
}

#[test]
fn a_log_should_have_the_format_that_is_set() {
    let mut running = Running::new(
        "log_format own '$remote_addr $status [$http_x_a] $args $upstream_addr'; access_log /dev/stdout own; \
         server { return 200 ok; location /quiet { access_log off; } }",
    );
    running.send("GET /?a=b HTTP/1.1\r\nHost: a\r\nX-A: \"1\"\r\n\r\n");
    assert_eq!(running.service.log().0, ["Stdout 10.244.0.9 200 [\\x221\\x22] a=b -"]);
}

#[test]
fn apaches_configuration_should_be_read_for_a_site() {
    let load = |text: &str| crate::httpd::load(Path::new("/conf"), text, &lookup);
    let default = load(include_str!("../../root/usr/local/apache2/conf/httpd.conf")).unwrap();
    assert_eq!(default.summary(), ["serves /usr/local/apache2/htdocs on port 80"]);
    let passing = load("Listen 8080\nProxyPass / http://api/\nProxyPassReverse / http://api/\n").unwrap();
    assert_eq!(passing.summary(), ["passes requests to api on port 8080"]);
    let fault = load("Listen 80\nRewriteEngine On\n").unwrap_err();
    assert!(
        fault.0.starts_with("AH00526: Syntax error on line 2 of /conf:\nInvalid command 'RewriteEngine'"),
        "{}",
        fault.0
    );
}
