//! `curl` against servers of the test's own: what it sends, prints and ends with.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};

use image_busybox::reactor::Reactor;
use image_busybox::shell::{Shell, Streams};
use image_busybox::stream::Stream;

struct Ran {
    stdout: String,
    stderr: String,
    code: u8,
}

/// Runs a command line in a folder.
fn run_in(folder: &std::path::Path, arguments: &[&str], stdin: &str) -> Ran {
    let reactor = Rc::new(Reactor::default());
    let (stdout, stderr) = (Rc::new(RefCell::default()), Rc::new(RefCell::default()));
    let mut streams = Streams::default();
    streams.set(0, Stream::text(stdin));
    streams.set(1, Stream::Memory(Rc::clone(&stdout)));
    streams.set(2, Stream::Memory(Rc::clone(&stderr)));
    let mut shell = Shell::new(Rc::clone(&reactor), streams, std::iter::empty());
    shell.further = crate::TOOLS;
    shell.directory = folder.to_path_buf();
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let code = image_busybox::run(&reactor, &mut shell, &arguments);
    let text = |bytes: &RefCell<Vec<u8>>| String::from_utf8(bytes.borrow().clone()).unwrap();
    Ran { stdout: text(&stdout), stderr: text(&stderr), code }
}

fn run(arguments: &[&str]) -> Ran {
    run_in(tempfile::tempdir().unwrap().path(), arguments, "")
}

/// A server that gives these answers in turn, on one connection as long as each says how long it is, and hands out
/// what it was asked.
fn server(answers: &'static [&'static str]) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let (send, asked) = channel();
    std::thread::spawn(move || {
        let mut open: Option<TcpStream> = None;
        for answer in answers {
            let mut stream = open.take().unwrap_or_else(|| listener.accept().unwrap().0);
            // A client that hung up comes back on a new connection.
            let text = request(&mut stream).unwrap_or_else(|| {
                stream = listener.accept().unwrap().0;
                request(&mut stream).unwrap()
            });
            let _ = send.send(text);
            stream.write_all(answer.as_bytes()).unwrap();
            open = Some(stream).filter(|_| answer.contains("Content-Length") || answer.contains("chunked"));
        }
    });
    (place, asked)
}

/// A request with its body; none if the client hangs up.
fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let is_whole = match length {
                Some(length) => body.len() >= length.parse().unwrap(),
                None => !head.contains("chunked") || body.ends_with("0\r\n\r\n"),
            };
            if is_whole {
                return Some(text);
            }
        }
        let count = stream.read(&mut buffer).unwrap();
        if count == 0 {
            return None;
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
}

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";

#[test]
fn a_page_should_be_printed() {
    let (place, asked) = server(&[HELLO]);
    let ran = run(&["curl", "-sS", &format!("http://{place}/a?b")]);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str(), ran.code), ("hello\n", "", 0));
    let asked = asked.recv().unwrap();
    assert!(
        asked.starts_with(&format!("GET /a?b HTTP/1.1\r\nHost: {place}\r\nUser-Agent: curl/")),
        "{asked}"
    );
    assert!(asked.ends_with("\r\nAccept: */*\r\n\r\n"), "{asked}");
}

/// What is sent behind the request's first line, in these arguments' words.
fn sent(arguments: &[&str], stdin: &str) -> String {
    let (place, asked) = server(&[HELLO]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), "a=1\nb=2\n").unwrap();
    let url = format!("http://{place}/");
    let ran = run_in(folder.path(), &[&["curl", "-s", &url], arguments].concat(), stdin);
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
    asked.recv().unwrap()
}

#[test]
fn data_should_be_sent_as_it_is_said() {
    let cases: &[(&[&str], &str, &str, &str)] = &[
        (&["-d", "a=1", "-d", "b=2"], "", "POST / ", "a=1&b=2"),
        (&["-d", "@data"], "", "POST / ", "a=1b=2"),
        (&["--data-binary", "@data"], "", "POST / ", "a=1\nb=2\n"),
        (&["--data-binary", "@-"], "from stdin", "POST / ", "from stdin"),
        (&["--data-raw", "@data"], "", "POST / ", "@data"),
        (&["--data-urlencode", "q=a b&c"], "", "POST / ", "q=a%20b%26c"),
        (&["-X", "PUT", "-d", "x"], "", "PUT / ", "x"),
        (&["-G", "-d", "a=1", "--data-urlencode", "b=2 3"], "", "GET /?a=1&b=2%203 ", ""),
        (&["-T", "data"], "", "PUT /data ", "a=1\nb=2\n"),
        (&["-T", "-"], "piped", "PUT / ", "5\r\npiped\r\n0\r\n\r\n"),
        (&["-H", "Transfer-Encoding: chunked", "-d", "abc"], "", "POST / ", "3\r\nabc\r\n0\r\n\r\n"),
        (&["-XDELETE"], "", "DELETE / ", ""),
    ];
    for (arguments, stdin, first, body) in cases {
        let text = sent(arguments, stdin);
        let (head, sent_body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(first), "{arguments:?}: {head}");
        assert_eq!(sent_body, *body, "{arguments:?}");
    }
    let form = sent(&["-F", "name=value", "-F", "file=@data"], "");
    assert!(
        form.contains("name=\"file\"; filename=\"data\"\r\nContent-Type: application/octet-stream"),
        "{form}"
    );
}

