//! The pod proxy, with a pod whose server is written out here.

use std::net::{Ipv4Addr, SocketAddrV4};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::network::{PodIdentity, PodNetwork};

const POD_IP: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);
const PROXY: &str = "/api/v1/namespaces/default/pods/web/proxy";
const UPGRADE: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: chat\r\n";

/// A cluster with the pod `web`, and the pod's place in the network.
async fn front_with_pod() -> (Front, PodNetwork) {
    let front = front().await;
    let pod = r#"{"metadata": {"name": "web"}, "spec": {"containers": [{"name": "a", "image": "b"}]}}"#;
    let json = ("content-type", "application/json");
    let merge = ("content-type", "application/merge-patch+json");
    let status = format!(r#"{{"status": {{"podIP": "{POD_IP}"}}}}"#);
    let pods = "/api/v1/namespaces/default/pods";
    let (code, answer) = front.answer(request(&format!("POST {pods}"), &[json], pod)).await;
    assert_eq!(code, StatusCode::CREATED, "{answer}");
    let (code, answer) = front.answer(request(&format!("PATCH {pods}/web/status"), &[merge], status)).await;
    assert_eq!(code, StatusCode::OK, "{answer}");
    let network = front.network.add_pod(PodIdentity::default(), POD_IP).unwrap();
    (front, network)
}

/// Answers one connection to the pod's port 80 with `answer`, then repeats what it is told in capitals.
/// Returns the head of the request.
fn serve(network: &PodNetwork, answer: &'static str) -> tokio::task::JoinHandle<String> {
    let mut listener = network.listen(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 80)).unwrap();
    tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap();
        let head = head(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        let mut said = [0; 5];
        if stream.read_exact(&mut said).await.is_ok() {
            stream.write_all(&said.to_ascii_uppercase()).await.unwrap();
        }
        head
    })
}

async fn head(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

/// A connection of the administrator to the API server.
fn connected(front: &Front) -> DuplexStream {
    let (client, server) = tokio::io::duplex(4096);
    let caller = Caller::component(User::new("kubernetes-admin", &[MASTERS]), "test");
    let router = front.router.clone().layer(axum::Extension(caller));
    tokio::spawn(crate::apiserver::listen::serve(server, router, CancellationToken::new()));
    client
}

#[tokio::test]
async fn a_redirect_should_come_after_the_check_and_keep_the_query() {
    let (front, _pod) = front_with_pod().await;
    let missing = PROXY.replace("web", "none");
    let (code, _) = front.answer(request(&format!("GET {missing}?a=b"), &[], "")).await;
    assert_eq!(code, StatusCode::NOT_FOUND);
    let stranger = User::new("jane", &[]);
    let (code, _) = front.answer(request_of(stranger, &format!("GET {PROXY}?a=b"), &[], "")).await;
    assert_eq!(code, StatusCode::FORBIDDEN);
    let response = front.send(request(&format!("GET {PROXY}?a=b"), &[], "")).await;
    assert_eq!(response.status(), StatusCode::MOVED_PERMANENTLY);
    assert_eq!(response.headers()["location"], format!("{PROXY}/?a=b"));
    assert_eq!(front.last_event().response_status.code, 301);
}

#[tokio::test]
async fn an_upgrade_should_join_client_and_pod() {
    let (front, pod) = front_with_pod().await;
    let pod = serve(&pod, "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n");
    let mut client = connected(&front);
    let request = format!("GET {PROXY}/chat?room=1 HTTP/1.1\r\nHost: a\r\n{UPGRADE}\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let answer = head(&mut client).await;
    assert!(answer.starts_with("http/1.1 101 "), "{answer}");
    assert!(answer.contains("upgrade: chat\r\n") && answer.contains("connection: upgrade\r\n"), "{answer}");
    client.write_all(b"hello").await.unwrap();
    let mut said = [0; 5];
    client.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"HELLO");
    let asked = pod.await.unwrap();
    assert!(asked.starts_with("get /chat?room=1 http/1.1\r\n"), "{asked}");
    assert!(asked.contains("upgrade: chat\r\n") && asked.contains("connection: upgrade\r\n"), "{asked}");
    assert_eq!(client.read(&mut said).await.unwrap(), 0, "the end of one side is the end of both");
    assert_eq!(front.last_event().response_status.code, 101);
}

#[tokio::test]
async fn a_pod_that_does_not_upgrade_should_be_quoted() {
    let cases = [
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", 403, ""),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 500, "invalid upgrade response: status code 200"),
    ];
    for (answer, code, message) in cases {
        let (front, pod) = front_with_pod().await;
        serve(&pod, answer);
        let mut client = connected(&front);
        let request = format!("GET {PROXY}/chat HTTP/1.1\r\nHost: a\r\n{UPGRADE}\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        assert!(head(&mut client).await.starts_with(&format!("http/1.1 {code} ")), "{answer}");
        let recorded = front.last_event().response_status.clone();
        assert_eq!((recorded.code, recorded.message.unwrap_or_default().as_str()), (code, message));
    }
}
