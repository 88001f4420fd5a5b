//! A component that handles HTTP requests well or badly on demand, for the tests of the container runtime. The
//! path of a request is the command, its query the argument.

#![cfg(all(target_os = "wasi", target_env = "p2"))]
#![allow(unsafe_code, reason = "the macro that exports the handler expands to it")]

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingRequest, IncomingResponse, OutgoingBody, OutgoingRequest,
    OutgoingResponse, ResponseOutparam, Scheme,
};

wasip2::http::proxy::export!(Handler);

struct Handler;

/// Requests that this instance has seen.
static SEEN: AtomicUsize = AtomicUsize::new(0);

impl wasip2::exports::http::incoming_handler::Guest for Handler {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let text = match path {
            "/seen" => SEEN.fetch_add(1, Ordering::Relaxed).to_string().into_bytes(),
            "/env" => {
                std::env::vars().map(|(name, value)| format!("{name}={value}\n")).collect::<String>().into()
            }
            "/file" => std::fs::read(query).unwrap_or_else(|error| format!("{:?}", error.kind()).into()),
            "/print" => {
                println!("{query}");
                eprintln!("{query}");
                b"printed".into()
            }
            "/echo" => request.consume().map(|body| read(&body)).unwrap_or_default(),
            "/large" => vec![b'x'; query.parse().unwrap_or(0)],
            "/fetch" => fetch(query),
            "/sleep" => {
                std::thread::sleep(Duration::from_millis(query.parse().unwrap_or(0)));
                b"slept".into()
            }
            "/spin" => loop {
                std::hint::black_box(());
            },
            "/memory" => eat_memory(),
            "/panic" => panic!("on demand"),
            "/silent" => return,
            _ => b"hello".into(),
        };
        respond(answer, &text);
    }
}

fn respond(answer: ResponseOutparam, text: &[u8]) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().unwrap_or_else(|()| unreachable!("asked once"));
    ResponseOutparam::set(answer, Ok(response));
    if let Ok(mut stream) = body.write() {
        // A client that went away is none of a server's errors.
        let _ = Write::write_all(&mut stream, text).and_then(|()| Write::flush(&mut stream));
    }
    let _ = OutgoingBody::finish(body, None);
}

fn read(body: &IncomingBody) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(mut stream) = body.stream() {
        let _ = stream.read_to_end(&mut bytes);
    }
    bytes
}

fn eat_memory() -> Vec<u8> {
    let mut eaten = Vec::new();
    loop {
        eaten.resize(eaten.len() + (1 << 20), 1_u8);
        std::hint::black_box(&eaten);
    }
}

/// Asks another server, named as `SCHEME://HOST/PATH`, and says what came of it.
fn fetch(address: &str) -> Vec<u8> {
    match try_fetch(address) {
        Ok(response) => {
            let status = format!("{} ", response.status());
            let body = response.consume().map(|body| read(&body)).unwrap_or_default();
            [status.into_bytes(), body].concat()
        }
        Err(error) => format!("{error:?}").into_bytes(),
    }
}

fn try_fetch(address: &str) -> Result<IncomingResponse, ErrorCode> {
    let (scheme, rest) = address.split_once("://").unwrap_or(("http", address));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    let request = OutgoingRequest::new(Fields::new());
    let set = [
        request.set_scheme(Some(&scheme)),
        request.set_authority(Some(host)),
        request.set_path_with_query(Some(&format!("/{path}"))),
    ];
    if set.contains(&Err(())) {
        return Err(ErrorCode::HttpRequestUriInvalid);
    }
    let answer = outgoing_handler::handle(request, None)?;
    answer.subscribe().block();
    answer.get().and_then(Result::ok).unwrap_or(Err(ErrorCode::HttpResponseIncomplete))
}
