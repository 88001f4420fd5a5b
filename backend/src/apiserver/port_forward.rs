//! `pods/portforward`: connections to ports of a pod, many at once over one connection of the client.
//!
//! Follows `pkg/cri/streaming/portforward/{websocket,httpstream}.go` of kubernetes/kubelet and
//! `pkg/util/proxy/streamtunnel.go` of kubernetes/apiserver; how a connection ends follows `portForward` in
//! `internal/cri/server/sandbox_portforward_linux.go` of containerd.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use bytes::BytesMut;
use k8s_openapi::api::core::v1::Pod;
use shared::apiserver::port_forward::{self, Asked, PROTOCOL, Pair, Pairs, StreamType, TUNNEL};
use shared::apiserver::remote_command::{self, Incoming};
use shared::apiserver::request_info::ResourcePath;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::kubelet::Kubelet;
use crate::network::Connection;

use super::budget::{Budget, PART_BYTES};
use super::connect::{self, Upgrade};
use super::query::Query;
use super::reply::Failure;
use super::resource::Asking;
use super::spdy::{self, Outgoing, Stream};
use super::wire::{self, Gone, Messages, Reader, Writer};

/// The most bytes of the pod that travel in one message.
const CHUNK_BYTES: usize = 32 * 1024;
/// How long the client's last bytes have once the pod is done.
const GRACE: Duration = Duration::from_secs(1);
/// How long a stream waits for the other one of its pair (`DefaultStreamCreationTimeout` in
/// `pkg/cri/streaming/remotecommand/constants.go` of kubernetes/kubelet).
const CREATION_LIMIT: Duration = Duration::from_secs(30);
/// How many messages of a port wait for the pod.
const QUEUED: usize = 8;

/// Whose ports are meant.
#[derive(Clone)]
struct Target {
    kubelet: Arc<Kubelet>,
    pod: Arc<Pod>,
}

/// GET or POST of `…/pods/NAME/portforward`.
pub(super) async fn handle(
    asking: &Asking<'_>,
    place: &ResourcePath<'_>,
    parts: Parts,
) -> Result<Response, Failure> {
    let verb = connect::verb(&parts.method)?;
    let pod = connect::pod(asking, place, place.name, verb).await?;
    let kubelet = connect::kubelet(asking.context, &pod)?;
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let upgrade = connect::upgrade(asking.context, parts).await?;
    if let Err(refused) = kubelet.pod_network(&pod) {
        return Ok(connect::refused(&refused));
    }
    let target = Target { kubelet, pod: Arc::new(pod) };
    match upgrade {
        Upgrade::Spdy { client, wanted } => {
            let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
            Ok(match connect::handshake(&wanted, &[PROTOCOL]) {
                Err(refused) => *refused,
                Ok(protocol) => {
                    connect::spawn_spdy(client, move |wire| streams(wire, target));
                    connect::switching_to_spdy(protocol)
                }
            })
        }
        Upgrade::WebSocket { mut upgrade, wanted } => {
            let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
            let tunnelled = port_forward::tunnelled(&wanted);
            if !tunnelled.is_empty() {
                return Ok(match connect::handshake(&tunnelled, &[PROTOCOL]) {
                    Err(refused) => *refused,
                    Ok(protocol) => {
                        connect::select_protocol(&mut upgrade, &format!("{TUNNEL}{protocol}"));
                        upgrade.on_upgrade(|socket| streams(wire::of_socket(socket), target))
                    }
                });
            }
            let ports = port_forward::ports(&query.all("ports"))?;
            let Some(protocol) = remote_command::choose(&wanted, remote_command::PORT_FORWARD) else {
                return Ok((StatusCode::FORBIDDEN, Body::empty()).into_response());
            };
            port_forward::fit(&ports, protocol)?;
            connect::select_protocol(&mut upgrade, protocol.name);
            Ok(upgrade.on_upgrade(move |socket| channels(wire::of_socket(socket), protocol, ports, target)))
        }
    }
}

impl Target {
    /// A connection to a port; the error is what the client is told.
    async fn dial(&self, port: u16) -> Result<Connection, String> {
        let connection = self.kubelet.port_forward(&self.pod, port).await;
        connection.map_err(|refused| refused.message.unwrap_or_default())
    }
}

/// Two streams for each connection, over SPDY.
async fn streams(wire: (Reader, Writer), target: Target) {
    let check: spdy::Check = |stream, headers| Asked::new(stream, headers).map(drop);
    spdy::serve(wire, check, async |mut streams: mpsc::Receiver<Stream>| {
        let mut pairs = Pairs::default();
        let mut connections = JoinSet::new();
        loop {
            let late = pairs.waiting().map(|lone: &Lone| lone.until).min();
            let opened = tokio::select! {
                opened = streams.recv() => opened,
                () = until(late) => {
                    expire(&mut pairs).await;
                    continue;
                }
            };
            let Some(mut stream) = opened else { return };
            while connections.try_join_next().is_some() {}
            let Ok(asked) = Asked::new(stream.id, &stream.headers) else { continue };
            if asked.kind == StreamType::Error {
                stream.ignore_incoming();
            }
            match pairs.add(asked, Lone { stream, until: Instant::now() + CREATION_LIMIT }) {
                Ok(None) => {}
                Ok(Some(pair)) => {
                    connections.spawn(forward_pair(target.clone(), pair));
                }
                Err((lone, why)) => {
                    tracing::debug!(why, "stream refused");
                    lone.stream.outgoing.reset().await;
                }
            }
        }
    })
    .await;
}