#[test]
fn headers_should_be_sent_as_they_are_said() {
    let cases: &[(&[&str], &str)] = &[
        (&["-H", "Host: shop.example"], "\r\nHost: shop.example\r\n"),
        (&["-H", "X-Empty;"], "\r\nX-Empty:\r\n"),
        (&["-u", "Aladdin:open sesame"], "\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"),
        (&["-A", "me"], "\r\nUser-Agent: me\r\n"),
        (&["-b", "a=1", "-b", "b=2"], "\r\nCookie: a=1; b=2\r\n"),
        (&["--json", "{}"], "\r\nContent-Type: application/json"),
        (&["-r", "0-4"], "\r\nRange: bytes=0-4\r\n"),
    ];
    for (arguments, expected) in cases {
        let text = sent(arguments, "");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
    let text = sent(&["-H", "Accept:", "-H", "user-agent: x"], "");
    assert!(!text.contains("Accept") && !text.contains("User-Agent"), "{text}");
}

#[test]
fn a_connection_should_serve_several_urls() {
    // The second answer comes only on the first connection.
    let (place, asked) = server(&[HELLO, HELLO]);
    let url = format!("http://{place}/");
    let ran = run(&["curl", "-s", "-w", "%{num_connects},", &url, &url]);
    assert_eq!((ran.stdout.as_str(), ran.code), ("hello\n1,hello\n0,", 0));
    assert_eq!(asked.iter().take(2).count(), 2);
}

#[test]
fn redirects_should_be_followed_when_asked() {
    const AWAY: &str = "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n";
    let (place, asked) = server(&[AWAY, HELLO]);
    let ran =
        run(&["curl", "-sL", "-d", "x", "-w", "%{num_redirects} %{http_code}", &format!("http://{place}")]);
    assert_eq!((ran.stdout.as_str(), ran.code), ("hello\n1 200", 0));
    let asked: Vec<String> = asked.iter().take(2).collect();
    assert!(asked[0].starts_with("POST / ") && asked[1].starts_with("GET /next "), "{asked:?}");
    let (place, _asked) = server(&[AWAY]);
    let ran = run(&["curl", "-s", "-w", "%{redirect_url}", &format!("http://{place}")]);
    assert_eq!(ran.stdout, format!("http://{place}/next"));
    let (place, _asked) = server(&[AWAY, AWAY, AWAY]);
    let ran = run(&["curl", "-sSL", "--max-redirs", "2", &format!("http://{place}")]);
    assert_eq!((ran.stderr.as_str(), ran.code), ("curl: (47) Maximum (2) redirects followed\n", 47));
}

#[test]
fn failures_should_have_curls_codes_and_words() {
    const MISSING: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\ngone\n";
    const SHORT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\nConnection: close\r\n\r\ngone\n";
    let cases: &[(&str, &[&str], &str, &str, u8)] = &[
        (MISSING, &[], "gone\n", "", 0),
        (MISSING, &["-f"], "", "curl: (22) The requested URL returned error: 404\n", 22),
        (MISSING, &["--fail-with-body"], "gone\n", "curl: (22) The requested URL returned error: 404\n", 22),
        ("", &[], "", "curl: (52) Empty reply from server\n", 52),
        ("+PONG\r\n", &[], "", "curl: (1) Received HTTP/0.9 when not allowed\n", 1),
    ];
    for (answer, arguments, stdout, stderr, code) in cases {
        let answers: &'static [&'static str] = Box::leak(Box::new([*answer]));
        let (place, _asked) = server(answers);
        let url = format!("http://{place}/");
        let ran = run(&[&["curl", "-sS", &url], *arguments].concat());
        assert_eq!(
            (ran.stdout.as_str(), ran.stderr.as_str(), ran.code),
            (*stdout, *stderr, *code),
            "{answer}"
        );
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let short = format!("http://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        request(&mut stream);
        stream.write_all(SHORT.as_bytes()).unwrap();
    });
    let ran = run(&["curl", "-sS", &short]);
    server.join().unwrap();
    assert_eq!(
        (ran.stderr.as_str(), ran.code),
        ("curl: (18) transfer closed with 45 bytes remaining to read\n", 18)
    );
}

