//! Components that handle HTTP requests, as containers.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::network::PodNetwork;
use crate::runtime::testing::{Cluster, Started, component, handler};
use crate::runtime::{ExecSpec, ExitReason, Mount};

const PATIENCE: Duration = Duration::from_secs(20);

/// A request from a pod and what comes back: the status and the body.
async fn ask(from: &PodNetwork, path: &str, body: &'static [u8]) -> (u16, String) {
    let asked = async {
        let connection = from.dial(SocketAddr::from(([10, 244, 1, 2], 8080))).await.unwrap();
        let (mut sender, driver) = http1::handshake(TokioIo::new(connection)).await.unwrap();
        tokio::spawn(driver);
        let request =
            hyper::Request::post(path).header("host", "web").body(Full::new(Bytes::from_static(body)));
        let response = sender.send_request(request.unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap()
}

/// The handler in a pod of its own, serving, and a pod that asks.
async fn server(cluster: &Cluster) -> (Started, PodNetwork) {
    let (web, client) = (cluster.pod(2), cluster.pod(3));
    let container = cluster.start(cluster.spec("web", &web, "serve"));
    listening(&container, &client).await;
    (container, client)
}

async fn listening(container: &Started, client: &PodNetwork) {
    let listening = async {
        while client.dial(SocketAddr::from(([10, 244, 1, 2], 8080))).await.is_err() {
            assert!(!container.handle.is_ended(), "{:?}", container.handle.state());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, listening).await.unwrap();
}

#[tokio::test]
async fn a_component_should_answer_requests_and_be_used_again() {
    let cluster = Cluster::with(handler()).await;
    let (container, client) = server(&cluster).await;
    for expected in ["0", "1", "2"] {
        assert_eq!(ask(&client, "/seen", b"").await, (200, expected.to_owned()));
    }
    assert_eq!(ask(&client, "/echo", b"some text").await, (200, "some text".to_owned()));
    assert_eq!(ask(&client, "/large?3000000", b"").await.1.len(), 3_000_000);
    assert!(ask(&client, "/env", b"").await.1.contains("HOSTNAME=pod-2\n"));
    assert_eq!(ask(&client, "/print?a-word", b"").await, (200, "printed".to_owned()));
    assert_eq!(container.log().await, "a-word\na-word\n");
    assert!(container.handle.stats().memory_bytes > 0 && !container.handle.stats().cpu.is_zero());
}

#[tokio::test]
async fn a_component_should_see_its_containers_files() {
    let cluster = Cluster::with(handler()).await;
    let (web, client) = (cluster.pod(2), cluster.pod(3));
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("srv")).unwrap();
    std::fs::write(root.path().join("srv/page"), "welcome").unwrap();
    let mut spec = cluster.spec("web", &web, "serve");
    spec.process.mounts =
        vec![Mount { host_dir: root.path().into(), guest_path: "/".into(), read_only: true }];
    spec.process.working_dir = Some("/srv".into());
    let container = cluster.start(spec);
    listening(&container, &client).await;
    for (path, text) in
        [("/file?/srv/page", "welcome"), ("/file?page", "welcome"), ("/file?none", "NotFound")]
    {
        assert_eq!(ask(&client, path, b"").await, (200, text.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_request_that_goes_wrong_should_leave_the_server_running() {
    let cluster = Cluster::with(handler()).await;
    let (container, client) = server(&cluster).await;
    for path in ["/panic", "/silent"] {
        let (status, text) = ask(&client, path, b"").await;
        assert_eq!((status, text.as_str()), (500, "the handler gave no answer\n"), "{path}");
    }
    container.logged("kijabi: a request ended with exit code 134").await;
    // A client that has enough takes its endless request with it.
    for _ in 0..3 {
        let mut connection = client.dial(SocketAddr::from(([10, 244, 1, 2], 8080))).await.unwrap();
        connection.write_all(b"GET /spin HTTP/1.1\r\nhost: web\r\n\r\n").await.unwrap();
        assert_eq!(ask(&client, "/", b"").await, (200, "hello".to_owned()));
    }
    let mut before = container.handle.stats().cpu;
    let idle = async {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let now = container.handle.stats().cpu;
            if now - before < Duration::from_millis(50) {
                break;
            }
            before = now;
        }
    };
    tokio::time::timeout(PATIENCE, idle).await.expect("the endless requests still run");
    assert_eq!(ask(&client, "/", b"").await, (200, "hello".to_owned()));
}

#[tokio::test]
async fn a_request_beyond_the_memory_limit_should_end_the_container() {
    let cluster = Cluster::with(handler()).await;
    let (web, client) = (cluster.pod(2), cluster.pod(3));
    let mut spec = cluster.spec("web", &web, "serve");
    spec.memory_limit_bytes = Some(64 << 20);
    let container = cluster.start(spec);
    listening(&container, &client).await;
    let mut connection = client.dial(SocketAddr::from(([10, 244, 1, 2], 8080))).await.unwrap();
    connection.write_all(b"GET /memory HTTP/1.1\r\nhost: web\r\n\r\n").await.unwrap();
    let status = tokio::time::timeout(PATIENCE, container.handle.wait()).await.unwrap();
    assert_eq!((status.code, status.reason), (137, ExitReason::OomKilled));
    assert!(client.dial(SocketAddr::from(([10, 244, 1, 2], 8080))).await.is_err());
}

#[tokio::test]
async fn a_cpu_limit_should_hold_for_all_requests_together() {
    let cluster = Cluster::with(handler()).await;
    let (web, client) = (cluster.pod(2), cluster.pod(3));
    let mut spec = cluster.spec("web", &web, "serve");
    spec.cpu_limit_cores = Some(0.2);
    let container = cluster.start(spec);
    listening(&container, &client).await;
    let mut connections = Vec::new();
    for _ in 0..3 {
        let mut connection = client.dial(SocketAddr::from(([10, 244, 1, 2], 8080))).await.unwrap();
        connection.write_all(b"GET /spin HTTP/1.1\r\nhost: web\r\n\r\n").await.unwrap();
        connections.push(connection);
    }
    let (start, before) = (std::time::Instant::now(), container.handle.stats().cpu);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let cores = (container.handle.stats().cpu - before).as_secs_f64() / start.elapsed().as_secs_f64();
    assert!((0.1..0.3).contains(&cores), "used {cores} cores");
    assert_eq!(container.handle.kill(Duration::ZERO).await.code, 137);
}

#[tokio::test]
async fn a_server_should_finish_what_it_does_before_it_stops() {
    let cluster = Cluster::with(handler()).await;
    let (container, client) = server(&cluster).await;
    // Known before the stop: the head of its answer may still be under way.
    let slow = ask(&client, "/sleep?700", b"");
    let stop = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        container.handle.kill(PATIENCE).await
    };
    let (answer, status) = tokio::join!(slow, stop);
    assert_eq!(answer, (200, "slept".to_owned()));
    assert_eq!((status.code, status.reason), (0, ExitReason::Completed));
    assert!(client.dial(SocketAddr::from(([10, 244, 1, 2], 8080))).await.is_err());
}

#[tokio::test]
async fn a_server_should_be_killed_when_its_grace_is_over() {
    let cluster = Cluster::with(handler()).await;
    let (container, client) = server(&cluster).await;
    let mut connection = client.dial(SocketAddr::from(([10, 244, 1, 2], 8080))).await.unwrap();
    connection.write_all(b"GET /spin HTTP/1.1\r\nhost: web\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(container.handle.kill(Duration::from_millis(100)).await.code, 137);
    assert_eq!(connection.read(&mut [0; 16]).await.unwrap_or(0), 0);
    let before = container.handle.stats().cpu;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let after = container.handle.stats().cpu;
    assert!(after - before < Duration::from_millis(50), "its request still runs");
}

#[tokio::test]
async fn a_port_that_is_taken_should_be_said() {
    let cluster = Cluster::with(handler()).await;
    let (container, _) = server(&cluster).await;
    let pod = cluster.network.pod([10, 244, 1, 2].into()).unwrap();
    let status = cluster.start(cluster.spec("second", &pod, "serve")).handle.wait().await;
    assert_eq!((status.code, status.reason), (128, ExitReason::StartError));
    assert!(status.message.contains("listen tcp 0.0.0.0:8080: bind: address already in use"), "{status:?}");
    assert!(!container.handle.is_ended());
}

#[tokio::test]
async fn a_handler_should_not_run_as_a_command() {
    let cluster = Cluster::with(handler()).await;
    let (container, _) = server(&cluster).await;
    let spec = ExecSpec { stdin: false, ..cluster.exec_spec("print", false) };
    let failed = cluster.runtime.exec(&container.handle, spec).unwrap().status.await.unwrap_err();
    assert!(failed.contains("handles HTTP requests and cannot be run as a command"), "{failed}");
    let program = cluster.runtime.compile(component()).await.unwrap();
    let mut session = cluster
        .runtime
        .exec(&container.handle, ExecSpec { program, ..cluster.exec_spec("print in", false) })
        .unwrap();
    assert_eq!(session.stdout.as_mut().unwrap().recv().await.as_deref(), Some(&b"in\n"[..]));
}

#[tokio::test]
async fn requests_of_a_guest_should_go_by_the_pod_network_alone() {
    let cluster = Cluster::with(handler()).await;
    let (container, client) = server(&cluster).await;
    let host = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = host.local_addr().unwrap();
    let cases = [
        ("http://10.244.1.2:8080/".to_owned(), "200 hello"),
        ("http://pod-2:8080/env".to_owned(), "HOSTNAME=pod-2"),
        ("http://localhost:8080/".to_owned(), "200 hello"),
        ("http://10.244.1.3/".to_owned(), "ConnectionRefused"),
        ("http://10.244.9.9/".to_owned(), "DestinationIpUnroutable"),
        (format!("http://{host}/"), "ConnectionRefused"),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), "DestinationIpUnroutable"),
        ("http://nobody.example/".to_owned(), "Dns"),
        ("https://10.244.1.2:8080/".to_owned(), "carries http and no https"),
    ];
    for (address, expected) in cases {
        let (status, text) = ask(&client, &format!("/fetch?{address}"), b"").await;
        assert!(status == 200 && text.contains(expected), "{address}: {status} {text}");
    }
    assert!(!container.handle.is_ended());
}
