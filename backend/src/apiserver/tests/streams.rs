//! `exec`, `attach` and `portforward` as clients ask for them, with a pod whose server is written out here.

use std::net::{Ipv4Addr, SocketAddrV4};

use axum::http::HeaderMap;
use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use shared::apiserver::user::User;
use shared::client::Client;
use shared::spdy::{Deflater, Frame, FrameReader, Headers, data, syn_stream};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::images::{ImageService, RegistryOptions};
use crate::kubelet::{Components, Kubelet, NodeOptions};
use crate::network::{PodIdentity, PodNetwork};
use crate::runtime::{Runtime, RuntimeOptions};

const POD_IP: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);
const POD: &str = "/api/v1/namespaces/default/pods/web";

/// A cluster with a node, the pod `web` on it, and a pod that waits.
struct World {
    front: Front,
    pod: PodNetwork,
    _directory: TempDir,
}

async fn world() -> World {
    let front = front().await;
    let directory = tempfile::tempdir().unwrap();
    let address = Ipv4Addr::new(172, 18, 0, 3);
    front.nodes.add(Kubelet::new(NodeOptions {
        machine: crate::machine::describe("node-1", address, directory.path()),
        directory: directory.path().to_owned(),
        client: Client::new(front.server.clone(), User::node("node-1"), "kubelet"),
        clock: Arc::new(ClusterClock::default()),
        runtime: Runtime::new(RuntimeOptions::default()).unwrap(),
        images: Arc::new(
            ImageService::open(&directory.path().join("images"), RegistryOptions::default()).unwrap(),
        ),
        network: front.network.add_node("node-1", address).unwrap(),
        components: Arc::new(Components::default()),
        faults: Arc::default(),
    }));
    let json = ("content-type", "application/json");
    let pods = "POST /api/v1/namespaces/default/pods";
    let web = r#"{"metadata": {"name": "web"}, "spec": {"nodeName": "node-1", "containers": [{"name": "a", "image": "b"}]}}"#;
    let waiting = r#"{"metadata": {"name": "waiting"}, "spec": {"containers":
        [{"name": "a", "image": "b"}, {"name": "c", "image": "d"}]}}"#;
    for pod in [web, waiting] {
        let (code, answer) = front.answer(request(pods, &[json], pod)).await;
        assert_eq!(code, StatusCode::CREATED, "{answer}");
    }
    let merge = ("content-type", "application/merge-patch+json");
    let status = format!(r#"{{"status": {{"podIP": "{POD_IP}"}}}}"#);
    front.answer(request(&format!("PATCH {POD}/status"), &[merge], status)).await;
    let (_, web) = front.answer(request(&format!("GET {POD}"), &[], "")).await;
    let uid = web["metadata"]["uid"].as_str().unwrap().to_owned();
    let identity = PodIdentity { uid, node: "node-1".into(), ..PodIdentity::default() };
    let pod = front.network.add_pod(identity, POD_IP).unwrap();
    World { front, pod, _directory: directory }
}

/// Answers every connection to a port of the pod with what it says, in capitals, until it says no more.
fn serve(pod: &PodNetwork, port: u16) {
    let mut listener = pod.listen(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).unwrap();
    tokio::spawn(async move {
        while let Ok(mut stream) = listener.accept().await {
            let mut said = Vec::new();
            stream.read_to_end(&mut said).await.unwrap();
            stream.write_all(&said.to_ascii_uppercase()).await.unwrap();
        }
    });
}

fn connected(front: &Front) -> DuplexStream {
    let (client, server) = tokio::io::duplex(4096);
    let caller = Caller::component(User::new("kubernetes-admin", &[MASTERS]), "test");
    let router = front.router.clone().layer(axum::Extension(caller));
    tokio::spawn(crate::apiserver::listen::serve(server, router, CancellationToken::new()));
    client
}

/// Opens a WebSocket; the error is the answer's code and text.
async fn socket(
    front: &Front,
    path: &str,
    protocols: &str,
) -> Result<(WebSocketStream<DuplexStream>, HeaderMap), (u16, String)> {
    let key = tokio_tungstenite::tungstenite::handshake::client::generate_key();
    let mut request = Request::builder().uri(format!("ws://a{path}")).header("host", "a");
    let fields = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", &key),
        ("sec-websocket-protocol", protocols),
    ];
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(name, value);
    }
    match tokio_tungstenite::client_async(request.body(()).unwrap(), connected(front)).await {
        Ok((socket, answer)) => Ok((socket, answer.headers().clone())),
        Err(Error::Http(answer)) => {
            let code = answer.status().as_u16();
            Err((code, String::from_utf8_lossy(answer.body().as_deref().unwrap_or_default()).into_owned()))
        }
        Err(error) => panic!("{error}"),
    }
}

async fn message(socket: &mut WebSocketStream<DuplexStream>) -> Bytes {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Ping(_) => {}
            message => return message.into_data(),
        }
    }
}

