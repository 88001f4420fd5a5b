//! The server ends, well or badly, and is started again: the cluster goes on.

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
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
