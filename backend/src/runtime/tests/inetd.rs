//! Programs that know no network, served as inetd does it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::network::{Connection, PodNetwork};
use crate::runtime::testing::{Cluster, Started, component, handler, module};
use crate::runtime::{ContainerSpec, ExitReason};

const PATIENCE: Duration = Duration::from_secs(20);

fn spec(cluster: &Cluster, pod: &PodNetwork) -> ContainerSpec {
    let mut spec = cluster.spec("inetd", pod, "answer");
    spec.serve.inetd_port = Some(80);
    spec
}

async fn dial(from: &PodNetwork) -> Connection {
    let dialled = async {
        loop {
            match from.dial(SocketAddr::from(([10, 244, 1, 2], 80))).await {
                Ok(connection) => break connection,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, dialled).await.unwrap()
}

async fn ask(from: &PodNetwork, path: &str) -> String {
    let mut connection = dial(from).await;
    connection.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
    let mut text = String::new();
    tokio::time::timeout(PATIENCE, connection.read_to_string(&mut text)).await.unwrap().unwrap();
    text
}

async fn start(wasm: bytes::Bytes) -> (Cluster, Started, PodNetwork) {
    let cluster = Cluster::with(wasm).await;
    let (web, client) = (cluster.pod(2), cluster.pod(3));
    let container = cluster.start(spec(&cluster, &web));
    (cluster, container, client)
}

#[tokio::test]
async fn each_connection_should_have_a_program_of_its_own() {
    for wasm in [module(), component()] {
        let (_cluster, container, client) = start(wasm).await;
        // Whoever says nothing holds up nobody.
        let silent = dial(&client).await;
        for _ in 0..3 {
            assert_eq!(ask(&client, "/page").await, "HTTP/1.0 200 OK\r\n\r\nhello 10.244.1.3\n");
        }
        drop(silent);
        container.logged("GET /page HTTP/1.0\n").await;
        assert!(!container.log().await.contains("HTTP/1.0 200"), "what it answers is no log");
        assert_eq!(ask(&client, "/exit").await, "");
        container.logged("ended with exit code 3\n").await;
        assert!(!container.handle.is_ended());
        let stopped = tokio::time::timeout(PATIENCE, container.handle.kill(PATIENCE)).await.unwrap();
        assert_eq!((stopped.code, stopped.reason), (0, ExitReason::Completed));
        assert!(client.dial(SocketAddr::from(([10, 244, 1, 2], 80))).await.is_err());
    }
}

#[tokio::test]
async fn connections_should_count_to_their_containers_limits() {
    let cluster = Cluster::with(module()).await;
    let (web, client) = (cluster.pod(2), cluster.pod(3));
    let mut spec = spec(&cluster, &web);
    spec.memory_limit_bytes = Some(64 << 20);
    let container = cluster.start(spec);
    let mut connection = dial(&client).await;
    connection.write_all(b"GET /memory HTTP/1.0\r\n\r\n").await.unwrap();
    let status = tokio::time::timeout(PATIENCE, container.handle.wait()).await.unwrap();
    assert_eq!((status.code, status.reason), (137, ExitReason::OomKilled));
}

#[tokio::test]
async fn a_busy_connection_should_end_with_its_container() {
    let (_cluster, container, client) = start(module()).await;
    let mut connection = dial(&client).await;
    connection.write_all(b"GET /spin HTTP/1.0\r\n\r\n").await.unwrap();
    container.logged("/spin").await;
    assert_eq!(container.handle.kill(Duration::from_millis(50)).await.code, 137);
    connection.read_to_end(&mut Vec::new()).await.ok();
    let before = container.handle.stats().cpu;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(container.handle.stats().cpu - before < Duration::from_millis(50), "it still runs");
}

#[tokio::test]
async fn more_connections_than_programs_may_run_should_wait_for_their_turn() {
    let (_cluster, _container, client) = start(module()).await;
    let mut waiting = Vec::new();
    for _ in 0..100 {
        waiting.push(dial(&client).await);
    }
    for connection in &mut waiting {
        connection.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    }
    for mut connection in waiting {
        let mut text = String::new();
        let read = tokio::time::timeout(PATIENCE, connection.read_to_string(&mut text)).await;
        read.unwrap().unwrap();
        assert!(text.ends_with("hello 10.244.1.3\n"), "{text}");
    }
}

#[tokio::test]
async fn a_handler_of_requests_should_not_be_started_once_a_connection() {
    let cluster = Cluster::with(handler()).await;
    let pod = cluster.pod(2);
    let status = cluster.start(spec(&cluster, &pod)).handle.wait().await;
    assert_eq!((status.code, status.reason), (128, ExitReason::StartError));
    assert!(status.message.contains("inetd mode"), "{}", status.message);
}