#[tokio::test]
async fn streams_should_be_refused_in_upstreams_words() {
    let World { front, .. } = world().await;
    let waiting = POD.replace("web", "waiting");
    let cases = [
        (format!("GET {POD}/exec?command=ls&stdout=1"), 400, "Upgrade request required"),
        (format!("POST {POD}/attach?stdout=1"), 400, "Upgrade request required"),
        (format!("POST {POD}/portforward"), 400, "Upgrade request required"),
        (
            format!("PUT {POD}/exec?command=ls"),
            405,
            "the server does not allow this method on the requested resource",
        ),
        (format!("GET {POD}/exec?container=z"), 400, "container z is not valid for pod web"),
        (
            format!("GET {waiting}/exec?command=ls"),
            400,
            "a container name must be specified for pod waiting, choose one of: [a c]",
        ),
        (format!("GET {waiting}/attach?container=c"), 400, "pod waiting does not have a host assigned"),
        (format!("GET {waiting}/portforward"), 400, "pod waiting does not have a host assigned"),
        (format!("GET {}/exec", POD.replace("web", "none")), 404, "pods \"none\" not found"),
    ];
    for (line, code, why) in cases {
        let (found, answer) = front.answer(request(&line, &[], "")).await;
        assert_eq!((found.as_u16(), answer["message"].as_str()), (code, Some(why)), "{line}");
    }
    let upgrade = &[("connection", "upgrade"), ("upgrade", "chat")];
    let (code, answer) = front.answer(request(&format!("GET {POD}/exec"), upgrade, "")).await;
    assert_eq!(code, StatusCode::BAD_REQUEST, "{answer}");
}

#[tokio::test]
async fn whoever_may_not_should_be_told_of_the_subresource() {
    let World { front, .. } = world().await;
    let jane = User::new("jane", &[]);
    let (code, answer) = front.answer(request_of(jane, &format!("GET {POD}/exec"), &[], "")).await;
    let why = "pods \"web\" is forbidden: User \"jane\" cannot get resource \"pods/exec\" in API group \"\" in the \
               namespace \"default\"";
    assert_eq!((code.as_u16(), answer["message"].as_str()), (403, Some(why)));
}

#[tokio::test]
async fn command_in_a_container_that_does_not_run_should_be_refused_as_each_version_does() {
    let World { front, .. } = world().await;
    let path = format!("{POD}/exec?command=ls&stdout=1&stderr=1");
    let refused = socket(&front, &path, "v4.channel.k8s.io").await.err();
    assert_eq!(refused, Some((500, "container not found (\"a\")\n".into())));
    let (mut client, answer) = socket(&front, &path, "v5.channel.k8s.io").await.unwrap();
    assert_eq!(answer["sec-websocket-protocol"], "v5.channel.k8s.io");
    assert_eq!(front.last_event().response_status.code, 101);
    assert_eq!(front.last_event().stage, "ResponseStarted");
    assert_eq!(message(&mut client).await, Bytes::from_static(b"\x01"));
    let told = message(&mut client).await;
    let status: Value = serde_json::from_slice(&told[1..]).unwrap();
    assert_eq!((told[0], &status["status"]), (3, &Value::from("Failure")));
    let why = "Internal error occurred: unable to upgrade connection: container not found (\"a\")";
    assert_eq!(status["message"], why);
    let Message::Close(Some(close)) = client.next().await.unwrap().unwrap() else { panic!("no close") };
    assert_eq!(u16::from(close.code), 1000);
}

#[tokio::test]
async fn websocket_without_a_protocol_that_is_served_should_be_forbidden() {
    let World { front, .. } = world().await;
    let cases = [
        (format!("{POD}/exec?command=ls&stdout=1"), "v9.channel.k8s.io", 403),
        (format!("{POD}/exec?command=ls"), "v5.channel.k8s.io", 400),
        (format!("{POD}/portforward?ports=80"), "v5.channel.k8s.io", 403),
        (format!("{POD}/portforward"), "v4.channel.k8s.io", 400),
        (format!("{POD}/portforward"), "SPDY/3.1+v9.portforward.k8s.io", 403),
    ];
    for (path, protocol, code) in cases {
        let refused = socket(&front, &path, protocol).await.err();
        assert_eq!(refused.map(|(code, _)| code), Some(code), "{path}");
    }
}

#[tokio::test]
async fn channels_should_carry_the_bytes_of_their_port() {
    let World { front, pod, .. } = world().await;
    let mut listener = pod.listen(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 80)).unwrap();
    let path = format!("{POD}/portforward?ports=80,81");
    let (mut client, answer) = socket(&front, &path, "v5.channel.k8s.io, v4.channel.k8s.io").await.unwrap();
    assert_eq!(answer["sec-websocket-protocol"], "v4.channel.k8s.io");
    let mut server = listener.accept().await.unwrap();
    client.send(Message::binary(b"\x00hello".as_slice())).await.unwrap();
    let mut said = [0; 5];
    server.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"hello");
    server.write_all(b"bye").await.unwrap();
    drop(server);
    let mut found = [const { Vec::new() }; 4];
    while let Some(Ok(message)) = client.next().await {
        if let Message::Binary(bytes) = message {
            found[usize::from(bytes[0])].extend_from_slice(&bytes[1..]);
        }
    }
    let [bytes, errors, nothing, refused] = found;
    assert_eq!((bytes.as_slice(), errors.as_slice()), (b"\x50\x00bye".as_slice(), b"\x50\x00".as_slice()));
    assert_eq!(nothing, b"\x51\x00");
    let refused = String::from_utf8(refused[2..].to_vec()).unwrap();
    assert!(refused.contains("failed to connect to localhost:81 inside namespace"), "{refused}");
}

