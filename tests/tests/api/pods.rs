//! What a pod offers beyond its object: its log, its port, its end.

use futures::{AsyncBufReadExt, TryStreamExt};
use http::Request;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams, LogParams, PostParams};
use kube::client::Body;
use tests::eventually;
use tests::eventually::LIMIT;
use tests::objects::{in_phase, pod};

use crate::{refusal, world};

#[tokio::test]
async fn a_log_should_be_streamed_while_it_is_written() {
    let (_server, client) = world("log").await;
    let pods = Api::<Pod>::namespaced(client, "log");
    // The container goes on, so that what is read was sent while it ran.
    let script = "echo one; echo two >&2; sleep 3600";
    pods.create(&PostParams::default(), &pod("writer", "busybox", Some(script))).await.unwrap();
    in_phase(&pods, "writer", "Running").await;
    let follow = LogParams { follow: true, timestamps: true, ..LogParams::default() };
    let mut lines = pods.log_stream("writer", &follow).await.unwrap().lines();
    for expected in ["one", "two"] {
        let line = tokio::time::timeout(LIMIT, lines.try_next()).await.unwrap().unwrap().unwrap();
        let (time, text) = line.split_once(' ').unwrap();
        assert!(time.ends_with('Z') && time.starts_with("20"), "{line:?}");
        assert_eq!(text, expected);
    }
    pods.delete("writer", &DeleteParams::default().grace_period(0)).await.unwrap();
    let rest: Vec<_> = tokio::time::timeout(LIMIT, lines.try_collect()).await.unwrap().unwrap();
    assert_eq!(rest, Vec::<String>::new());
}

#[tokio::test]
async fn a_log_should_be_cut_as_asked() {
    let (_server, client) = world("cut").await;
    let pods = Api::<Pod>::namespaced(client, "cut");
    pods.create(&PostParams::default(), &pod("counter", "busybox", Some("seq 100"))).await.unwrap();
    in_phase(&pods, "counter", "Succeeded").await;
    let log = async |parameters: LogParams| pods.logs("counter", &parameters).await.unwrap();
    assert_eq!(log(LogParams { tail_lines: Some(2), ..LogParams::default() }).await, "99\n100\n");
    assert_eq!(log(LogParams { limit_bytes: Some(5), ..LogParams::default() }).await, "1\n2\n3");
    assert_eq!(
        log(LogParams { since_seconds: Some(3600), ..LogParams::default() }).await.lines().count(),
        100
    );
    let unknown = LogParams { container: Some("other".into()), ..LogParams::default() };
    let (code, _, message) = refusal(pods.logs("counter", &unknown).await);
    assert_eq!((code, message.as_str()), (400, "container other is not valid for pod counter"));
}

#[tokio::test]
async fn a_deleted_pod_should_have_its_grace_period() {
    let (_server, client) = world("grace").await;
    let pods = Api::<Pod>::namespaced(client, "grace");
    pods.create(&PostParams::default(), &pod("web", "nginx", None)).await.unwrap();
    in_phase(&pods, "web", "Running").await;
    let marked = pods.delete("web", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert_eq!(marked.metadata.deletion_grace_period_seconds, Some(1));
    assert!(marked.metadata.deletion_timestamp.is_some());
    eventually("the pod is gone", async || match pods.get_opt("web").await? {
        None => Ok(()),
        Some(pod) => anyhow::bail!("{:?}", pod.status),
    })
    .await;
}

#[tokio::test]
async fn a_pod_that_was_not_placed_should_be_deleted_at_once() {
    let (_server, client) = world("unplaced").await;
    let pods = Api::<Pod>::namespaced(client, "unplaced");
    let mut waiting = pod("waiting", "nginx", None);
    waiting.spec.as_mut().unwrap().node_selector = Some([("there".into(), "is-none".into())].into());
    pods.create(&PostParams::default(), &waiting).await.unwrap();
    pods.delete("waiting", &DeleteParams::default()).await.unwrap();
    assert!(pods.get_opt("waiting").await.unwrap().is_none());
}

#[tokio::test]
async fn a_welcome_page_should_be_reached_through_the_proxy() {
    let (server, client) = world("proxy").await;
    let pods = Api::<Pod>::namespaced(client.clone(), "proxy");
    pods.create(&PostParams::default(), &pod("web", "nginx", None)).await.unwrap();
    in_phase(&pods, "web", "Running").await;
    let page = server.page_client().unwrap();
    for (door, name) in [(&page, "web:80"), (&page, "web"), (&client, "http:web:80")] {
        let text = eventually(name, async || {
            let path = format!("/api/v1/namespaces/proxy/pods/{name}/proxy/");
            Ok(door.request_text(Request::get(path).body(Vec::new())?).await?)
        })
        .await;
        assert!(text.contains("<title>"), "{name}: {text}");
    }
    let missing =
        Request::get("/api/v1/namespaces/proxy/pods/web:80/proxy/nothing").body(Body::empty()).unwrap();
    assert_eq!(page.send(missing).await.unwrap().status(), 404);
    let log = pods.logs("web", &LogParams::default()).await.unwrap();
    assert!(log.contains("\"GET /nothing HTTP/1.1\" 404"), "{log}");
}

#[tokio::test]
async fn a_pods_page_should_be_kept_apart_from_the_clusters_page() {
    let (server, client) = world("apart").await;
    let pods = Api::<Pod>::namespaced(client, "apart");
    pods.create(&PostParams::default(), &pod("web", "nginx", None)).await.unwrap();
    in_phase(&pods, "web", "Running").await;
    let page = server.page_client().unwrap();
    let response = eventually("the page", async || {
        let path = "/api/v1/namespaces/apart/pods/web:80/proxy/";
        let response = page.send(Request::get(path).body(Body::empty())?).await?;
        if response.status() == 200 { Ok(response) } else { anyhow::bail!("{}", response.status()) }
    })
    .await;
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("sandbox") && !policy.contains("allow-same-origin"), "{policy}");
}

#[tokio::test]
async fn a_pods_way_should_be_told_by_events() {
    let (_server, client) = world("events").await;
    let pods = Api::<Pod>::namespaced(client.clone(), "events");
    pods.create(&PostParams::default(), &pod("web", "nginx", None)).await.unwrap();
    in_phase(&pods, "web", "Running").await;
    let events = Api::<Event>::namespaced(client, "events");
    let about = ListParams::default().fields("involvedObject.name=web,involvedObject.kind=Pod");
    let mut reasons: Vec<String> = eventually("four events", async || {
        let list = events.list(&about).await?;
        if list.items.len() < 4 {
            anyhow::bail!("{} events", list.items.len())
        }
        Ok(list.items.into_iter().filter_map(|event| event.reason).collect())
    })
    .await;
    reasons.sort();
    assert_eq!(reasons, ["Created", "Pulled", "Scheduled", "Started"]);
}
