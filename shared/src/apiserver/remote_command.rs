//! The protocols of `exec` and `attach` over WebSockets: channels, subprotocols, the status at the end.
//!
//! Follows `pkg/httpstream/wsstream/conn.go` of kubernetes/streaming, `pkg/util/remotecommand/constants.go` of
//! kubernetes/apimachinery and `pkg/cri/streaming/remotecommand` of kubernetes/kubelet.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Status, StatusCause, StatusDetails};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::status;

/// What the program reads.
pub const STDIN: u8 = 0;
/// What it prints.
pub const STDOUT: u8 = 1;
/// What it prints as errors.
pub const STDERR: u8 = 2;
/// How it ended.
pub const ERROR: u8 = 3;
/// Sizes of the terminal.
pub const RESIZE: u8 = 4;
/// Ends the channel whose number follows, since version 5.
const CLOSE: u8 = 255;

/// The most bytes of sizes that are kept while one is not complete.
const MAX_SIZE_BYTES: usize = 1024;

/// A subprotocol: a version, and whether bytes travel as base64 in messages of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// The name that both sides say; empty where the client named none.
    pub name: &'static str,
    /// The version. Since 4 the end is told as a `Status`, since 5 the client can end its input.
    pub version: u8,
    /// Whether messages are text.
    pub base64: bool,
}

const fn protocol(name: &'static str, version: u8, base64: bool) -> Protocol {
    Protocol { name, version, base64 }
}

/// What a client gets that names no protocol.
const UNNAMED: Protocol = protocol("", 1, false);
/// What `exec` and `attach` speak over WebSockets.
pub const WEBSOCKET: &[Protocol] = &[
    protocol("v5.channel.k8s.io", 5, false),
    protocol("v4.channel.k8s.io", 4, false),
    protocol("v4.base64.channel.k8s.io", 4, true),
    protocol("channel.k8s.io", 1, false),
    protocol("base64.channel.k8s.io", 1, true),
];
/// What they speak over SPDY.
pub const SPDY: &[Protocol] = &[
    protocol("v5.channel.k8s.io", 5, false),
    protocol("v4.channel.k8s.io", 4, false),
    protocol("v3.channel.k8s.io", 3, false),
    protocol("v2.channel.k8s.io", 2, false),
    protocol("channel.k8s.io", 1, false),
];
/// What `portforward` speaks over WebSockets, two channels a port.
pub const PORT_FORWARD: &[Protocol] =
    &[protocol("v4.channel.k8s.io", 4, false), protocol("v4.base64.channel.k8s.io", 4, true)];

/// The first of the client's protocols that is served. A client that names none gets the oldest; `None` where
/// it names nothing but others.
pub fn choose(wanted: &[&str], served: &[Protocol]) -> Option<Protocol> {
    if wanted.is_empty() {
        return Some(UNNAMED);
    }
    wanted.iter().find_map(|name| served.iter().find(|protocol| protocol.name == *name)).copied()
}

/// A message of a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Bytes.
    Binary(Bytes),
    /// Text.
    Text(String),
}

/// What a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Bytes on a channel.
    Data(u8, Bytes),
    /// The end of a channel.
    Close(u8),
}

impl Protocol {
    /// How many channels it can name. As text a channel is the character so many places after `0`, and clients
    /// read one byte of it.
    pub fn channels(&self) -> usize {
        if self.base64 { usize::from(0x80 - b'0') } else { usize::from(CLOSE) }
    }

    /// What a message means; `None` where it means nothing.
    pub fn decode(&self, message: &[u8]) -> Option<Incoming> {
        let (channel, rest) = message.split_first()?;
        if self.base64 {
            let channel = channel.checked_sub(b'0')?;
            return Some(Incoming::Data(channel, STANDARD.decode(rest).ok()?.into()));
        }
        match (*channel, rest) {
            (CLOSE, [closed]) if self.version >= 5 => Some(Incoming::Close(*closed)),
            (CLOSE, _) if self.version >= 5 => None,
            (channel, rest) => Some(Incoming::Data(channel, Bytes::copy_from_slice(rest))),
        }
    }

