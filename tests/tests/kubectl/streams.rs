//! `kubectl exec`, `attach`, `cp` and `port-forward`, also as older versions of it speak.

use tests::Kubectl;
use tests::eventually::LIMIT;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{status, world};

/// kubectl as it is, and as it was before it spoke through WebSockets.
fn both(kubectl: Kubectl) -> [Kubectl; 2] {
    let old = kubectl
        .clone()
        .with("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", "false")
        .with("KUBECTL_PORT_FORWARD_WEBSOCKETS", "false");
    [kubectl, old]
}

#[tokio::test]
async fn a_command_should_have_its_streams_and_its_exit_code() {
    let (_server, kubectl) = world("exec").await;
    kubectl.ok("run p --image=busybox --restart=Never -- sleep 3600").await;
    status(&kubectl, "p", "Running").await;
    for kubectl in both(kubectl) {
        let ran = kubectl.run("exec p -- sh -c 'echo one; echo two >&2; exit 3'").await;
        assert_eq!((ran.stdout.as_str(), ran.code), ("one\n", Some(3)), "{ran:?}");
        assert_eq!(ran.stderr, "two\ncommand terminated with exit code 3\n");
        let fed = kubectl.run_with("exec -i p -- sh -c 'cat; echo end'", "hello\n").await;
        assert_eq!((fed.stdout.as_str(), fed.code), ("hello\nend\n", Some(0)), "{fed:?}");
        let missing = kubectl.run("exec p -- nothing").await;
        let sentence = r#"exec: "nothing": executable file not found in $PATH"#;
        assert!(missing.code == Some(1) && missing.stderr.contains(sentence), "{missing:?}");
        let large = kubectl.run("exec p -- sh -c 'seq 100000 | tail -n 100000'").await;
        assert_eq!((large.stdout.lines().count(), large.code), (100_000, Some(0)));
    }
}

#[tokio::test]
async fn a_command_in_a_container_that_is_not_there_should_be_refused() {
    let (_server, kubectl) = world("no-exec").await;
    kubectl.ok("run p --image=busybox --restart=Never -- true").await;
    status(&kubectl, "p", "Completed").await;
    kubectl.ok("run q --image=busybox --restart=Never -- sleep 3600").await;
    status(&kubectl, "q", "Running").await;
    let other = kubectl.run("exec q -c other -- ls").await;
    assert!(other.stderr.contains("container other is not valid for pod q"), "{other:?}");
    let ended = kubectl.run("exec p -- ls").await;
    let sentence = "cannot exec into a container in a completed pod; current phase is Succeeded";
    assert!(ended.code == Some(1) && ended.stderr.contains(sentence), "{ended:?}");
}

#[tokio::test]
async fn a_shell_should_be_talked_to_in_a_terminal() {
    let (_server, kubectl) = world("terminal").await;
    kubectl.ok("run p --image=busybox --restart=Never -- sleep 3600").await;
    status(&kubectl, "p", "Running").await;
    for kubectl in both(kubectl) {
        let ran = kubectl.run_in_terminal("exec -it p -- sh", "echo $((6*7))\nexit 5\n").await;
        assert!(ran.stdout.contains("42") && ran.code == Some(5), "{ran:?}");
    }
}

#[tokio::test]
async fn a_running_pod_should_be_looked_into_by_another_container() {
    let (_server, kubectl) = world("debug").await;
    kubectl.ok("run web --image=nginx").await;
    status(&kubectl, "web", "Running").await;
    let ran = kubectl
        .run_in_terminal("debug -it web --image=busybox -c look -- sh", "wget -q -O - localhost\nexit\n");
    let ran = ran.await;
    assert!(ran.stdout.contains("<h1>"), "{ran:?}");
    kubectl.ok("debug web --image=busybox -c again -- echo seen").await;
    kubectl.follow("logs -f web -c again").until("its word", |line| line == "seen").await;
    let state = "{.status.ephemeralContainerStatuses[?(@.name==\"again\")].state.terminated.reason}";
    kubectl.ok(&format!("wait pod/web --timeout=60s --for=jsonpath='{state}'=Completed")).await;
    status(&kubectl, "web", "Running").await;
}

#[tokio::test]
async fn a_running_program_should_be_attached_to() {
    let (_server, kubectl) = world("attach").await;
    kubectl.ok("run p --image=busybox --restart=Never -- sh -c 'while sleep 1; do echo tick; done'").await;
    status(&kubectl, "p", "Running").await;
    for kubectl in both(kubectl) {
        kubectl.follow("attach p").until("tick", |line| line == "tick").await;
    }
}

#[tokio::test]
async fn files_should_be_copied_both_ways() {
    let (server, kubectl) = world("copy").await;
    kubectl.ok("run p --image=busybox --restart=Never -- sleep 3600").await;
    status(&kubectl, "p", "Running").await;
    let folder = server.folder().join("copied");
    std::fs::create_dir_all(folder.join("out/deep")).unwrap();
    let text: String = (0..20_000).map(|number| format!("{number}\n")).collect();
    std::fs::write(folder.join("out/deep/numbers"), &text).unwrap();
    let place = folder.display();
    kubectl.ok(&format!("cp {place}/out p:/tmp/in")).await;
    assert_eq!(kubectl.ok("exec p -- sh -c 'wc -l </tmp/in/deep/numbers'").await.trim(), "20000");
    kubectl.ok(&format!("cp p:/tmp/in {place}/back")).await;
    assert_eq!(std::fs::read_to_string(folder.join("back/deep/numbers")).unwrap(), text);
}

/// What a web server answers to a request for its first page.
async fn page(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    tokio::time::timeout(LIMIT, stream.read_to_string(&mut text)).await.unwrap().unwrap();
    text
}

/// The local end of what `port-forward` forwards: `Forwarding from 127.0.0.1:41234 -> 80`.
fn local_port(line: &str) -> u16 {
    line.split([':', ' ']).find_map(|word| word.parse().ok()).unwrap()
}

#[tokio::test]
async fn ports_should_be_forwarded_to_a_pod() {
    let (_server, kubectl) = world("forward").await;
    kubectl.ok("run web --image=nginx").await;
    status(&kubectl, "web", "Running").await;
    for kubectl in both(kubectl) {
        let mut forwarded = kubectl.follow("port-forward web :80");
        let line = forwarded.until("a port", |line| line.starts_with("Forwarding from 127.0.0.1:")).await;
        let port = local_port(&line);
        let pages = futures::future::join_all((0..20).map(|_| page(port))).await;
        for page in pages {
            assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("</html>"), "{page}");
        }
        assert!(page(port).await.contains("</html>"), "the connection outlives what it carried");
    }
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_should_be_told() {
    let (_server, kubectl) = world("no-forward").await;
    kubectl.ok("run web --image=nginx").await;
    status(&kubectl, "web", "Running").await;
    for kubectl in both(kubectl) {
        let running = kubectl.run("port-forward web 28473:9999");
        let refused = async {
            loop {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                if let Ok(mut stream) = TcpStream::connect("127.0.0.1:28473").await {
                    let _closed = stream.read_to_end(&mut Vec::new()).await;
                    return;
                }
            }
        };
        let (ran, ()) = tokio::join!(running, refused);
        let sentence = "failed to connect to localhost:9999 inside namespace";
        assert!(ran.stderr.contains(sentence) && ran.code == Some(1), "{ran:?}");
    }
}
