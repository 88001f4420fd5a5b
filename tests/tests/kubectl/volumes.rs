//! Volumes that change while a pod runs, and tokens of service accounts.

use tests::{Kubectl, eventually};

use crate::{status, world};

const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: reader}
spec:
  containers:
    - name: main
      image: busybox
      command: [sleep, '3600']
      volumeMounts:
        - {name: config, mountPath: /etc/config}
        - {name: config, mountPath: /etc/single/colour, subPath: colour}
        - {name: node, mountPath: /host}
  volumes:
    - {name: config, configMap: {name: settings}}
    - {name: node, hostPath: {path: /etc/kubernetes/manifests, type: Directory}}
";

fn settings(colour: &str) -> String {
    format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: settings}}, data: {{colour: {colour}}}}}")
}

#[tokio::test]
async fn changed_config_map_should_reach_a_running_pod_but_not_through_a_sub_path() {
    let (_server, kubectl) = world("volumes-live").await;
    kubectl.ok_with("apply -f -", POD).await;
    eventually("the event tells what is missing", async || {
        let events = kubectl.ok("get events").await;
        anyhow::ensure!(events.contains("configmap \"settings\" not found"), "{events}");
        Ok(())
    })
    .await;
    kubectl.ok_with("apply -f -", &settings("blue")).await;
    status(&kubectl, "reader", "Running").await;
    assert_eq!(kubectl.ok("exec reader -- cat /etc/config/colour").await, "blue");
    kubectl.ok_with("apply -f -", &settings("red")).await;
    eventually("the file has the new value", async || {
        let colour = kubectl.ok("exec reader -- cat /etc/config/colour").await;
        anyhow::ensure!(colour == "red", "{colour}");
        Ok(())
    })
    .await;
    assert_eq!(kubectl.ok("exec reader -- cat /etc/single/colour").await, "blue");
    let manifests = kubectl.ok("exec reader -- ls /host").await;
    assert!(manifests.lines().any(|name| name == "kube-proxy.yaml"), "{manifests}");
}

#[tokio::test]
async fn created_token_should_be_that_of_its_account() {
    let (server, kubectl) = world("tokens").await;
    let token = kubectl.ok("create token default --duration=20m").await;
    let address = kubectl.ok("config view -o jsonpath={.clusters[0].cluster.server}").await;
    let stranger = Kubectl::new(&server.folder().join("none"), server.folder());
    let as_account = |token: &str, line: &str| {
        let token = token.trim();
        format!("--server={address} --insecure-skip-tls-verify --token={token} {line}")
    };
    let refused = stranger.run(&as_account(&token, "get pods -n tokens")).await;
    let user = "User \"system:serviceaccount:tokens:default\" cannot list resource \"pods\"";
    assert!(refused.stderr.contains(user), "{refused:?}");
    let keys = stranger.ok(&as_account(&token, "get --raw /openid/v1/jwks")).await;
    assert!(keys.contains("\"alg\":\"ES256\""), "{keys}");
    let about = stranger.ok(&as_account(&token, "get --raw /.well-known/openid-configuration")).await;
    assert!(about.contains("\"issuer\":\"https://kubernetes.default.svc.cluster.local\""), "{about}");
    let forged = format!("{}A", token.trim());
    let unknown = stranger.run(&as_account(&forged, "get --raw /openid/v1/jwks")).await;
    assert!(unknown.stderr.contains("Unauthorized") || unknown.stderr.contains("logged in"), "{unknown:?}");
    let short = kubectl.run("create token default --duration=1m").await;
    assert!(short.stderr.contains("may not specify a duration less than 10 minutes"), "{short:?}");
}
