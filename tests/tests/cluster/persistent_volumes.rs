//! Volumes that outlive pods: claims, what is made for them, and what becomes of it.

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::{Event, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{DeleteParams, ListParams, LogParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tests::objects::{from_json, in_phase, pod, takes_pods};
use tests::{Server, eventually};

/// A cluster with its own claims and pods.
struct World {
    server: Server,
    client: Client,
    pods: Api<Pod>,
    claims: Api<PersistentVolumeClaim>,
    volumes: Api<PersistentVolume>,
}

impl World {
    async fn start() -> World {
        let server = Server::start();
        let client = server.client().await.unwrap();
        takes_pods(&client, "default").await;
        World {
            server,
            pods: Api::default_namespaced(client.clone()),
            claims: Api::default_namespaced(client.clone()),
            volumes: Api::all(client.clone()),
            client,
        }
    }

    async fn claim(&self, name: &str, spec: Value) {
        let mut whole = json!({
            "metadata": { "name": name },
            "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "64Mi" } } },
        });
        for (field, value) in spec.as_object().cloned().unwrap_or_default() {
            whole["spec"][field] = value;
        }
        self.claims.create(&PostParams::default(), &from_json(whole)).await.unwrap();
    }

    /// Runs a script in a pod with this volume at `/data`.
    async fn run(&self, name: &str, volume: Value, script: &str) {
        let mut user = pod(name, "busybox", Some(script));
        let spec = user.spec.as_mut().unwrap();
        spec.volumes = Some(vec![from_json(volume)]);
        spec.containers[0].volume_mounts =
            Some(vec![from_json(json!({ "name": "v", "mountPath": "/data" }))]);
        self.pods.create(&PostParams::default(), &user).await.unwrap();
    }

    async fn in_phase(&self, claim: &str, phase: &str) -> PersistentVolumeClaim {
        eventually(&format!("claim {claim} is {phase}"), async || {
            let found = self.claims.get(claim).await?;
            let status = found.status.clone().context("no status")?;
            ensure!(status.phase.as_deref() == Some(phase), "{status:?}");
            Ok(found)
        })
        .await
    }

    async fn told(&self, reason: &str) {
        let events = Api::<Event>::default_namespaced(self.client.clone());
        eventually(&format!("an event {reason}"), async || {
            let list = events.list(&ListParams::default()).await?;
            ensure!(list.items.iter().any(|event| event.reason.as_deref() == Some(reason)), "none");
            Ok(())
        })
        .await;
    }

    /// The directory of a volume, among the files of its node.
    async fn directory(&self, volume: &str) -> std::path::PathBuf {
        let spec = self.volumes.get(volume).await.unwrap().spec.unwrap();
        let terms = spec.node_affinity.unwrap().required.unwrap().node_selector_terms;
        let node = terms[0].match_expressions.as_ref().unwrap()[0].values.as_ref().unwrap()[0].clone();
        let path = spec.local.unwrap().path;
        self.server.data_dir().join("nodes").join(node).join(path.trim_start_matches('/'))
    }
}

fn on(claim: &str) -> Value {
    json!({ "name": "v", "persistentVolumeClaim": { "claimName": claim } })
}

fn bound_to(claim: &PersistentVolumeClaim) -> String {
    claim.spec.as_ref().and_then(|spec| spec.volume_name.clone()).unwrap()
}

#[tokio::test]
async fn what_a_pod_wrote_should_be_there_for_the_next_one_and_go_with_the_claim() {
    let world = World::start().await;
    world.claim("notes", json!({})).await;
    world.told("WaitForFirstConsumer").await;
    let waiting = world.in_phase("notes", "Pending").await;
    assert_eq!(waiting.spec.unwrap().storage_class_name.as_deref(), Some("standard"));

    world.run("writes", on("notes"), "echo once upon a time > /data/story").await;
    in_phase(&world.pods, "writes", "Succeeded").await;
    let volume = bound_to(&world.in_phase("notes", "Bound").await);
    let directory = world.directory(&volume).await;
    assert_eq!(std::fs::read_to_string(directory.join("story")).unwrap(), "once upon a time\n");
    world.pods.delete("writes", &DeleteParams::default().grace_period(0)).await.unwrap();

    world.run("reads", on("notes"), "cat /data/story; sleep 1000").await;
    in_phase(&world.pods, "reads", "Running").await;
    eventually("the story is read", async || {
        let log = world.pods.logs("reads", &LogParams::default()).await?;
        ensure!(log == "once upon a time\n", "{log:?}");
        Ok(())
    })
    .await;

    world.claims.delete("notes", &DeleteParams::default()).await.unwrap();
    world.run("late", on("notes"), "true").await;
    world.told("FailedScheduling").await;
    assert!(world.claims.get("notes").await.unwrap().metadata.deletion_timestamp.is_some());
    world.pods.delete("reads", &DeleteParams::default().grace_period(0)).await.unwrap();
    eventually("claim, volume and directory are gone", async || {
        ensure!(world.claims.get_opt("notes").await?.is_none(), "the claim is there");
        ensure!(world.volumes.get_opt(&volume).await?.is_none(), "the volume is there");
        ensure!(!directory.exists(), "the directory is there");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn bound_claim_should_grow_and_a_retained_volume_should_stay() {
    let world = World::start().await;
    let class = json!({
        "metadata": { "name": "kept" }, "provisioner": "kijabi/local-path",
        "reclaimPolicy": "Retain", "allowVolumeExpansion": true,
    });
    let classes = Api::<StorageClass>::all(world.client.clone());
    classes.create(&PostParams::default(), &from_json(class)).await.unwrap();
    world.claim("box", json!({ "storageClassName": "kept" })).await;
    let volume = bound_to(&world.in_phase("box", "Bound").await);
    let more = json!({ "spec": { "resources": { "requests": { "storage": "128Mi" } } } });
    world.claims.patch("box", &PatchParams::default(), &Patch::Merge(more)).await.unwrap();
    eventually("the claim has what it wants", async || {
        let status = world.claims.get("box").await?.status.context("no status")?;
        let capacity = status.capacity.context("no capacity")?;
        ensure!(capacity["storage"].0 == "128Mi", "{capacity:?}");
        Ok(())
    })
    .await;
    world.told("VolumeResizeSuccessful").await;
    let directory = world.directory(&volume).await;
    world.claims.delete("box", &DeleteParams::default()).await.unwrap();
    eventually("the volume is released", async || {
        let status = world.volumes.get(&volume).await?.status.context("no status")?;
        ensure!(status.phase.as_deref() == Some("Released"), "{status:?}");
        Ok(())
    })
    .await;
    assert!(directory.exists());
}

#[tokio::test]
async fn ephemeral_volume_should_end_with_its_pod() {
    let world = World::start().await;
    let template = json!({ "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Mi" } },
    }});
    let volume = json!({ "name": "v", "ephemeral": { "volumeClaimTemplate": template } });
    world.run("scratch", volume, "echo a > /data/a && cat /data/a").await;
    in_phase(&world.pods, "scratch", "Succeeded").await;
    assert_eq!(world.pods.logs("scratch", &LogParams::default()).await.unwrap(), "a\n");
    world.in_phase("scratch-v", "Bound").await;
    world.pods.delete("scratch", &DeleteParams::default().grace_period(0)).await.unwrap();
    eventually("claim and volume are gone", async || {
        ensure!(world.claims.get_opt("scratch-v").await?.is_none(), "the claim is there");
        ensure!(world.volumes.list(&ListParams::default()).await?.items.is_empty(), "the volume is there");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn volume_should_be_full_at_its_size_for_all_pods_and_have_room_when_it_grew() {
    let world = World::start().await;
    let small = json!({ "resources": { "requests": { "storage": "1Mi" } } });
    world.claim("small", small).await;
    let fill = "yes aaaaaaaaaaaaaaa | head -c 3000000 > /data/big || echo full";
    world.run("fills", on("small"), &format!("{fill}; wc -c < /data/big; sleep 1000")).await;
    in_phase(&world.pods, "fills", "Running").await;
    let bytes = |log: &str| log.lines().filter_map(|line| line.trim().parse::<u64>().ok()).next_back();
    eventually("the volume is full", async || {
        let log = world.pods.logs("fills", &LogParams::default()).await?;
        let size = bytes(&log).context("not over")?;
        ensure!(size <= 1 << 20, "{log}");
        Ok(())
    })
    .await;
    world.run("other", on("small"), "head -c 500000 /data/big > /data/more || echo full").await;
    in_phase(&world.pods, "other", "Succeeded").await;
    let log = world.pods.logs("other", &LogParams::default()).await.unwrap();
    assert!(log.contains("full"), "{log}");

    let more = json!({ "spec": { "resources": { "requests": { "storage": "8Mi" } } } });
    world.claims.patch("small", &PatchParams::default(), &Patch::Merge(more)).await.unwrap();
    world.told("VolumeResizeSuccessful").await;
    world.run("roomy", on("small"), "head -c 500000 /data/big > /data/more && echo fits").await;
    in_phase(&world.pods, "roomy", "Succeeded").await;
    let log = world.pods.logs("roomy", &LogParams::default()).await.unwrap();
    assert!(log.contains("fits"), "{log}");
}