#[test]
fn what_does_not_answer_should_be_said() {
    let ran = run(&["curl", "-sS", "http://no.such.host.invalid/"]);
    assert_eq!(
        (ran.stderr.as_str(), ran.code),
        ("curl: (6) Could not resolve host: no.such.host.invalid\n", 6)
    );
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = run(&["curl", "-sS", &format!("http://{closed}/")]);
    assert!(
        ran.stderr.starts_with(&format!("curl: (7) Failed to connect to 127.0.0.1 port {}", closed.port())),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.code, 7);
    // A listener that never accepts: the connection stands, and nothing comes.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let ran = run(&["curl", "-sS", "-m", "0.2", &format!("http://{}/", silent.local_addr().unwrap())]);
    assert!(ran.stderr.starts_with("curl: (28) Operation timed out after "), "{}", ran.stderr);
    assert_eq!(ran.code, 28);
    let ran = run(&["curl", "-s", "https://web/"]);
    assert_eq!((ran.stderr.as_str(), ran.code), ("", 1));
    let ran = run(&["curl", "-k", "-sS", "https://web/"]);
    assert!(ran.stderr.contains("there is no TLS in this program"), "{}", ran.stderr);
}

#[test]
fn attempts_should_be_repeated_when_asked() {
    const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    let (place, _asked) = server(&[BUSY, HELLO]);
    let ran = run(&["curl", "-fsS", "--retry", "2", "--retry-delay", "0.01", &format!("http://{place}")]);
    assert_eq!((ran.stdout.as_str(), ran.code), ("hello\n", 0), "{}", ran.stderr);
}

#[test]
fn responses_should_go_where_they_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (place, _asked) = server(&[HELLO, HELLO, HELLO]);
    let url = format!("http://{place}/page.txt");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let ran = run_in(folder.path(), &["curl", "-s", "-o", "a", &url, "-O", &url], "");
    assert_eq!((ran.stdout.as_str(), ran.code), ("", 0), "{}", ran.stderr);
    assert_eq!((read("a"), read("page.txt")), ("hello\n".to_owned(), "hello\n".to_owned()));
    let ran = run_in(folder.path(), &["curl", "-s", "-i", "-D", "head", &url], "");
    assert!(
        ran.stdout.starts_with("HTTP/1.1 200 OK\r\n") && ran.stdout.ends_with("\r\n\r\nhello\n"),
        "{}",
        ran.stdout
    );
    assert!(read("head").ends_with("Content-Length: 6\r\n\r\n"));
    let (place, asked) = server(&["HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"]);
    let ran = run(&["curl", "-sI", &format!("http://{place}")]);
    assert_eq!(ran.stdout, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
    assert!(asked.recv().unwrap().starts_with("HEAD / "));
}

#[test]
fn what_is_done_should_be_told_when_asked() {
    let (place, _asked) = server(&[HELLO]);
    let port = place.split(':').nth(1).unwrap();
    let ran =
        run(&["curl", "-sv", "--resolve", &format!("web:{port}:127.0.0.1"), &format!("http://web:{port}/")]);
    for line in [
        format!("*   Trying 127.0.0.1:{port}..."),
        format!("* Connected to web (127.0.0.1) port {port}"),
        "> GET / HTTP/1.1".to_owned(),
        format!("> Host: web:{port}"),
        "< HTTP/1.1 200 OK".to_owned(),
        "* Connection #0 to host web left intact".to_owned(),
    ] {
        assert!(ran.stderr.contains(&format!("{line}\n")), "{line}: {}", ran.stderr);
    }
}

#[test]
fn options_that_are_not_there_should_be_refused() {
    let cases = [
        (&["curl"][..], "curl: (2) no URL specified"),
        (&["curl", "--nonsense", "http://a"], "curl: option --nonsense: is unknown"),
        (
            &["curl", "-x", "http://p", "http://a"],
            "curl: option -x: is not supported here: this program calls servers itself",
        ),
        (&["curl", "http://a", "-d"], "curl: option -d: requires parameter"),
        (
            &["curl", "-m", "soon", "http://a"],
            "curl: option --max-time: expected a proper numerical parameter",
        ),
    ];
    for (arguments, expected) in cases {
        let ran = run(arguments);
        assert_eq!((ran.stderr.lines().next(), ran.code), (Some(expected), 2), "{arguments:?}");
    }
    assert!(run(&["curl", "--help"]).stdout.starts_with("Usage: curl [options...] <url>"));
}

#[test]
fn the_shell_should_call_it_and_end_it_in_time() {
    let (place, _asked) = server(&[HELLO]);
    let ran = run(&["sh", "-c", &format!("curl -s http://{place}/ | tr a-z A-Z; command -v curl")]);
    assert_eq!((ran.stdout.as_str(), ran.code), ("HELLO\n/bin/curl\n", 0), "{}", ran.stderr);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = silent.local_addr().unwrap();
    let ran = run(&["sh", "-c", &format!("timeout 0.2 curl -s http://{place}/; echo $?")]);
    assert_eq!(ran.stdout, "143\n");
}
