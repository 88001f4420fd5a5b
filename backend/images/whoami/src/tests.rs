use image_server::Service as _;

use super::*;

fn service() -> Service {
    let mut service = Service::new(Identity {
        name: "me".to_owned(),
        hostname: "who-1".to_owned(),
        addresses: vec!["127.0.0.1".to_owned(), "10.244.0.5".to_owned()],
        environment: vec![("A".to_owned(), "b".to_owned())],
        health: 200,
    });
    service.connect(1, SocketAddr::from(([10, 244, 0, 9], 40000)));
    service
}

fn send(service: &mut Service, text: &str) -> String {
    service.receive(1, text.as_bytes());
    let mut got = Vec::new();
    loop {
        let bytes = service.output(1).to_vec();
        if bytes.is_empty() {
            return String::from_utf8(got).unwrap();
        }
        service.sent(1, bytes.len());
        got.extend(bytes);
    }
}

#[test]
fn a_request_should_be_told_in_the_format_of_whoami() {
    let answer =
        send(&mut service(), "GET /a?b=c HTTP/1.1\r\nHost: who\r\nx-b: 2\r\nUser-Agent: test\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    assert_eq!(
        body,
        "Name: me\nHostname: who-1\nIP: 127.0.0.1\nIP: 10.244.0.5\nRemoteAddr: 10.244.0.9:40000\n\
         GET /a?b=c HTTP/1.1\r\nHost: who\r\nUser-Agent: test\r\nX-B: 2\r\n\r\n"
    );
}

#[test]
fn other_paths_should_answer_as_whoami_does() {
    let mut service = service();
    let api = send(&mut service, "GET /api?env=true HTTP/1.1\r\nHost: who\r\n\r\n");
    let object: serde_json::Value = serde_json::from_str(api.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(object["hostname"], "who-1");
    assert_eq!(object["ip"][1], "10.244.0.5");
    assert_eq!((&object["url"], &object["environ"]["A"]), (&"/api?env=true".into(), &"b".into()));
    let data = send(&mut service, "GET /data?size=100&unit=KB HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(data.split_once("\r\n\r\n").unwrap().1.len(), 100 << 10);
    assert!(send(&mut service, "GET /bench HTTP/1.1\r\nHost: a\r\n\r\n").ends_with("\r\n\r\n1"));
    let set = "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
    assert_eq!(send(&mut service, set), "", "the body is waited for");
    assert!(send(&mut service, "503").starts_with("HTTP/1.1 200 "));
    assert!(send(&mut service, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 503 "));
}

#[test]
fn options_should_come_from_flags_and_variables() {
    let none = |_: &str| None;
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let serve = |port, name: &str| Command::Serve(Options { port, name: name.to_owned() });
    let cases = [("", serve(80, "")), ("--port 8080 -name=a", serve(8080, "a")), ("-port=81", serve(81, ""))];
    for (line, expected) in cases {
        assert_eq!(Options::parse(&words(line), none), expected, "{line}");
    }
    let variable = |name: &str| (name == "WHOAMI_PORT_NUMBER").then(|| "8000".to_owned());
    assert_eq!(Options::parse(&[], variable), serve(8000, ""));
    for (line, code) in [("--port x", 1), ("--nonsense", 2), ("--cert a", 2), ("--port", 2), ("--help", 0)] {
        assert!(
            matches!(Options::parse(&words(line), none), Command::Print(_, found) if found == code),
            "{line}"
        );
    }
}
