//! The server ends, well or badly, and is started again: the cluster goes on.

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod};
use kube::Api;
use kube::api::{ListParams, LogParams, Patch, PatchParams, PostParams};
use serde_json::json;
use tests::objects::{from_json, in_phase, pod, restart_counts, takes_pods};
use tests::{Server, eventually};

/// A web server that is started again when it ends.
fn web() -> Pod {
    let mut web = pod("web", "nginx", None);
    web.spec.as_mut().unwrap().restart_policy = Some("Always".into());
    web
}

/// Ends the server in this way while pods run, starts it again, and looks at them.
async fn pods_should_run_again_after(end: impl Fn(&mut Server)) {
    let mut server = Server::start();
    let client = server.client().await.unwrap();
    takes_pods(&client, "default").await;
    let pods = Api::<Pod>::default_namespaced(client);
    pods.create(&PostParams::default(), &web()).await.unwrap();
    pods.create(&PostParams::default(), &pod("done", "busybox", Some("echo once"))).await.unwrap();
    let before = in_phase(&pods, "web", "Running").await;
    in_phase(&pods, "done", "Succeeded").await;

    end(&mut server);
    server.start_again();

    // The certificates outlive the process, so the same client goes on.
    eventually("the pod runs again", async || {
        let after = pods.get("web").await?;
        anyhow::ensure!(restart_counts(&after) == [1], "{:?}", after.status);
        anyhow::ensure!(after.metadata.uid == before.metadata.uid, "another pod");
        let ready = after.status.and_then(|status| status.container_statuses).unwrap_or_default();
        anyhow::ensure!(ready.iter().all(|status| status.ready), "not ready");
        Ok(())
    })
    .await;
    eventually("its page is served", async || {
        let path = "/api/v1/namespaces/default/pods/web:80/proxy/";
        let page = server.page_client()?.request_text(http::Request::get(path).body(Vec::new())?).await?;
        anyhow::ensure!(page.contains("<title>"), "{page}");
        Ok(())
    })
    .await;
    let done = pods.get("done").await.unwrap();
    assert_eq!(restart_counts(&done), [0], "what was done was done again");
    assert_eq!(pods.logs("done", &LogParams::default()).await.unwrap(), "once\n");
}

#[tokio::test]
async fn pods_should_run_again_after_a_stop() {
    pods_should_run_again_after(Server::stop).await;
}

#[tokio::test]
async fn pods_should_run_again_after_a_kill() {
    pods_should_run_again_after(Server::kill).await;
}

/// A pod that adds a line to a file in each of its volumes, and says how many there are and what else it sees.
fn scribe() -> Pod {
    let script = "for v in disk memory claim; do echo run >> /$v/runs; wc -l < /$v/runs; done; \
                  cat /config/colour; echo; cat /var/run/secrets/kubernetes.io/serviceaccount/token; echo; \
                  sleep 100000";
    let mut scribe = pod("scribe", "busybox", Some(script));
    let spec = scribe.spec.as_mut().unwrap();
    spec.restart_policy = Some("Always".into());
    let volumes = json!([
        { "name": "disk", "emptyDir": {} },
        { "name": "memory", "emptyDir": { "medium": "Memory" } },
        { "name": "claim", "persistentVolumeClaim": { "claimName": "notes" } },
        { "name": "config", "configMap": { "name": "settings" } },
    ]);
    spec.volumes = Some(serde_json::from_value(volumes).unwrap());
    let mount = |name: &str| from_json(json!({ "name": name, "mountPath": format!("/{name}") }));
    spec.containers[0].volume_mounts = Some(["disk", "memory", "claim", "config"].map(mount).into());
    scribe
}

/// The five lines that the scribe's latest run says.
async fn words(pods: &Api<Pod>, run: i32) -> Vec<String> {
    eventually(&format!("run {run} speaks"), async || {
        anyhow::ensure!(restart_counts(&pods.get("scribe").await?) == [run], "another run");
        let log = pods.logs("scribe", &LogParams::default()).await?;
        let lines: Vec<String> = log.lines().map(|line| line.trim().to_owned()).collect();
        anyhow::ensure!(lines.len() == 5, "{log}");
        Ok(lines)
    })
    .await
}

#[tokio::test]
async fn volumes_should_outlive_a_restart_except_those_in_memory() {
    let mut server = Server::start();
    let client = server.client().await.unwrap();
    takes_pods(&client, "default").await;
    let claims = Api::<PersistentVolumeClaim>::default_namespaced(client.clone());
    let claim = json!({ "metadata": { "name": "notes" }, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Mi" } },
    }});
    claims.create(&PostParams::default(), &from_json(claim)).await.unwrap();
    let maps = Api::<ConfigMap>::default_namespaced(client.clone());
    let map = json!({ "metadata": { "name": "settings" }, "data": { "colour": "blue" } });
    maps.create(&PostParams::default(), &from_json(map)).await.unwrap();
    let pods = Api::<Pod>::default_namespaced(client);
    pods.create(&PostParams::default(), &scribe()).await.unwrap();
    let first = words(&pods, 0).await;
    assert_eq!(first[..4], ["1", "1", "1", "blue"]);

    let change = Patch::Merge(json!({ "data": { "colour": "red" } }));
    maps.patch("settings", &PatchParams::default(), &change).await.unwrap();
    server.kill();
    server.start_again();
    let second = words(&pods, 1).await;
    assert_eq!(second[..4], ["2", "1", "2", "red"]);
    assert_ne!(first[4], second[4], "the token is the same");
}

#[tokio::test]
async fn a_kill_should_lose_nothing_that_was_answered() {
    let mut server = Server::start();
    let maps = Api::<ConfigMap>::default_namespaced(server.client().await.unwrap());
    let map = from_json(json!({"metadata": {"name": "counter"}, "data": {"count": "0"}}));
    maps.create(&PostParams::default(), &map).await.unwrap();
    let mut answered = 0;
    for round in 1..=3 {
        for count in (answered + 1)..=(round * 20) {
            let change = Patch::Merge(json!({"data": {"count": count.to_string()}}));
            maps.patch("counter", &PatchParams::default(), &change).await.unwrap();
            answered = count;
        }
        server.kill();
        server.start_again();
        let counter = eventually("the server answers", async || Ok(maps.get("counter").await?)).await;
        assert_eq!(counter.data.unwrap()["count"], answered.to_string());
    }
    assert_eq!(
        maps.list(&ListParams::default())
            .await
            .unwrap()
            .items
            .iter()
            .filter(|map| map.data.as_ref().is_some_and(|data| data.contains_key("count")))
            .count(),
        1
    );
}
