//! Streams to pods as kube-rs asks for them: WebSockets with a channel for each stream.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{AttachParams, PostParams};
use tests::eventually::LIMIT;
use tests::objects::{in_phase, pod};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::world;

async fn read(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut text = String::new();
    timeout(LIMIT, stream.read_to_string(&mut text)).await.unwrap().unwrap();
    text
}

#[tokio::test]
async fn a_command_should_have_its_streams_and_its_exit_code() {
    let (server, client) = world("exec").await;
    let pods = Api::<Pod>::namespaced(client, "exec");
    pods.create(&PostParams::default(), &pod("box", "busybox", Some("sleep 3600"))).await.unwrap();
    in_phase(&pods, "box", "Running").await;
    let page = Api::<Pod>::namespaced(server.page_client().unwrap(), "exec");
    for (pods, whose) in [(pods, "the API's"), (page, "the page's")] {
        let command = ["sh", "-c", "cat; echo two >&2; exit 3"];
        let parameters = AttachParams::default().stdin(true);
        let mut process = pods.exec("box", command, &parameters).await.unwrap();
        let (mut stdin, mut stdout, mut stderr) =
            (process.stdin().unwrap(), process.stdout().unwrap(), process.stderr().unwrap());
        let status = process.take_status().unwrap();
        stdin.write_all(b"one\n").await.unwrap();
        stdin.shutdown().await.unwrap();
        drop(stdin);
        assert_eq!((read(&mut stdout).await, read(&mut stderr).await), ("one\n".into(), "two\n".into()));
        let status = timeout(LIMIT, status).await.unwrap().unwrap();
        assert_eq!(status.reason.as_deref(), Some("NonZeroExitCode"), "{whose} door: {status:?}");
        let cause = &status.details.unwrap().causes.unwrap()[0];
        assert_eq!((cause.reason.as_deref(), cause.message.as_deref()), (Some("ExitCode"), Some("3")));
    }
}

#[tokio::test]
async fn a_port_should_be_forwarded() {
    let (_server, client) = world("forward").await;
    let pods = Api::<Pod>::namespaced(client, "forward");
    pods.create(&PostParams::default(), &pod("web", "nginx", None)).await.unwrap();
    in_phase(&pods, "web", "Running").await;
    let mut forwarder = pods.portforward("web", &[80, 81]).await.unwrap();
    let mut stream = forwarder.take_stream(80).unwrap();
    let refused = forwarder.take_error(81).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let page = read(&mut stream).await;
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("</html>"), "{page}");
    let why = timeout(LIMIT, refused).await.unwrap().unwrap();
    assert!(why.contains("failed to connect to localhost:81 inside namespace"), "{why}");
}
