use std::fs;

use super::*;
use crate::config::LogTarget;

#[derive(Default)]
struct Recorded {
    access: Vec<String>,
    error: Vec<String>,
}

impl Log for Recorded {
    fn write(&mut self, target: &LogTarget, line: &str) {
        match target {
            LogTarget::Stdout => self.access.push(line.to_owned()),
            _ => self.error.push(line.to_owned()),
        }
    }
}

/// A client at a site with an index, a page with a Korean name, a folder and an empty folder.
struct Client {
    _folder: tempfile::TempDir,
    connection: Connection,
    log: Recorded,
}

impl Client {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("html");
        fs::create_dir_all(root.join("docs")).unwrap();
        fs::create_dir_all(root.join("empty")).unwrap();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        fs::write(root.join("index.html"), "welcome").unwrap();
        fs::write(root.join("안녕.txt"), "안녕하세요").unwrap();
        fs::write(root.join("docs/index.html"), "docs").unwrap();
        fs::write(root.join("large.bin"), vec![b'x'; 200_000]).unwrap();
        let config = Config::site(&root, 80).unwrap();
        let peer = ([10, 244, 1, 7], 40000).into();
        let connection =
            Connection::new(config.into(), crate::Client { peer, port: 80, number: 1, requests: 0 });
        Self { _folder: folder, connection, log: Recorded::default() }
    }

    fn send(&mut self, text: &str) -> String {
        self.connection.receive(text.as_bytes(), Timestamp::UNIX_EPOCH, &mut self.log);
        self.receive_all()
    }

    fn receive_all(&mut self) -> String {
        let mut received = Vec::new();
        loop {
            let chunk = self.connection.output();
            let count = chunk.len().min(10_000);
            if count == 0 {
                return String::from_utf8(received).unwrap();
            }
            received.extend_from_slice(&chunk[..count]);
            self.connection.sent(count, Timestamp::UNIX_EPOCH, &mut self.log);
        }
    }

    fn get(&mut self, target: &str) -> String {
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: web\r\n\r\n"))
    }
}

fn status(response: &str) -> &str {
    response.get(9..12).unwrap_or_default()
}

fn body(response: &str) -> &str {
    response.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[test]
fn a_request_should_be_answered_with_its_status_and_body() {
    let cases = [
        ("/", "200", Some("welcome")),
        ("/index.html?x=1", "200", Some("welcome")),
        ("/%EC%95%88%EB%85%95.txt", "200", Some("안녕하세요")),
        ("/docs/", "200", Some("docs")),
        ("/docs", "301", None),
        ("/empty/", "403", None),
        ("/missing", "404", None),
        ("/index.html/", "404", None),
        ("/../secret", "400", None),
        ("/%2e%2e/secret", "400", None),
    ];
    for (target, expected, text) in cases {
        let mut client = Client::new();
        let response = client.get(target);
        assert_eq!(status(&response), expected, "{target}: {response}");
        if let Some(text) = text {
            assert_eq!(body(&response), text, "{target}");
        }
    }
}

#[test]
fn one_connection_should_carry_many_requests_even_when_they_arrive_at_once() {
    let mut client = Client::new();
    let both = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /docs/ HTTP/1.1\r\nHost: a\r\n\r\n";
    let received = client.send(both);
    assert_eq!(received.matches("HTTP/1.1 200 OK").count(), 2);
    assert!(received.ends_with("docs"));
    assert!(client.connection.wants_input());
}

#[test]
fn a_request_in_pieces_should_be_answered_once_it_is_complete() {
    let mut client = Client::new();
    assert_eq!(client.send("GET / HT"), "");
    assert!(!client.connection.is_idle());
    assert_eq!(body(&client.send("TP/1.1\r\nHost: a\r\n\r\n")), "welcome");
}

#[test]
fn a_large_file_should_arrive_whole() {
    let response = Client::new().get("/large.bin");
    assert_eq!(body(&response).len(), 200_000);
}

#[test]
fn head_should_send_the_length_and_no_body() {
    let response = Client::new().send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(response.contains("\r\nContent-Length: 7\r\n"), "{response}");
    assert_eq!(body(&response), "");
}

#[test]
fn a_post_should_not_be_allowed_and_its_body_not_taken_for_a_request() {
    let mut client = Client::new();
    assert_eq!(client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234"), "");
    let response = client.send("56789GET /docs/ HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(status(&response), "405");
    assert!(response.ends_with("docs"), "{response}");
}

#[test]
fn a_known_copy_should_not_be_sent_again() {
    let mut client = Client::new();
    let response = client.get("/");
    let tag = response.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap().to_owned();
    let again = client.send(&format!("GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: {tag}\r\n\r\n"));
    assert_eq!((status(&again), body(&again)), ("304", ""));
}

#[test]
fn a_client_that_closes_should_get_its_answer_and_the_end() {
    let mut client = Client::new();
    let response = client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(response.contains("\r\nConnection: close\r\n"));
    assert!(client.connection.is_finished());
}

#[test]
fn draining_should_finish_the_running_request_and_close_idle_connections() {
    let mut idle = Client::new();
    idle.connection.drain();
    assert!(idle.connection.is_finished());

    let mut busy = Client::new();
    busy.send("GET / HTTP/1.1\r\n");
    busy.connection.drain();
    assert!(!busy.connection.is_finished());
    let response = busy.send("Host: a\r\n\r\n");
    assert!(response.contains("\r\nConnection: close\r\n"), "{response}");
    assert!(busy.connection.is_finished());
}

#[test]
fn a_silent_client_should_learn_that_its_request_timed_out() {
    let mut client = Client::new();
    client.send("GET / HTTP/1.1\r\n");
    client.connection.time_out(Timestamp::UNIX_EPOCH, &mut client.log);
    assert_eq!(status(&client.receive_all()), "408");
    assert!(client.connection.is_finished());
}

#[test]
fn the_logs_should_have_the_formats_of_the_nginx_image() {
    let mut client = Client::new();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: curl/8 \"x\"\r\n\r\n");
    client.get("/missing");
    assert_eq!(
        client.log.access[0],
        "10.244.1.7 - - [01/Jan/1970:00:00:00 +0000] \"GET / HTTP/1.1\" 200 7 \"-\" \"curl/8 \\x22x\\x22\" \"-\""
    );
    let error = &client.log.error[0];
    assert!(error.starts_with("1970/01/01 00:00:00 [error] 1#1: *1 open() \""), "{error}");
    assert!(
        error.contains("/html/missing\" failed (2: No such file or directory), client: 10.244.1.7"),
        "{error}"
    );
}
