//! The loop, told by hand what it would hear, with containers that are tasks of the test.

use std::sync::Mutex;
use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1;
use serde_json::json;
use shared::api::object::Object;

use super::*;
use crate::kubelet::testing::{NAME, Node};
use crate::kubelet::{ComponentContext, Components};

/// A loop whose inputs the test hands on.
struct Bench {
    sync_loop: SyncLoop,
    received: mpsc::UnboundedReceiver<Input>,
    node: Node,
}

impl Bench {
    async fn new(components: Components) -> Bench {
        let node = Node::new(components).await;
        let (inputs, received) = mpsc::unbounded_channel();
        Bench { sync_loop: SyncLoop::new(node.kubelet.clone(), inputs), received, node }
    }

    /// The next input for which `wanted` holds; those before it are handed to the loop.
    async fn until(&mut self, wanted: impl Fn(&Input) -> bool) -> Input {
        let found = async {
            loop {
                let input = self.received.recv().await.unwrap();
                if wanted(&input) {
                    return input;
                }
                self.sync_loop.take(input);
            }
        };
        tokio::time::timeout(Duration::from_secs(20), found).await.expect("an input did not come")
    }
}

fn pod(name: &str, image: &str) -> Pod {
    let metadata = json!({"name": name, "namespace": "default", "uid": name});
    let spec = json!({"hostNetwork": true, "containers": [{"name": "main", "image": image}]});
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}

fn is_sandbox(input: &Input) -> bool {
    matches!(input, Input::Outcome { outcome: Outcome::Sandbox(_) | Outcome::SandboxRemoved, .. })
}

fn is_start(input: &Input) -> bool {
    matches!(input, Input::Outcome { outcome: Outcome::Started { .. }, .. })
}

fn is_exit(input: &Input) -> bool {
    matches!(input, Input::Outcome { outcome: Outcome::Exited(..), .. })
}

#[tokio::test]
async fn end_of_a_container_should_be_told_after_its_start() {
    let mut components = Components::default();
    components.add("once", Arc::new(|_| Box::pin(async { 3 })));
    let mut bench = Bench::new(components).await;
    bench.sync_loop.upsert(pod("p", "registry.k8s.io/once:1"), Source::File, "p", "p");
    let started = bench.until(is_start).await;
    // The container has long ended, but for the loop it does not run yet.
    let early = tokio::time::timeout(Duration::from_millis(100), bench.until(is_exit)).await;
    assert!(early.is_err(), "an end was told before the start");
    bench.sync_loop.take(started);
    let exited = bench.until(is_exit).await;
    bench.sync_loop.take(exited);
    let worker = &bench.sync_loop.pods["p"].worker;
    assert_eq!(worker.container("main").unwrap().ended.as_ref().unwrap().exit_code, 3);
}

#[tokio::test]
async fn files_should_be_made_and_removed_beside_the_loop() {
    let mut bench = Bench::new(Components::default()).await;
    let mut pod = pod("p", "no-such-image");
    let volume = serde_json::from_value(json!({"name": "v", "emptyDir": {}})).unwrap();
    pod.spec.as_mut().unwrap().volumes = Some(vec![volume]);
    let directory = bench.node.kubelet.pod_directory("p");
    // There is one thread, and this test does not let go of it.
    bench.sync_loop.upsert(pod, Source::Api, "p", "p");
    assert!(!directory.exists(), "the loop waited for the disk");
    let made = bench.until(is_sandbox).await;
    assert!(directory.exists());
    bench.sync_loop.take(made);
    bench.until(|input| matches!(input, Input::Outcome { outcome: Outcome::Pulled(..), .. })).await;
    bench.sync_loop.forget("p");
    assert!(directory.exists(), "the loop waited for the disk");
    let removed = bench.until(is_sandbox).await;
    assert!(!directory.exists());
    bench.sync_loop.take(removed);
    assert!(bench.sync_loop.pods.is_empty());
}

/// A static pod whose manifest says so much.
fn static_pod(label: &str) -> Pod {
    let manifest = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "labels": {"is": label}},
        "spec": {"hostNetwork": true, "containers": [{"name": "main", "image": "registry.k8s.io/slow:1"}]},
    });
    mirror::static_pod(&manifest.to_string(), NAME, Timestamp::UNIX_EPOCH).unwrap()
}

/// The mirror of a static pod, as the API has it.
fn mirror_of(pod: &Pod) -> Pod {
    let mut mirror = mirror::mirror(pod);
    mirror.metadata.uid = Some(format!("mirror of {}", logs::node_uid(pod)));
    mirror
}

