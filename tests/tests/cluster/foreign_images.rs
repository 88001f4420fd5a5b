//! A program that nobody here wrote, as an image of the cluster's own registry: CPython, pushed as an artifact, runs
//! a script of a ConfigMap and serves HTTP under inetd behind a Service.

use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use tests::foreign::CPYTHON;
use tests::objects::from_json;
use tests::registry::Pusher;

use super::place::Place;

const SCRIPT: &str = "import sys\n\
    path = sys.stdin.readline().split()[1]\n\
    sys.stdout.write(f'HTTP/1.0 200 OK\\r\\n\\r\\nhello from {path}\\n')\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_python_should_serve_a_script_of_a_config_map_behind_a_service() {
    let place = Place::new("python").await;
    let program = std::fs::read(CPYTHON.file()).unwrap();
    let image = format!("{}/team/python:3.12", place.server.address());
    let config = ("application/vnd.wasm.config.v0+json", json!({"architecture": "wasm", "os": "wasip1"}));
    Pusher::new(None).push(&image, config, &[("application/wasm", &program)]).await.unwrap();
    let scripts: ConfigMap =
        from_json(json!({"metadata": {"name": "scripts"}, "data": {"serve.py": SCRIPT}}));
    let maps = Api::<ConfigMap>::namespaced(place.client.clone(), &place.namespace);
    maps.create(&PostParams::default(), &scripts).await.unwrap();
    let service: Service = from_json(json!({
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }));
    let services = Api::<Service>::namespaced(place.client.clone(), &place.namespace);
    services.create(&PostParams::default(), &service).await.unwrap();
    let server = from_json(json!({
        "metadata": {
            "name": "web", "labels": {"app": "web"},
            "annotations": {"inetd.kijabi.dev/main": "8080"},
        },
        "spec": {
            "containers": [{
                "name": "main", "image": image, "args": ["/scripts/serve.py"],
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "timeoutSeconds": 30},
                "volumeMounts": [{"name": "scripts", "mountPath": "/scripts"}],
            }],
            "volumes": [{"name": "scripts", "configMap": {"name": "scripts"}}],
        },
    }));
    place.pods().create(&PostParams::default(), &server).await.unwrap();
    let line = "until wget -q -T 10 -O /tmp/page http://web/one; do sleep 1; done; cat /tmp/page";
    let client = json!({"image": "busybox", "command": ["sh", "-c", line]});
    place.run("client", client, json!({})).await;
    let printed = place.printed("client").await;
    assert!(printed.ends_with("hello from /one\n"), "{printed}");
}