    /// Bytes for a channel.
    pub fn encode(&self, channel: u8, bytes: &[u8]) -> Message {
        if self.base64 {
            // Beyond what it can name nobody would understand it, but nothing overflows.
            let named = b'0'.checked_add(channel).map_or(char::REPLACEMENT_CHARACTER, char::from);
            return Message::Text(format!("{named}{}", STANDARD.encode(bytes)));
        }
        let mut message = BytesMut::with_capacity(1 + bytes.len());
        message.put_u8(channel);
        message.put_slice(bytes);
        Message::Binary(message.freeze())
    }

    /// How an end is told on the error channel; nothing is told of a success before version 4.
    pub fn status(&self, status: &Status) -> Option<Bytes> {
        if self.version >= 4 {
            return Some(json(status));
        }
        let failed = status.status.as_deref() != Some("Success");
        failed.then(|| status.message.clone().unwrap_or_default().into())
    }
}

/// A `Status` as Go writes one that has no kind.
fn json(status: &Status) -> Bytes {
    let mut fields = Map::new();
    fields.insert("metadata".into(), json!({}));
    let texts = [("status", &status.status), ("message", &status.message), ("reason", &status.reason)];
    for (name, text) in texts {
        if let Some(text) = text.as_ref().filter(|text| !text.is_empty()) {
            fields.insert(name.into(), text.clone().into());
        }
    }
    if let Some(details) = &status.details {
        fields.insert("details".into(), serde_json::to_value(details).unwrap_or_default());
    }
    if let Some(code) = status.code {
        fields.insert("code".into(), code.into());
    }
    Value::Object(fields).to_string().into()
}

/// The program ended with 0, or the container that was attached to ended.
pub fn success() -> Status {
    Status { status: Some("Success".into()), ..Status::default() }
}

/// The program ended with another code; `why` is what it is told as.
pub fn non_zero_exit_code(code: i32, why: &str) -> Status {
    let cause = StatusCause {
        reason: Some("ExitCode".into()),
        message: Some(code.to_string()),
        ..StatusCause::default()
    };
    Status {
        status: Some("Failure".into()),
        reason: Some("NonZeroExitCode".into()),
        message: Some(format!("command terminated with non-zero exit code: {why}")),
        details: Some(StatusDetails { causes: Some(vec![cause]), ..StatusDetails::default() }),
        ..Status::default()
    }
}

