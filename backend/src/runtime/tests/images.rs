//! The programs of the built-in images, in containers.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::network::PodNetwork;
use crate::runtime::testing::{Cluster, Started};
use crate::runtime::{ContainerSpec, Mount, ProcessSpec, StopBehavior};

/// The component of a built-in image.
pub(super) fn component(name: &str) -> Bytes {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = workspace.join("target/guests");
    let build = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--profile", "guest", "--target", "wasm32-wasip2", "--package"])
        .arg(format!("image-{name}"))
        .arg("--target-dir")
        .arg(&target)
        .current_dir(&workspace)
        .status()
        .unwrap();
    assert!(build.success(), "the image {name} does not build");
    std::fs::read(target.join(format!("wasm32-wasip2/guest/{name}.wasm"))).unwrap().into()
}

/// A container with these arguments and the files of a directory as its root.
pub(super) fn spec(
    cluster: &Cluster,
    id: &str,
    pod: &PodNetwork,
    arguments: &[&str],
    root: &Path,
) -> ContainerSpec {
    let spec = cluster.spec(id, pod, "");
    let process = ProcessSpec {
        args: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        env: vec![("HOME".to_owned(), "/root".to_owned())],
        mounts: vec![Mount { host_dir: root.to_path_buf(), guest_path: "/".to_owned(), read_only: false }],
        ..spec.process
    };
    ContainerSpec { process, ..spec }
}

fn start(cluster: &Cluster, id: &str, pod: &PodNetwork, arguments: &[&str], root: &Path) -> Started {
    cluster.start(spec(cluster, id, pod, arguments, root))
}

#[tokio::test]
async fn busybox_should_run_commands_and_end_with_their_true_code() {
    let cluster = Cluster::with(component("busybox")).await;
    let root = tempfile::tempdir().unwrap();
    let pod = cluster.pod(2);
    let cases = [
        ("echo $((6*7)); exit 3", "42\n", 3),
        ("yes | head -1", "y\n", 0),
        ("while true; do echo a; done | head -n 2", "a\na\n", 0),
        ("mkdir -p /d/e; echo hi > /d/f; cd /d; ls; cat f; cat < f | wc -c", "e\nf\nhi\n3\n", 0),
        (
            "cp /d/f /d/g; mv /d/g /d/h; ls -l /d/h | wc -l; rm -r /d; ls /d 2>&1",
            "1\nls: /d: No such file or directory\n",
            1,
        ),
        ("nothing", "sh: nothing: not found\n", 127),
        ("echo $HOME; pwd; sleep 0.05; touch /x && [ -f /x ] && echo there", "/root\n/\nthere\n", 0),
        ("(sleep 0.05; echo b) & echo a; wait; echo c", "a\nb\nc\n", 0),
        ("hostname; date +%Y | wc -c; f() { f; }; f 2>/dev/null", "pod-2\n5\n", 2),
        (
            "echo done; wget -q -T 2 -O - http://10.244.1.9/ 2>&1",
            "done\nwget: can't connect to remote host (10.244.1.9): No route to host\n",
            1,
        ),
    ];
    for (number, (script, output, code)) in cases.into_iter().enumerate() {
        let container = start(&cluster, &format!("case-{number}"), &pod, &["sh", "-c", script], root.path());
        let status = tokio::time::timeout(Duration::from_secs(20), container.handle.wait()).await;
        let log = container.log().await;
        let code_of = status.map(|status| status.code);
        assert_eq!((log.as_str(), code_of.ok()), (output, Some(code)), "{script}");
    }
}

#[tokio::test]
async fn busybox_should_start_in_its_working_directory() {
    let cluster = Cluster::with(component("busybox")).await;
    let root = tempfile::tempdir().unwrap();
    let pod = cluster.pod(2);
    let script = "pwd; echo text > file; cat /srv/www/file; ls /";
    let mut spec = spec(&cluster, "pwd", &pod, &["sh", "-c", script], root.path());
    spec.process.working_dir = Some("/srv/www".to_owned());
    let container = cluster.start(spec);
    assert_eq!(container.handle.wait().await.code, 0);
    assert_eq!(container.log().await, "/srv/www\ntext\nsrv\n");
}

