//! CoreDNS: watches Namespaces, Services and EndpointSlices, and answers for them on port 53 of its pod. What it
//! answers is decided in `shared::dns`.
//!
//! Follows CoreDNS with kubeadm's Corefile (`cmd/kubeadm/app/phases/addons/dns/manifests.go` of
//! kubernetes/kubernetes): the plugins `errors`, `health`, `ready`, `kubernetes` and `loadbalance`. Of other names it
//! knows those alone that containers may reach (`--allow-outbound`), by way of this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Response, StatusCode};
use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use shared::apiserver::request::ListOptions;
use shared::client::Client;
use shared::dns::PORT;
use shared::dns::message::Transport;
use shared::dns::server::serve;
use shared::dns::zone::Zone;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc};

use crate::component_log::ComponentLog;
use crate::network::{BindError, Connection, DatagramPort, Listener, Outbound, PodNetwork};
use crate::pump::{Tasks, Told, inform};
use crate::small_http;

/// Where `/health` is.
pub(crate) const HEALTH_PORT: u16 = 8080;
/// Where `/ready` is.
pub(crate) const READY_PORT: u16 = 8181;
/// How many clients are served at once; the others wait.
const MOST_CLIENTS: usize = 1000;
/// How many of them may be one pod's, so that none keeps the others out.
const MOST_OF_ONE: usize = 50;
/// How often names beyond the cluster are looked up anew.
const REFRESH: Duration = Duration::from_secs(30);
/// How long a client may be silent.
const IDLE_LIMIT: Duration = Duration::from_secs(10);

/// What the tasks of the server share.
#[derive(Clone)]
struct Server {
    zone: Arc<RwLock<Zone>>,
    log: ComponentLog,
}

/// Serves until the task is dropped, or its pod's network is gone.
pub(crate) async fn run(
    client: Client,
    network: PodNetwork,
    log: ComponentLog,
    outbound: Option<Arc<Outbound>>,
) {
    if let Err(error) = run_on(client, &network, log.clone(), outbound).await {
        log.error(&format!("cannot serve at {}: {error}", network.ip()));
    }
}

async fn run_on(
    client: Client,
    network: &PodNetwork,
    log: ComponentLog,
    outbound: Option<Arc<Outbound>>,
) -> Result<(), BindError> {
    let (inputs, mut received) = mpsc::unbounded_channel();
    let mut tasks = Tasks::default();
    let everything = ListOptions::default;
    let of = |kind: &'static str| move |told| (kind, told);
    tasks.spawn(inform::<Namespace, _>(client.clone(), everything(), inputs.clone(), of("Namespace")));
    tasks.spawn(inform::<Service, _>(client.clone(), everything(), inputs.clone(), of("Service")));
    tasks.spawn(inform::<EndpointSlice, _>(client.clone(), everything(), inputs, of("EndpointSlice")));
    let server = Server { zone: Arc::new(RwLock::new(Zone::new(network.ip()))), log };
    tasks.spawn(serve_status(listen(network, HEALTH_PORT)?, "/health"));
    if let Some(outbound) = outbound {
        tasks.spawn(look_beyond(server.clone(), outbound));
    }
    let mut unread = BTreeSet::from(["Namespace", "Service", "EndpointSlice"]);
    loop {
        tokio::select! {
            told = received.recv() => match told {
                Some((_, Told::Changed(change, object))) => {
                    let now = client.server().clock().now();
                    let serial = u32::try_from(now.as_second()).unwrap_or_default();
                    let mut zone = server.zone.write().unwrap_or_else(PoisonError::into_inner);
                    zone.apply(change, &object, serial);
                }
                Some((kind, Told::Synced)) => {
                    if unread.remove(kind) && unread.is_empty() {
                        server.log.info(&format!(".:{PORT}"));
                        tasks.spawn(serve_names(listen(network, PORT)?, server.clone()));
                        let datagrams = network.bind_datagrams(any(PORT))?;
                        tasks.spawn(serve_datagrams(datagrams, server.clone()));
                        tasks.spawn(serve_status(listen(network, READY_PORT)?, "/ready"));
                    }
                }
                None => return Ok(()),
            },
            never = tasks.watch() => match never {},
        }
    }
}

