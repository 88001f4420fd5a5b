//! The protocols of `portforward`: which ports are meant, and which streams belong together.
//!
//! Follows `pkg/cri/streaming/portforward/{websocket,httpstream}.go` of kubernetes/kubelet and
//! `pkg/util/portforward/constants.go` of kubernetes/apimachinery.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;

use crate::api::status;
use crate::apiserver::remote_command::Protocol;
use crate::spdy::Headers;

/// The one protocol of port forwarding over SPDY.
pub const PROTOCOL: &str = "portforward.k8s.io";
/// What stands before it where SPDY travels in a WebSocket.
pub const TUNNEL: &str = "SPDY/3.1+";
/// What ends the names of protocols that may travel so.
const KUBERNETES: &str = ".k8s.io";

/// The most ports of one WebSocket: each has two channels, whose numbers are bytes.
const MAX_PORTS: usize = 127;
/// The most halves of a pair that wait for the other.
const MAX_WAITING: usize = 256;

/// The protocols that a client would speak over SPDY in a WebSocket, in its order.
pub fn tunnelled<'a>(subprotocols: &[&'a str]) -> Vec<&'a str> {
    let names = subprotocols.iter().filter_map(|name| name.strip_prefix(TUNNEL));
    names.filter(|name| name.ends_with(KUBERNETES)).collect()
}

/// The ports in the query of a WebSocket without SPDY.
///
/// # Errors
/// 400 where there are none, or one is no port.
pub fn ports(values: &[&str]) -> Result<Vec<u16>, Box<Status>> {
    let bad = |why: String| Box::new(status::bad_request(why));
    let mut ports = Vec::new();
    for text in values.iter().flat_map(|value| value.split(',')) {
        match port(text).map_err(|why| bad(format!("cannot convert to []int32: {why}")))? {
            0 => return Err(bad(format!("port {text:?} must be > 0"))),
            port => ports.push(port),
        }
    }
    match ports.len() {
        0 => Err(bad("query parameter \"port\" is required".into())),
        1..=MAX_PORTS => Ok(ports),
        _ => Err(bad(format!("at most {MAX_PORTS} ports can be forwarded at once"))),
    }
}

/// Whether a protocol has a channel for the bytes and one for the errors of each port.
///
/// # Errors
/// 400 where it has fewer.
pub fn fit(ports: &[u16], protocol: Protocol) -> Result<(), Box<Status>> {
    let most = protocol.channels() / 2;
    if ports.len() <= most {
        return Ok(());
    }
    let why = format!("at most {most} ports can be forwarded at once with {}", protocol.name);
    Err(Box::new(status::bad_request(why)))
}

/// As Go's `ParseUint` of 16 bits.
fn port(text: &str) -> Result<u16, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let why = if digits { "value out of range" } else { "invalid syntax" };
    let number = if digits { text.parse().ok() } else { None };
    number.ok_or_else(|| format!("strconv.ParseUint: parsing {text:?}: {why}"))
}

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamType {
    /// It carries the bytes.
    Data,
    /// It says what went wrong.
    Error,
}

/// A stream as its headers describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The port of the pod.
    pub port: u16,
    /// What it is for.
    pub kind: StreamType,
    /// What the two streams of a connection have in common.
    pub request: String,
}

impl Asked {
    /// What the headers of a stream ask for.
    ///
    /// # Errors
    /// Why the stream is refused.
    pub fn new(stream: u32, headers: &Headers) -> Result<Asked, String> {
        let required = |name: &str| match headers.get(name) {
            "" => Err(format!("{name:?} header is required")),
            value => Ok(value.to_owned()),
        };
        let text = required("port")?;
        let port = match port(&text) {
            Err(why) => return Err(format!("unable to parse {text:?} as a port: {why}")),
            Ok(0) => return Err(format!("port {text:?} must be > 0")),
            Ok(port) => port,
        };
        let kind = match required("streamType")?.as_str() {
            "data" => StreamType::Data,
            "error" => StreamType::Error,
            other => return Err(format!("invalid stream type {other:?}")),
        };
        let request = match headers.get("requestID") {
            "" => guessed(stream, kind),
            named => named.to_owned(),
        };
        Ok(Asked { port, kind, request })
    }
}