#[tokio::test]
async fn changed_static_pod_should_start_when_its_predecessor_is_gone() {
    let may_end = CancellationToken::new();
    let mut components = Components::default();
    let end = may_end.clone();
    components.add(
        "slow",
        Arc::new(move |_| {
            let end = end.clone();
            Box::pin(async move {
                end.cancelled().await;
                0
            })
        }),
    );
    let mut bench = Bench::new(components).await;
    bench.sync_loop.synced = true;
    let (first, second) = (static_pod("first"), static_pod("second"));
    bench.sync_loop.take(Input::StaticPods(vec![first.clone()]));
    bench.sync_loop.on_mirror(Change::Added, &mirror_of(&first));
    let started = bench.until(is_start).await;
    bench.sync_loop.take(started);

    bench.sync_loop.take(Input::StaticPods(vec![second.clone()]));
    bench.sync_loop.on_mirror(Change::Modified, &mirror_of(&second));
    assert!(!bench.sync_loop.pods.contains_key(&logs::node_uid(&second)), "both run at once");
    may_end.cancel();
    let started = bench.until(is_start).await;
    assert!(matches!(started, Input::Outcome { uid, .. } if uid == logs::node_uid(&second)));
    assert!(!bench.sync_loop.pods.contains_key(&logs::node_uid(&first)));
}

#[tokio::test]
async fn node_should_take_only_the_pods_that_it_has_room_for() {
    let mut bench = Bench::new(Components::default()).await;
    let asking = |name: &str, cpu: &str| {
        let mut pod = pod(name, "no-such-image");
        let container = &mut pod.spec.as_mut().unwrap().containers[0];
        container.resources = serde_json::from_value(json!({"requests": {"cpu": cpu}})).unwrap();
        pod
    };
    let (small, big) = (asking("small", "600m"), asking("big", "600m"));
    bench.sync_loop.on_pod(Change::Added, &Object::of(small));
    assert!(bench.sync_loop.pods.is_empty(), "the node is not known yet");
    let node = |cpu: &str| {
        let status = json!({"allocatable": {"cpu": cpu, "pods": "9"}});
        serde_json::from_value::<v1::Node>(json!({"metadata": {"name": NAME}, "status": status})).unwrap()
    };
    bench.sync_loop.on_node(Object::of(node("500m")));
    assert!(!bench.sync_loop.pods["small"].worker.is_active());

    // The node has grown, and the loop has not heard of it.
    bench.node.kubelet.client.create(node("1")).await.unwrap();
    bench.sync_loop.on_pod(Change::Added, &Object::of(asking("again", "600m")));
    let read = bench.until(|input| matches!(input, Input::NodeRead(_))).await;
    bench.sync_loop.take(read);
    bench.sync_loop.on_pod(Change::Added, &Object::of(big));
    let read = bench.until(|input| matches!(input, Input::NodeRead(_))).await;
    bench.sync_loop.take(read);
    let pods = &bench.sync_loop.pods;
    assert!(pods["again"].worker.is_active() && !pods["big"].worker.is_active());
}

#[tokio::test]
async fn pod_that_the_api_forgot_should_keep_no_room() {
    let mut components = Components::default();
    components.add("endless", Arc::new(|_| Box::pin(std::future::pending())));
    let mut bench = Bench::new(components).await;
    let node = json!({"metadata": {"name": NAME}, "status": {"allocatable": {"cpu": "1", "pods": "1"}}});
    bench.sync_loop.on_node(Object::of(serde_json::from_value::<v1::Node>(node).unwrap()));
    bench.sync_loop.upsert(pod("old", "registry.k8s.io/endless:1"), Source::File, "old", "old");
    let started = bench.until(is_start).await;
    bench.sync_loop.take(started);
    assert!(bench.sync_loop.admit(&pod("new", "x"), Source::Api).is_err());
    bench.sync_loop.forget("old");
    assert!(bench.sync_loop.pods["old"].worker.is_active(), "it still ends");
    assert_eq!(bench.sync_loop.admit(&pod("new", "x"), Source::Api), Ok(()));
}

#[tokio::test]
async fn component_should_end_before_those_that_it_needs() {
    let ended = Arc::new(Mutex::new(Vec::new()));
    let mut components = Components::default();
    for name in ["needed", "needing"] {
        let ended = ended.clone();
        let run = move |context: ComponentContext| -> BoxFuture<'static, i32> {
            let stop = context.stop;
            let ended = ended.clone();
            Box::pin(async move {
                stop.cancelled().await;
                tokio::task::yield_now().await;
                ended.lock().unwrap().push(name);
                0
            })
        };
        components.add(name, Arc::new(run));
    }
    let mut bench = Bench::new(components).await;
    for name in ["needed", "needing"] {
        let image = format!("registry.k8s.io/{name}:1");
        bench.sync_loop.upsert(pod(name, &image), Source::File, name, name);
        let started = bench.until(is_start).await;
        bench.sync_loop.take(started);
    }
    bench.sync_loop.stop().await;
    assert_eq!(*ended.lock().unwrap(), ["needing", "needed"]);
}