/// Keeps the names up to date that containers may reach beyond the cluster.
async fn look_beyond(server: Server, outbound: Arc<Outbound>) {
    loop {
        let names = outbound.resolve().await;
        server.zone.write().unwrap_or_else(PoisonError::into_inner).set_beyond(names);
        tokio::time::sleep(REFRESH).await;
    }
}

fn listen(network: &PodNetwork, port: u16) -> Result<Listener, BindError> {
    network.listen(any(port))
}

fn any(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)
}

/// Answers questions that fit into datagrams.
async fn serve_datagrams(mut port: DatagramPort, server: Server) {
    while let Some(question) = port.receive().await {
        let peer = question.from.into();
        if let Some(answer) = server.answer(&question.data, peer, Transport::Udp)
            && let Err(error) = port.send(peer, &answer.into())
        {
            tracing::debug!(%peer, %error, "an answer of the DNS found nobody");
        }
    }
}

/// Answers questions over streams.
async fn serve_names(mut listener: Listener, server: Server) {
    let places = Arc::new(Semaphore::new(MOST_CLIENTS));
    let guests = Guests::default();
    let mut clients = Tasks::default();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let connection = tokio::select! {
            connection = listener.accept() => connection,
            never = clients.watch() => match never {},
        };
        let Ok(connection) = connection else { return };
        // Who has too many already finds the door shut.
        let Some(guest) = guests.admit(connection.peer_address().ip()) else { continue };
        let server = server.clone();
        clients.spawn(async move {
            // A client that goes away or is silent is no matter for anybody else.
            let _ = server.serve_client(connection).await;
            drop((place, guest));
        });
    }
}

/// How many connections each address has.
#[derive(Clone, Default)]
struct Guests {
    counts: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

/// One connection of an address, until it is dropped.
struct Guest {
    address: IpAddr,
    guests: Guests,
}

impl Guests {
    /// Lets a connection in, unless its address has as many as it may.
    fn admit(&self, address: IpAddr) -> Option<Guest> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= MOST_OF_ONE {
            return None;
        }
        *count += 1;
        Some(Guest { address, guests: self.clone() })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut counts = self.guests.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

impl Server {
    /// Answers a client's questions, one after the other.
    async fn serve_client(&self, mut client: Connection) -> std::io::Result<()> {
        loop {
            let request = tokio::time::timeout(IDLE_LIMIT, read_message(&mut client)).await??;
            let Some(bytes) = self.answer(&request, client.peer_address(), Transport::Tcp) else {
                return Ok(());
            };
            let length = u16::try_from(bytes.len()).map_err(std::io::Error::other)?;
            let message = [&length.to_be_bytes()[..], &bytes].concat();
            tokio::time::timeout(IDLE_LIMIT, client.write_all(&message)).await??;
        }
    }

    fn answer(&self, request: &[u8], peer: SocketAddr, transport: Transport) -> Option<Vec<u8>> {
        let served = {
            let zone = self.zone.read().unwrap_or_else(PoisonError::into_inner);
            serve(&zone, request, transport)?
        };
        if let Some(note) = served.note {
            self.log.info(&format!("{peer} - {note}"));
        }
        Some(served.bytes)
    }
}

async fn read_message(client: &mut Connection) -> std::io::Result<Vec<u8>> {
    let length = client.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    client.read_exact(&mut message).await?;
    Ok(message)
}

/// Says over HTTP that the server lives, or is ready, by being there at all.
async fn serve_status(listener: Listener, path: &'static str) {
    small_http::serve(listener, move |request| status(request.uri().path() == path)).await;
}

fn status(is_it: bool) -> Response<Full<Bytes>> {
    let body = if is_it { "OK" } else { "404 page not found\n" };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = if is_it { StatusCode::OK } else { StatusCode::NOT_FOUND };
    response
}

#[cfg(test)]
mod tests;