/// The kubelet refused, after the client was already let in.
pub fn refused(why: &str) -> Status {
    status::internal(format!("unable to upgrade connection: {why}"))
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TerminalSize {
    /// Columns.
    #[serde(rename = "Width", alias = "width")]
    pub width: u16,
    /// Rows.
    #[serde(rename = "Height", alias = "height")]
    pub height: u16,
}

/// Takes sizes from JSON as it arrives. Once something else comes, it takes none any more.
#[derive(Default)]
pub struct SizeReader {
    buffer: Vec<u8>,
    failed: bool,
}

impl SizeReader {
    /// The last size that is complete with these bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Option<TerminalSize> {
        if self.failed {
            return None;
        }
        self.buffer.extend_from_slice(bytes);
        let mut sizes = serde_json::Deserializer::from_slice(&self.buffer).into_iter::<TerminalSize>();
        let mut last = None;
        let failed = loop {
            match sizes.next() {
                Some(Ok(size)) => last = Some(size),
                Some(Err(error)) => break !error.is_eof(),
                None => break false,
            }
        };
        let read = sizes.byte_offset();
        self.buffer.drain(..read.min(self.buffer.len()));
        self.failed = failed || self.buffer.len() > MAX_SIZE_BYTES;
        if self.failed {
            self.buffer = Vec::new();
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn protocol_should_be_the_clients_first_that_is_served() {
        let cases: [(&[&str], &[Protocol], Option<&str>); 7] = [
            (&["v5.channel.k8s.io"], WEBSOCKET, Some("v5.channel.k8s.io")),
            (&["v5.channel.k8s.io", "v4.channel.k8s.io"], PORT_FORWARD, Some("v4.channel.k8s.io")),
            (&["v4.base64.channel.k8s.io", "v4.channel.k8s.io"], WEBSOCKET, Some("v4.base64.channel.k8s.io")),
            (&["base64.channel.k8s.io"], WEBSOCKET, Some("base64.channel.k8s.io")),
            (&[], WEBSOCKET, Some("")),
            (&["v3.channel.k8s.io"], WEBSOCKET, None),
            (&["v3.channel.k8s.io"], SPDY, Some("v3.channel.k8s.io")),
        ];
        for (wanted, served, expected) in cases {
            assert_eq!(choose(wanted, served).map(|protocol| protocol.name), expected, "{wanted:?}");
        }
    }

    #[test]
    fn messages_should_name_their_channel() {
        let [v5, v4, text, ..] = WEBSOCKET else { panic!("no protocols") };
        let data = |channel, bytes: &'static [u8]| Some(Incoming::Data(channel, Bytes::from_static(bytes)));
        let cases: [(&Protocol, &[u8], Option<Incoming>); 11] = [
            (v5, b"\x00ls\n", data(0, b"ls\n")),
            (v5, b"\x00", data(0, b"")),
            (v5, b"\xff\x00", Some(Incoming::Close(0))),
            (v5, b"\xff", None),
            (v5, b"\xff\x00\x01", None),
            (v4, b"\xff\x00", data(255, b"\x00")),
            (v4, b"", None),
            (text, b"0bHMK", data(0, b"ls\n")),
            (text, b"0", data(0, b"")),
            (text, b"0not base64!", None),
            (text, b"\x01bHMK", None),
        ];
        for (protocol, message, expected) in cases {
            assert_eq!(protocol.decode(message), expected, "{protocol:?} {message:?}");
        }
        assert_eq!(v5.encode(STDOUT, b"hi"), Message::Binary(Bytes::from_static(b"\x01hi")));
        assert_eq!(text.encode(STDOUT, b"hi"), Message::Text("1aGk=".into()));
    }

    #[test]
    fn ends_should_be_told_as_each_version_knows_them() {
        let [v5, _, _, v1, _] = WEBSOCKET else { panic!("no protocols") };
        let code = non_zero_exit_code(3, "command terminated with exit code 3");
        let refused = refused("container not found (\"web\")");
        let cases = [
            (v5, success(), r#"{"metadata":{},"status":"Success"}"#),
            (v1, success(), ""),
            (
                v5,
                code.clone(),
                r#"{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: command terminated with exit code 3","reason":"NonZeroExitCode","details":{"causes":[{"message":"3","reason":"ExitCode"}]}}"#,
            ),
            (v1, code, "command terminated with non-zero exit code: command terminated with exit code 3"),
            (
                v1,
                refused,
                r#"Internal error occurred: unable to upgrade connection: container not found ("web")"#,
            ),
        ];
        for (protocol, status, expected) in cases {
            let told = protocol.status(&status).unwrap_or_default();
            assert_eq!(String::from_utf8_lossy(&told), expected);
        }
    }

    #[test]
    fn sizes_should_be_read_however_they_are_cut() {
        let size = |width, height| Some(TerminalSize { width, height });
        let mut reader = SizeReader::default();
        assert_eq!(reader.push(br#"{"Width":80,"Hei"#), None);
        assert_eq!(reader.push(br#"ght":24}{"Width":100,"Height":30}"#), size(100, 30));
        assert_eq!(reader.push(b"\n{\"width\":1,\"height\":2}\n"), size(1, 2));
        assert_eq!(reader.push(b"no size"), None);
        assert_eq!(
            reader.push(br#"{"Width":80,"Height":24}"#),
            None,
            "after what is no size nothing is read"
        );
    }

    proptest! {
        #[test]
        fn noise_should_never_make_a_protocol_panic(
            noise in proptest::collection::vec(any::<u8>(), 0..200), cut in 1_usize..20,
        ) {
            for protocol in WEBSOCKET {
                protocol.decode(&noise);
            }
            let mut reader = SizeReader::default();
            for part in noise.chunks(cut) {
                reader.push(part);
            }
        }

        #[test]
        fn what_is_encoded_should_be_decoded(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), channel in any::<u8>(),
        ) {
            for protocol in WEBSOCKET.iter().chain(PORT_FORWARD) {
                let message = match protocol.encode(channel, &bytes) {
                    Message::Binary(message) => message,
                    Message::Text(message) => message.into(),
                };
                let expected = Incoming::Data(channel, bytes.clone().into());
                if usize::from(channel) < protocol.channels() {
                    prop_assert_eq!(protocol.decode(&message), Some(expected));
                } else {
                    prop_assert_ne!(protocol.decode(&message), Some(Incoming::Data(STDIN, bytes.clone().into())));
                }
            }
        }
    }
}