/// Clients of old number no requests; their stream for data follows the one for errors.
fn guessed(stream: u32, kind: StreamType) -> String {
    match kind {
        StreamType::Error => stream.to_string(),
        StreamType::Data => stream.wrapping_sub(2).to_string(),
    }
}

/// The two streams of a connection.
#[derive(Debug, PartialEq, Eq)]
pub struct Pair<S> {
    /// The port of the pod.
    pub port: u16,
    /// It carries the bytes.
    pub data: S,
    /// It says what went wrong.
    pub error: S,
}

/// Streams that wait for the other one of their pair.
#[derive(Debug)]
pub struct Pairs<S> {
    waiting: BTreeMap<String, (StreamType, S)>,
}

impl<S> Default for Pairs<S> {
    fn default() -> Pairs<S> {
        Pairs { waiting: BTreeMap::new() }
    }
}

impl<S> Pairs<S> {
    /// Adds a stream, and takes out the pair that it completes.
    ///
    /// # Errors
    /// The stream that was there twice, or one too many, and why it is not taken.
    pub fn add(&mut self, asked: Asked, stream: S) -> Result<Option<Pair<S>>, (S, String)> {
        let Asked { port, kind, request } = asked;
        match (self.waiting.remove(&request), kind) {
            (None, _) if self.waiting.len() >= MAX_WAITING => {
                Err((stream, "too many streams wait for the other one of their pair".into()))
            }
            (None, _) => {
                self.waiting.insert(request, (kind, stream));
                Ok(None)
            }
            (Some((StreamType::Error, error)), StreamType::Data) => {
                Ok(Some(Pair { port, data: stream, error }))
            }
            (Some((StreamType::Data, data)), StreamType::Error) => {
                Ok(Some(Pair { port, data, error: stream }))
            }
            (Some((own, first)), _) => {
                let name = if own == StreamType::Data { "data" } else { "error" };
                let why =
                    format!("error processing stream for request {request}: {name} stream already assigned");
                self.waiting.insert(request, (own, first));
                Err((stream, why))
            }
        }
    }

    /// The streams that wait.
    pub fn waiting(&self) -> impl Iterator<Item = &S> {
        self.waiting.values().map(|(_, stream)| stream)
    }

