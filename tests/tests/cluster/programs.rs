//! Programs that do not listen themselves, behind Services.

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::Api;
use kube::api::{DeleteParams, LogParams, PostParams};
use serde_json::json;
use tests::Server;
use tests::eventually::eventually;
use tests::objects::{from_json, in_phase, namespace, pod};
use tests::programs::test_program;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A shell script that answers one request, put on a port by inetd.
fn inetd_pod() -> Pod {
    let script =
        "read request; echo \"asked $request\" >&2; echo HTTP/1.0 200 OK; echo; echo hello $TCPREMOTEIP";
    from_json(json!({
        "metadata": {
            "name": "web", "labels": {"app": "web"},
            "annotations": {"inetd.kijabi.dev/main": "8080"},
        },
        "spec": {
            "containers": [{
                "name": "main", "image": "busybox", "command": ["sh", "-c", script],
                "ports": [{"containerPort": 8080}],
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1},
            }],
        },
    }))
}

#[tokio::test]
async fn a_program_should_serve_under_inetd_behind_a_service() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "inetd").await.unwrap();
    let pods = Api::<Pod>::namespaced(client.clone(), "inetd");
    let services = Api::<Service>::namespaced(client.clone(), "inetd");
    let service = from_json(json!({
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }));
    services.create(&PostParams::default(), &service).await.unwrap();
    pods.create(&PostParams::default(), &inetd_pod()).await.unwrap();
    in_phase(&pods, "web", "Running").await;
    let script = "until wget -q -T 2 -O /tmp/page http://web/; do sleep 0.1; done; cat /tmp/page";
    pods.create(&PostParams::default(), &pod("client", "busybox", Some(script))).await.unwrap();
    in_phase(&pods, "client", "Succeeded").await;
    let said = pods.logs("client", &LogParams::default()).await.unwrap();
    assert!(said.contains("hello 10.244."), "{said}");
    let log = pods.logs("web", &LogParams::default()).await.unwrap();
    assert!(log.contains("asked GET /ready HTTP/1.1") && log.contains("asked GET / HTTP/1."), "{log}");
    pods.delete("web", &DeleteParams::default()).await.unwrap();
    eventually("the server is gone", async || match pods.get_opt("web").await? {
        None => Ok(()),
        Some(pod) => anyhow::bail!("{:?}", pod.status),
    })
    .await;
}

/// A component that handles requests, from the cluster's own registry, with probes, behind a Service, under load.
#[tokio::test(flavor = "multi_thread")]
async fn a_component_of_http_should_serve_under_load_behind_a_service() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "proxy").await.unwrap();
    let program = test_program("testproxy");
    let request = http::Request::put("/kijabi/images/handler:1").body(program).unwrap();
    let told = server.page_client().unwrap().request_text(request).await.unwrap();
    assert!(told.contains("registry.kijabi/handler:1"), "{told}");
    let pods = Api::<Pod>::namespaced(client.clone(), "proxy");
    let services = Api::<Service>::namespaced(client.clone(), "proxy");
    let service = from_json(json!({
        "metadata": {"name": "handler"},
        "spec": {"selector": {"app": "handler"}, "ports": [{"port": 80, "targetPort": "http"}]},
    }));
    services.create(&PostParams::default(), &service).await.unwrap();
    let probe = json!({"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1});
    let handler = from_json(json!({
        "metadata": {"name": "handler", "labels": {"app": "handler"}},
        "spec": {"containers": [{
            "name": "main", "image": "registry.kijabi/handler:1",
            "ports": [{"name": "http", "containerPort": 8080}],
            "livenessProbe": probe, "readinessProbe": probe,
        }]},
    }));
    pods.create(&PostParams::default(), &handler).await.unwrap();
    in_phase(&pods, "handler", "Running").await;
    let script = "until wget -q -O - http://handler/ > /dev/null 2>&1; do sleep 0.1; done; \
                  work() { for i in $(seq 25); do wget -q -O - http://handler/large?1000 | wc -c; done; }; \
                  (for w in 1 2 3 4 5 6 7 8; do work & done; wait) | sort | uniq -c";
    pods.create(&PostParams::default(), &pod("client", "busybox", Some(script))).await.unwrap();
    in_phase(&pods, "client", "Succeeded").await;
    let said = pods.logs("client", &LogParams::default()).await.unwrap();
    assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["200", "1000"], "{said}");
    let status = pods.get("handler").await.unwrap().status.unwrap().container_statuses.unwrap();
    assert!(status[0].ready && status[0].restart_count == 0, "{status:?}");
}

#[tokio::test]
async fn inetd_should_serve_many_at_once_and_answer_who_stops_talking() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "inetd-many").await.unwrap();
    let pods = Api::<Pod>::namespaced(client, "inetd-many");
    // What is said is answered once it is said completely: the client's half of the connection is closed by then.
    let echo = from_json(json!({
        "metadata": {"name": "echo", "annotations": {"inetd.kijabi.dev/main": "7000"}},
        "spec": {"containers": [{
            "name": "main", "image": "busybox", "command": ["sh", "-c", "read first; echo $first; cat | wc -c"],
            "livenessProbe": {"tcpSocket": {"port": 7000}, "periodSeconds": 1},
        }]},
    }));
    pods.create(&PostParams::default(), &echo).await.unwrap();
    in_phase(&pods, "echo", "Running").await;
    let address = pods.get("echo").await.unwrap().status.unwrap().pod_ip.unwrap();
    let script = format!(
        "(for i in $(seq 30); do (sleep 0.2; seq 100) | nc -w 60 {address} 7000 & done; wait) | sort | uniq -c"
    );
    pods.create(&PostParams::default(), &pod("client", "busybox", Some(&script))).await.unwrap();
    in_phase(&pods, "client", "Succeeded").await;
    let said = pods.logs("client", &LogParams::default()).await.unwrap();
    assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["30", "1", "30", "290"], "{said}");
    // Through port-forward, whose WebSocket knows no half of a connection, the first line is answered.
    let mut stream = pods.portforward("echo", &[7000]).await.unwrap().take_stream(7000).unwrap();
    stream.write_all(b"hello\n").await.unwrap();
    let mut answer = [0; 6];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello\n");
    let status = pods.get("echo").await.unwrap().status.unwrap().container_statuses.unwrap();
    assert_eq!(status[0].restart_count, 0, "{status:?}");
}

#[tokio::test]
async fn an_annotation_that_means_nothing_should_be_refused() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "inetd-refused").await.unwrap();
    let pods = Api::<Pod>::namespaced(client, "inetd-refused");
    let mut wrong = inetd_pod();
    wrong.metadata.annotations = Some([("inetd.kijabi.dev/mian".to_owned(), "8080".to_owned())].into());
    let refused = pods.create(&PostParams::default(), &wrong).await.unwrap_err().to_string();
    assert!(
        refused.contains("metadata.annotations[inetd.kijabi.dev/mian]: Invalid value")
            && refused.contains("must name a container of the pod"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_container_should_start_in_its_working_directory() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "working-dir").await.unwrap();
    let pods = Api::<Pod>::namespaced(client, "working-dir");
    let mut shell = pod("shell", "busybox", Some("echo text > file; cat /srv/app/file; pwd"));
    shell.spec.as_mut().unwrap().containers[0].working_dir = Some("/srv/app".to_owned());
    pods.create(&PostParams::default(), &shell).await.unwrap();
    in_phase(&pods, "shell", "Succeeded").await;
    assert_eq!(pods.logs("shell", &LogParams::default()).await.unwrap(), "text\n/srv/app\n");
}