/// A client of SPDY, over whatever carries its bytes.
#[derive(Default)]
struct Spdy {
    deflater: Deflater,
    frames: FrameReader,
}

impl Spdy {
    fn open(&mut self, stream: u32, port: &str, kind: &str, request: &str) -> Bytes {
        let headers = Headers::new(&[("port", port), ("streamtype", kind), ("requestid", request)]);
        syn_stream(&mut self.deflater, stream, &headers, kind == "error")
    }

    /// What a client sends that says `text` to a port.
    fn exchange(&mut self, first: u32, port: &str, request: &str, text: &[u8]) -> Vec<u8> {
        let frames = [
            self.open(first, port, "error", request),
            self.open(first + 2, port, "data", request),
            data(first + 2, text, false),
            data(first + 2, b"", true),
        ];
        frames.concat()
    }

    /// Takes what the server sent; returns the bytes of a stream, and whether it ended.
    fn take(&mut self, bytes: &[u8], stream: u32) -> (Vec<u8>, bool) {
        self.frames.push(bytes);
        let (mut found, mut ended) = (Vec::new(), false);
        while let Some(frame) = self.frames.next_frame().unwrap() {
            if let Frame::Data { stream: own, fin, bytes } = frame
                && own == stream
            {
                found.extend_from_slice(&bytes);
                ended |= fin;
            }
        }
        (found, ended)
    }
}

#[tokio::test]
async fn spdy_in_a_websocket_should_carry_connections_as_kubectl_does() {
    let World { front, pod, .. } = world().await;
    serve(&pod, 80);
    let (mut client, answer) =
        socket(&front, &format!("{POD}/portforward"), "SPDY/3.1+portforward.k8s.io").await.unwrap();
    assert_eq!(answer["sec-websocket-protocol"], "SPDY/3.1+portforward.k8s.io");
    let mut spdy = Spdy::default();
    for (request, first) in [("0", 1), ("1", 5)] {
        let sent = spdy.exchange(first, "80", request, b"hello");
        client.send(Message::binary(sent)).await.unwrap();
        let (mut found, mut ended) = (Vec::new(), false);
        while !ended {
            let (more, end) = spdy.take(&message(&mut client).await, first + 2);
            found.extend(more);
            ended = end;
        }
        assert_eq!(found, b"HELLO");
    }
    client.send(Message::binary(spdy.exchange(9, "8080", "2", b""))).await.unwrap();
    let (mut told, mut ended) = (Vec::new(), false);
    while !ended {
        let (more, end) = spdy.take(&message(&mut client).await, 9);
        told.extend(more);
        ended = end;
    }
    let told = String::from_utf8(told).unwrap();
    assert!(told.starts_with("error forwarding port 8080 to pod "), "{told}");
}

#[tokio::test]
async fn spdy_alone_should_carry_connections_as_older_clients_do() {
    let World { front, pod, .. } = world().await;
    serve(&pod, 80);
    let mut client = connected(&front);
    let ask = |protocol: &str| {
        format!(
            "POST {POD}/portforward HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\
             X-Stream-Protocol-Version: {protocol}\r\nContent-Length: 0\r\n\r\n"
        )
    };
    client.write_all(ask("portforward.k8s.io").as_bytes()).await.unwrap();
    let head = head(&mut client).await;
    assert!(head.starts_with("http/1.1 101 ") && head.contains("upgrade: spdy/3.1\r\n"), "{head}");
    assert!(head.contains("x-stream-protocol-version: portforward.k8s.io\r\n"), "{head}");
    let mut spdy = Spdy::default();
    client.write_all(&spdy.exchange(1, "80", "", b"hello")).await.unwrap();
    let (mut found, mut ended) = (Vec::new(), false);
    while !ended {
        let mut bytes = vec![0; 512];
        let read = client.read(&mut bytes).await.unwrap();
        assert_ne!(read, 0);
        let (more, end) = spdy.take(&bytes[..read], 3);
        found.extend(more);
        ended = end;
    }
    assert_eq!(found, b"HELLO");
    let mut other = connected(&front);
    other.write_all(ask("v9.portforward.k8s.io").as_bytes()).await.unwrap();
    let refused = self::head(&mut other).await;
    assert!(refused.starts_with("http/1.1 403 "), "{refused}");
    assert!(refused.contains("x-accepted-stream-protocol-versions: portforward.k8s.io\r\n"), "{refused}");
}

async fn head(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_lowercase()
}