    /// Takes out the streams that waited for too long.
    pub fn expire(&mut self, late: impl Fn(&S) -> bool) -> Vec<(StreamType, S)> {
        let waiting = std::mem::take(&mut self.waiting);
        let (gone, kept): (BTreeMap<_, _>, _) =
            waiting.into_iter().partition(|(_, (_, stream))| late(stream));
        self.waiting = kept;
        gone.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::remote_command;

    #[test]
    fn ports_should_be_numbers_above_zero() {
        assert_eq!(ports(&["80,443", "8080"]).unwrap(), [80, 443, 8080]);
        let many = vec!["1"; 128];
        let cases: [(&[&str], &str); 6] = [
            (&[], "query parameter \"port\" is required"),
            (&["0"], "port \"0\" must be > 0"),
            (&["http"], "cannot convert to []int32: strconv.ParseUint: parsing \"http\": invalid syntax"),
            (&["80,"], "cannot convert to []int32: strconv.ParseUint: parsing \"\": invalid syntax"),
            (
                &["70000"],
                "cannot convert to []int32: strconv.ParseUint: parsing \"70000\": value out of range",
            ),
            (&many, "at most 127 ports can be forwarded at once"),
        ];
        for (values, expected) in cases {
            assert_eq!(ports(values).unwrap_err().message.as_deref(), Some(expected));
        }
    }

    #[test]
    fn tunnelled_protocols_should_be_those_of_kubernetes() {
        let named = ["v4.channel.k8s.io", "SPDY/3.1+portforward.k8s.io", "SPDY/3.1+other"];
        assert_eq!(tunnelled(&named), ["portforward.k8s.io"]);
    }

    #[test]
    fn stream_should_name_its_port_and_its_type() {
        let read = |fields: &[(&str, &str)]| Asked::new(7, &Headers::new(fields));
        let whole = read(&[("port", "80"), ("streamType", "data"), ("requestID", "4")]).unwrap();
        assert_eq!(whole, Asked { port: 80, kind: StreamType::Data, request: "4".into() });
        assert_eq!(read(&[("port", "80"), ("streamtype", "data")]).unwrap().request, "5");
        assert_eq!(read(&[("port", "80"), ("streamtype", "error")]).unwrap().request, "7");
        let cases: [(&[(&str, &str)], &str); 5] = [
            (&[("streamType", "data")], "\"port\" header is required"),
            (
                &[("port", "x")],
                "unable to parse \"x\" as a port: strconv.ParseUint: parsing \"x\": invalid syntax",
            ),
            (&[("port", "0")], "port \"0\" must be > 0"),
            (&[("port", "80")], "\"streamType\" header is required"),
            (&[("port", "80"), ("streamType", "stdin")], "invalid stream type \"stdin\""),
        ];
        for (fields, expected) in cases {
            assert_eq!(read(fields), Err(expected.to_owned()));
        }
    }

    #[test]
    fn pair_should_be_complete_with_both_streams_of_a_request() {
        let asked = |kind, request: &str| Asked { port: 80, kind, request: request.into() };
        let mut pairs = Pairs::default();
        assert_eq!(pairs.add(asked(StreamType::Error, "0"), 1), Ok(None));
        assert_eq!(pairs.add(asked(StreamType::Data, "1"), 3), Ok(None));
        let twice = "error processing stream for request 0: error stream already assigned";
        assert_eq!(pairs.add(asked(StreamType::Error, "0"), 5), Err((5, twice.into())));
        let first = Pair { port: 80, data: 7, error: 1 };
        assert_eq!(pairs.add(asked(StreamType::Data, "0"), 7), Ok(Some(first)));
        let second = Pair { port: 80, data: 3, error: 9 };
        assert_eq!(pairs.add(asked(StreamType::Error, "1"), 9), Ok(Some(second)));
    }

    #[test]
    fn lone_streams_should_be_given_up_when_they_are_late() {
        let mut pairs = Pairs::default();
        for (number, kind) in [(1, StreamType::Error), (3, StreamType::Data), (5, StreamType::Error)] {
            let asked = Asked { port: 80, kind, request: number.to_string() };
            assert_eq!(pairs.add(asked, number), Ok(None));
        }
        assert_eq!(pairs.expire(|number| *number < 5), [(StreamType::Error, 1), (StreamType::Data, 3)]);
        assert_eq!(pairs.waiting().collect::<Vec<_>>(), [&5]);
    }

    #[test]
    fn ports_should_fit_the_channels_that_a_protocol_can_name() {
        let [binary, text] = remote_command::PORT_FORWARD else { panic!("no protocols") };
        for (protocol, most) in [(*binary, 127), (*text, 40)] {
            assert_eq!(fit(&vec![80; most], protocol), Ok(()));
            let refused = fit(&vec![80; most + 1], protocol).unwrap_err();
            assert_eq!(refused.code, Some(400));
        }
    }

    #[test]
    fn lone_streams_should_not_wait_without_end() {
        let mut pairs = Pairs::default();
        let taken = (0..1000).filter(|number: &u32| {
            let asked = Asked { port: 80, kind: StreamType::Data, request: number.to_string() };
            pairs.add(asked, *number).is_ok()
        });
        assert_eq!(taken.count(), MAX_WAITING);
    }
}
