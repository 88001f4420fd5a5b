//! Requests a second.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use backend::network::PodNetwork;
use bytes::Bytes;
use futures::future::try_join_all;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use tests::figures::line;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::{Bench, plain};

/// Connections that are kept open, each with one request at a time.
const CONNECTIONS: usize = 16;
/// How often both sides take their turn, and how long one turn lasts.
const TURNS: u32 = 3;
const TURN: Duration = Duration::from_secs(2);

type Sender = SendRequest<Empty<Bytes>>;

pub(super) async fn report(bench: &Bench) -> Result<()> {
    let program = bench.push("testproxy").await?;
    bench.run("testproxy", "testproxy", &[], "node-1").await?;
    let service = bench.expose("testproxy").await?;
    let plain = plain::serve(&program).await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let node = node(bench).await?;
    let (mut through_service, mut without) = (Vec::new(), Vec::new());
    for _ in 0..CONNECTIONS {
        through_service.push(connect(node.dial(service).await?).await?);
        without.push(connect(TcpStream::connect(plain).await?).await?);
    }
    let (mut answered, mut answered_plain) = (0, 0);
    for _ in 0..TURNS {
        answered += turn(&mut through_service).await?;
        answered_plain += turn(&mut without).await?;
    }
    let seconds = (TURN * TURNS).as_secs_f64();
    line("HTTP requests a second through a Service", format!("{:.0}", answered as f64 / seconds));
    line("  the same component, plain, on a socket", format!("{:.0}", answered_plain as f64 / seconds));
    line("  through a Service, to plain", format!("{:.2}", answered as f64 / answered_plain as f64));
    Ok(())
}

/// The network as the control plane's node has it.
async fn node(bench: &Bench) -> Result<PodNetwork> {
    let node = Api::<Node>::all(bench.client.clone()).get(backend::cluster::CONTROL_PLANE).await?;
    let addresses = node.status.and_then(|status| status.addresses).unwrap_or_default();
    let address = addresses.into_iter().find(|address| address.type_ == "InternalIP");
    let ip = address.context("a node without an address")?.address.parse()?;
    bench.cluster.network.pod(ip).context("no such node")
}

async fn connect(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Sender> {
    let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(driver);
    Ok(sender)
}

/// Asks over all connections at once for one turn: how many answers came.
async fn turn(senders: &mut [Sender]) -> Result<usize> {
    let end = Instant::now() + TURN;
    let counts = senders.iter_mut().map(async |sender| {
        let mut count = 0;
        while Instant::now() < end {
            ask(sender).await?;
            count += 1;
        }
        anyhow::Ok(count)
    });
    Ok(try_join_all(counts).await?.into_iter().sum())
}

async fn ask(sender: &mut Sender) -> Result<()> {
    let request = http::Request::get("/").header("host", "web").body(Empty::new())?;
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    ensure!(response.status().is_success(), "{}", response.status());
    let body = response.into_body().collect().await?.to_bytes();
    ensure!(body == "hello", "{body:?}");
    Ok(())
}