/// A stream without the other one of its pair.
struct Lone {
    stream: Stream,
    /// When it is given up.
    until: Instant,
}

/// Waits for a time, if there is one.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Gives up the streams that waited for too long.
async fn expire(pairs: &mut Pairs<Lone>) {
    let now = Instant::now();
    for (kind, Lone { stream, .. }) in pairs.expire(|lone| lone.until <= now) {
        match kind {
            StreamType::Error => {
                let _gone = stream.outgoing.send(b"timed out waiting for streams").await;
                stream.outgoing.finish().await;
            }
            StreamType::Data => stream.outgoing.reset().await,
        }
    }
}

async fn forward_pair(target: Target, pair: Pair<Lone>) {
    let Pair { port, data: Lone { stream: mut data, .. }, error: Lone { stream: error, .. } } = pair;
    let reset = data.reset.clone();
    let connected = async {
        match target.dial(port).await {
            Ok(connection) => {
                let way = Way::Stream(data.outgoing.clone());
                forward(connection, &mut data.incoming, &way).await;
            }
            Err(why) => {
                let _gone = error.outgoing.send(why.as_bytes()).await;
            }
        }
    };
    tokio::select! {
        () = connected => {}
        () = reset.cancelled() => {}
    }
    data.outgoing.finish().await;
    error.outgoing.finish().await;
}

/// Two channels for each port, over a WebSocket: one for bytes, one for what goes wrong. Each begins with its
/// port.
async fn channels(
    (mut reader, writer): (Reader, Writer),
    protocol: remote_command::Protocol,
    ports: Vec<u16>,
    target: Target,
) {
    let (messages, queued) = wire::queue();
    let budget = Budget::default();
    let talk = async {
        let mut connections = JoinSet::new();
        let mut ways_in = Vec::new();
        for (number, port) in (0_u8..).step_by(2).zip(ports) {
            let (incoming, received) = mpsc::channel(QUEUED);
            ways_in.push(incoming);
            let way = Channel { protocol, number, messages: messages.clone() };
            connections.spawn(forward_channel(target.clone(), port, received, way));
        }
        let read = async {
            while let Some(message) = reader.read().await {
                let Some(Incoming::Data(channel, bytes)) = protocol.decode(&message) else { continue };
                let way = ways_in.get(usize::from(channel / 2)).filter(|_| channel % 2 == 0);
                let Some(way) = way else { continue };
                for part in bytes.chunks(PART_BYTES) {
                    let Ok(room) = way.reserve().await else { break };
                    room.send(budget.copy(part).await);
                }
            }
        };
        tokio::select! {
            () = read => {}
            () = async { while connections.join_next().await.is_some() {} } => {}
            () = messages.closed() => {}
        }
        drop(messages);
    };
    tokio::join!(wire::write(writer, queued), talk);
    reader.drain().await;
}

async fn forward_channel(
    target: Target,
    port: u16,
    mut incoming: mpsc::Receiver<bytes::Bytes>,
    way: Channel,
) {
    let begun = async {
        way.send(way.number, &port.to_le_bytes()).await?;
        way.send(way.number + 1, &port.to_le_bytes()).await
    };
    if begun.await.is_err() {
        return;
    }
    match target.dial(port).await {
        Ok(connection) => forward(connection, &mut incoming, &Way::Channel(way)).await,
        Err(why) => {
            let _gone = way.send(way.number + 1, why.as_bytes()).await;
        }
    }
}

/// A pair of channels of a WebSocket.
struct Channel {
    protocol: remote_command::Protocol,
    number: u8,
    messages: Messages,
}

impl Channel {
    async fn send(&self, number: u8, bytes: &[u8]) -> Result<(), Gone> {
        self.messages.send(self.protocol.encode(number, bytes)).await.map_err(|_| Gone)
    }
}

/// The way of a connection's bytes to the client.
enum Way {
    Stream(Outgoing),
    Channel(Channel),
}

impl Way {
    async fn send(&self, bytes: &[u8]) -> Result<(), Gone> {
        match self {
            Way::Stream(stream) => stream.send(bytes).await,
            Way::Channel(channel) => channel.send(channel.number, bytes).await,
        }
    }
}

/// Copies bytes both ways until the pod is done. The client may end its half before.
async fn forward(connection: Connection, incoming: &mut mpsc::Receiver<bytes::Bytes>, way: &Way) {
    let (mut from_pod, mut to_pod) = tokio::io::split(connection);
    let up = async {
        while let Some(bytes) = incoming.recv().await {
            if to_pod.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _closed = to_pod.shutdown().await;
    };
    let down = async {
        let mut buffer = BytesMut::with_capacity(CHUNK_BYTES);
        while let Ok(1..) = from_pod.read_buf(&mut buffer).await {
            if way.send(&buffer).await.is_err() {
                return;
            }
            buffer.clear();
        }
        if let Way::Stream(stream) = way {
            stream.finish().await;
        }
    };
    tokio::pin!(up, down);
    tokio::select! {
        () = &mut down => drop(timeout(GRACE, up).await),
        () = &mut up => down.await,
    }
}
