//! Connections and bulk.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result};
use kube::api::LogParams;
use tests::eventually::eventually;
use tests::figures::line;

use super::Bench;

const CONNECTIONS: u32 = 2000;
const MEGABYTES: u32 = 1024;
const CHUNK_BYTES: usize = 1 << 20;
const READ_BYTES: usize = 64 << 10;

pub(super) async fn report(bench: &Bench) -> Result<()> {
    bench.push("testguest").await?;
    report_connections(bench).await?;
    report_bulk(bench).await
}

async fn report_connections(bench: &Bench) -> Result<()> {
    bench.run("echo", "testguest", &["echo-server", "0.0.0.0:8080"], "node-1").await?;
    let service = bench.expose("echo").await?.to_string();
    listening(bench, "echo").await;
    bench
        .run("connects", "testguest", &["time-connects", &service, &CONNECTIONS.to_string()], "node-2")
        .await?;
    let through_service = figure(bench, "connects", " us").await;
    let loopback = tokio::task::spawn_blocking(connect_over_loopback).await??;
    line("connect and greeting through a Service", format!("{through_service:.0} us"));
    line("  between threads over loopback", format!("{loopback:.0} us"));
    line("  through a Service, to loopback", format!("{:.2}", through_service / loopback));
    Ok(())
}

async fn report_bulk(bench: &Bench) -> Result<()> {
    bench.run("sink", "testguest", &["sink-server", "0.0.0.0:8080"], "node-1").await?;
    let service = bench.expose("sink").await?.to_string();
    listening(bench, "sink").await;
    bench.run("send", "testguest", &["send", &service, &MEGABYTES.to_string()], "node-2").await?;
    let through_service = figure(bench, "sink", " MB/s").await;
    let loopback = tokio::task::spawn_blocking(send_over_loopback).await??;
    line("bulk through a Service", format!("{through_service:.0} MB/s"));
    line("  between threads over loopback", format!("{loopback:.0} MB/s"));
    line("  through a Service, to loopback", format!("{:.2}", through_service / loopback));
    Ok(())
}

async fn log(bench: &Bench, pod: &str) -> String {
    bench.pods.logs(pod, &LogParams::default()).await.unwrap_or_default()
}

async fn listening(bench: &Bench, pod: &str) {
    eventually("the server listens", async || {
        anyhow::ensure!(log(bench, pod).await.contains("listening"));
        Ok(())
    })
    .await;
}

/// The number before a unit on a line of its own, once the program of the pod has said it.
async fn figure(bench: &Bench, pod: &str, unit: &str) -> f64 {
    eventually(&format!("pod {pod} tells its figure"), async || {
        let log = log(bench, pod).await;
        let number = log.lines().find_map(|line| line.strip_suffix(unit));
        Ok(number.with_context(|| format!("no{unit} in {log:?}"))?.parse()?)
    })
    .await
}

/// What `testguest echo-server` and `testguest time-connects` do, in microseconds a connection.
fn connect_over_loopback() -> Result<f64> {
    let (listener, address) = listen()?;
    let server = thread::spawn(move || -> Result<()> {
        for _ in 0..CONNECTIONS {
            let (mut stream, peer) = listener.accept()?;
            writeln!(stream, "hello {}", peer.ip())?;
            // The client leaves as soon as it was greeted.
            let _ = stream.read(&mut [0; 1]);
        }
        Ok(())
    });
    let start = Instant::now();
    for _ in 0..CONNECTIONS {
        BufReader::new(TcpStream::connect(address)?).read_line(&mut String::new())?;
    }
    let time = start.elapsed().as_secs_f64() * 1e6 / f64::from(CONNECTIONS);
    server.join().map_err(|_| anyhow::anyhow!("the server failed"))??;
    Ok(time)
}

/// What `testguest sink-server` and `testguest send` do, in megabytes a second.
fn send_over_loopback() -> Result<f64> {
    let (listener, address) = listen()?;
    let client = thread::spawn(move || -> Result<()> {
        let mut stream = TcpStream::connect(address)?;
        let chunk = vec![7; CHUNK_BYTES];
        Ok((0..MEGABYTES).try_for_each(|_| stream.write_all(&chunk))?)
    });
    let (mut stream, _) = listener.accept()?;
    let (start, mut buffer) = (Instant::now(), vec![0; READ_BYTES]);
    while stream.read(&mut buffer)? > 0 {}
    let speed = f64::from(MEGABYTES) / start.elapsed().as_secs_f64();
    client.join().map_err(|_| anyhow::anyhow!("the client failed"))??;
    Ok(speed)
}

fn listen() -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
