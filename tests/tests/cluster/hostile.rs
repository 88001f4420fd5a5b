//! Guests that mean harm: the cluster still answers.

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use tests::eventually::LIMIT;
use tests::objects::{from_json, in_phase, pod, takes_pods};
use tests::{Server, eventually};
use tokio::time::timeout;

/// How many requests are made while the guests do their worst.
const REQUESTS: usize = 100;

/// The server answers one request after the other, all of them within the time of one wait.
async fn answers(namespaces: &Api<Namespace>) {
    let requests = async {
        for _ in 0..REQUESTS {
            namespaces.get("default").await.unwrap();
        }
    };
    timeout(LIMIT, requests).await.unwrap();
}

fn hog() -> Pod {
    from_json(json!({
        "metadata": {"name": "memory"},
        "spec": {
            "restartPolicy": "Always",
            "containers": [{
                "name": "main", "image": "stress",
                "command": ["stress", "--vm", "1", "--vm-bytes", "512M"],
                "resources": {"limits": {"memory": "64Mi"}},
            }],
        },
    }))
}

#[tokio::test]
async fn the_server_should_answer_while_guests_do_their_worst() {
    let server = Server::start();
    let client = server.client().await.unwrap();
    takes_pods(&client, "default").await;
    let namespaces = Api::<Namespace>::all(client.clone());
    let pods = Api::<Pod>::default_namespaced(client);
    let guests = [
        pod("loop", "busybox", Some("while true; do :; done")),
        pod("flood", "busybox", Some("while true; do echo A line that nobody reads, again and again; done")),
        pod("recursion", "busybox", Some("f() { f; }; f")),
        hog(),
    ];
    for guest in &guests {
        pods.create(&PostParams::default(), guest).await.unwrap();
    }
    for name in ["loop", "flood"] {
        in_phase(&pods, name, "Running").await;
    }
    answers(&namespaces).await;

    eventually("the memory hog is ended", async || {
        let pod = pods.get("memory").await?;
        let statuses = pod.status.and_then(|status| status.container_statuses).unwrap_or_default();
        let ended = statuses.iter().flat_map(|status| [&status.state, &status.last_state]).flatten();
        let mut ended = ended.filter_map(|state| state.terminated.as_ref());
        anyhow::ensure!(
            ended.any(|end| end.exit_code == 137 && end.reason.as_deref() == Some("OOMKilled")),
            "{statuses:?}"
        );
        Ok(())
    })
    .await;
    in_phase(&pods, "recursion", "Failed").await;

    // A well-behaved pod still starts, and the hostile ones can be ended.
    pods.create(&PostParams::default(), &pod("good", "busybox", Some("echo done"))).await.unwrap();
    in_phase(&pods, "good", "Succeeded").await;
    for name in ["loop", "flood", "memory"] {
        pods.delete(name, &kube::api::DeleteParams::default().grace_period(1)).await.unwrap();
        eventually(&format!("{name} is gone"), async || match pods.get_opt(name).await? {
            None => Ok(()),
            Some(pod) => anyhow::bail!("{:?}", pod.status),
        })
        .await;
    }
}
