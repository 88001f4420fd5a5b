//! Programs that do not listen themselves, behind Services.

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::Api;
use kube::api::{DeleteParams, LogParams, PostParams};
use serde_json::json;
use tests::Server;
use tests::eventually::eventually;
use tests::objects::{from_json, in_phase, namespace, pod};

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