#[tokio::test]
async fn busybox_should_show_each_line_when_it_is_written() {
    let cluster = Cluster::with(component("busybox")).await;
    let root = tempfile::tempdir().unwrap();
    let pod = cluster.pod(2);
    let container = start(
        &cluster,
        "dates",
        &pod,
        &["sh", "-c", "while true; do echo tick; sleep 0.1; done"],
        root.path(),
    );
    container.logged("tick\ntick\n").await;
}

#[tokio::test]
async fn the_web_server_should_serve_others_while_a_client_is_silent() {
    let cluster = Cluster::with(component("nginx")).await;
    let shell = cluster.runtime.compile(component("busybox")).await.unwrap();
    let root = tempfile::tempdir().unwrap();
    let html = root.path().join("usr/share/nginx/html");
    std::fs::create_dir_all(&html).unwrap();
    std::fs::write(html.join("index.html"), "welcome").unwrap();
    std::fs::write(html.join("large"), vec![b'x'; 3_000_000]).unwrap();
    let configuration = root.path().join("etc/nginx");
    std::fs::create_dir_all(&configuration).unwrap();
    let site = "error_log stderr notice; events {} http { access_log /dev/stdout; \
                server { listen 80; root /usr/share/nginx/html; } }";
    std::fs::write(configuration.join("nginx.conf"), site).unwrap();
    let (web, client) = (cluster.pod(2), cluster.pod(3));
    let server = ContainerSpec {
        stop: StopBehavior::DrainWhenStdinEnds,
        ..spec(&cluster, "web", &web, &["nginx", "-g", "daemon off;"], root.path())
    };
    let server = cluster.start(server);
    server.logged("on port 80").await;

    let address = std::net::SocketAddr::from(([10, 244, 1, 2], 80));
    let silent = client.dial(address).await;
    assert!(silent.is_ok());
    let script =
        "wget -q -O - http://10.244.1.2/ && wget -q -O - 10.244.1.2/large | wc -c; wget -q 10.244.1.2/none";
    let mut program = spec(&cluster, "client", &client, &["sh", "-c", script], root.path());
    program.process.program = shell;
    let fetch = cluster.start(program);
    let status = tokio::time::timeout(Duration::from_secs(20), fetch.handle.wait()).await.unwrap();
    assert_eq!(fetch.log().await, "welcome3000000\nwget: server returned error: HTTP/1.1 404 Not Found\n");
    assert_eq!(status.code, 1);
    server.logged("10.244.1.3 - - [").await;
    server.logged("\"GET /none HTTP/1.1\" 404").await;

    let begin = Instant::now();
    let status = server.handle.kill(Duration::from_secs(30)).await;
    assert_eq!(status.code, 0);
    assert!(begin.elapsed() < Duration::from_secs(5));
    server.logged("gracefully shut down").await;
}

#[tokio::test]
async fn stress_should_be_ended_by_its_memory_limit_and_by_its_timeout() {
    let cluster = Cluster::with(component("stress")).await;
    let root = tempfile::tempdir().unwrap();
    let pod = cluster.pod(2);
    let arguments = ["stress", "--vm", "1", "--vm-bytes", "150M", "--vm-hang", "1"];
    let limited = ContainerSpec {
        memory_limit_bytes: Some(100 << 20),
        ..spec(&cluster, "hog", &pod, &arguments, root.path())
    };
    assert_eq!(cluster.start(limited).handle.wait().await.code, 137);
    let arguments = ["stress", "--cpu", "2", "--vm", "1", "--vm-bytes", "10M", "--timeout", "1"];
    let short = start(&cluster, "short", &pod, &arguments, root.path());
    assert_eq!(short.handle.wait().await.code, 0);
    short.logged("successful run completed in 1s").await;
}
