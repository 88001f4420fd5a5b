//! Images from registries: a real one that is pushed to, and the cluster's own.

use anyhow::{Context as _, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use kube::api::{LogParams, PostParams};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::objects::{from_json, in_phase, namespace};
use tests::programs::{printer, shell};
use tests::registry::{DockerRegistry, Pusher, USER};
use tests::{Server, eventually};

use super::place::{Place, pull_secrets};

const WASI: &str = "wasi_snapshot_preview1";

/// An archive of one layer, and the digest of its content.
fn layer(files: &[(&str, &[u8])]) -> (Vec<u8>, String) {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        archive.append_data(&mut header, path, *content).unwrap();
    }
    let plain = archive.into_inner().unwrap();
    let digest = format!("sha256:{:x}", Sha256::digest(&plain));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut gzip, &plain).unwrap();
    (gzip.finish().unwrap(), digest)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_image_should_be_pulled_and_run() {
    let registry = DockerRegistry::open().await;
    let (pusher, name) = (Pusher::new(None), registry.name());
    let old = ("application/vnd.wasm.config.v1+json", json!({}));
    let image = |image: &str| format!("{name}/team/{image}");
    pusher.push_program(&image("sh:new"), shell()).await.unwrap();
    let module = printer("from the module\n", WASI);
    let old_layer = "application/vnd.wasm.content.layer.v1+wasm";
    let module_digest = pusher.push(&image("hello:old"), old, &[(old_layer, &module)]).await.unwrap();
    let other = pusher.push_program(&image("hello:other"), &printer("wrong\n", WASI)).await.unwrap();
    let platforms = [("linux", "amd64", other.as_str()), ("wasip1", "wasm", module_digest.as_str())];
    let list = pusher.push_list(&image("hello:list"), &platforms).await.unwrap();
    let (below, below_digest) = layer(&[("bin/sh", shell()), ("etc/hidden", b"x"), ("etc/text", b"below\n")]);
    let (above, above_digest) = layer(&[("etc/.wh.hidden", b""), ("etc/text", b"above\n")]);
    let config = json!({
        "architecture": "wasm", "os": "wasi",
        "config": {
            "Entrypoint": ["/bin/sh"], "Env": ["GREETING=hi", "PATH=/bin"],
        },
        "rootfs": {"type": "layers", "diff_ids": [below_digest, above_digest]},
    });
    let tar = "application/vnd.oci.image.layer.v1.tar+gzip";
    let config = ("application/vnd.oci.image.config.v1+json", config);
    pusher.push(&image("files:1"), config, &[(tar, &below), (tar, &above)]).await.unwrap();

    let place = Place::new("images").await;
    let shell_line = json!(["-c", "echo $((6*7))"]);
    place.run("new", json!({"image": image("sh:new"), "args": shell_line}), json!({})).await;
    place.run("old", json!({"image": image("hello:old")}), json!({})).await;
    place.run("list", json!({"image": image("hello:list")}), json!({})).await;
    let by_digest = format!("{name}/team/hello@{module_digest}");
    place.run("digest", json!({"image": by_digest}), json!({})).await;
    let line = "echo $GREETING; cat /etc/text; test -e /etc/hidden || echo gone";
    place.run("files", json!({"image": image("files:1"), "command": ["sh", "-c", line]}), json!({})).await;

    assert_eq!(place.printed("new").await, "42\n");
    assert_eq!(place.printed("old").await, "from the module\n");
    assert_eq!(place.printed("list").await, "from the module\n");
    assert_eq!(place.printed("digest").await, "from the module\n");
    assert_eq!(place.printed("files").await, "hi\nabove\ngone\n");

    place.event("new", "Pulling", &format!("Pulling image {:?}", image("sh:new"))).await;
    let pulled = place.event("new", "Pulled", "Successfully pulled image").await;
    assert!(pulled.contains(" including waiting). Image size: ") && pulled.ends_with(" bytes."), "{pulled}");
    let pod = place.pods().get("list").await.unwrap();
    let status = pod.status.unwrap().container_statuses.unwrap().remove(0);
    assert_eq!(status.image_id, format!("{name}/team/hello@{list}"));
    let node = pod.spec.unwrap().node_name.unwrap();
    eventually("the node tells of the image", async || {
        let node = Api::<Node>::all(place.client.clone()).get(&node).await?;
        let images = node.status.context("no status")?.images.unwrap_or_default();
        let names: Vec<String> =
            images.into_iter().flat_map(|image| image.names.unwrap_or_default()).collect();
        ensure!(names.contains(&image("hello:list")), "{names:?}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_registry_should_be_asked_with_the_pods_secrets() {
    let registry = DockerRegistry::closed().await;
    let image = format!("{}/private/hello:1", registry.name());
    let module = printer("let in\n", WASI);
    Pusher::new(Some(USER)).push_program(&image, &module).await.unwrap();
    let place = Place::new("closed-registry").await;
    for (name, password) in [("good", USER.1), ("bad", "wrong")] {
        place.secret(name, &registry.name(), password).await;
    }
    let run = async |name: &str, secrets: &[&str]| {
        place.run(name, json!({"image": image}), pull_secrets(secrets)).await;
    };
    run("without", &[]).await;
    run("wrong", &["bad"]).await;
    run("with", &["bad", "missing", "good"]).await;
    assert_eq!(place.printed("with").await, "let in\n");
    let missing =
        "Unable to retrieve some image pull secrets (missing); attempting to pull the image may not succeed.";
    place.event("with", "FailedToRetrieveImagePullSecret", missing).await;
    for name in ["without", "wrong"] {
        let why = place.told(name, "ImagePullBackOff").await;
        assert!(
            why.contains("pull access denied, repository does not exist or may require authorization"),
            "{why}"
        );
        place
            .event(
                name,
                "Failed",
                &format!("Failed to pull image {image:?}: failed to pull and unpack image"),
            )
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_run_should_be_said_and_harm_nobody() {
    let registry = DockerRegistry::open().await;
    let (pusher, name) = (Pusher::new(None), registry.name());
    let truncated = &shell()[..shell().len() / 2];
    let foreign = printer("never\n", "evil");
    let linux = json!({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"diff_ids": []}});
    let config = ("application/vnd.oci.image.config.v1+json", linux);
    pusher.push_program(&format!("{name}/truncated"), truncated).await.unwrap();
    pusher.push_program(&format!("{name}/foreign"), &foreign).await.unwrap();
    pusher.push_program(&format!("{name}/text"), b"no program").await.unwrap();
    let (archive, _) = layer(&[("bin/app", b"ELF")]);
    let tar = "application/vnd.oci.image.layer.v1.tar+gzip";
    pusher.push(&format!("{name}/linux:latest"), config, &[(tar, &archive)]).await.unwrap();
    let place = Place::new("cannot-run").await;
    let cases = [
        ("truncated", "StartError", "not a valid WebAssembly program"),
        ("foreign", "StartError", "evil"),
        ("text", "StartError", "not a valid WebAssembly program"),
        (
            "linux",
            "ImagePullBackOff",
            "it is built for linux/amd64; containers of this cluster are WebAssembly",
        ),
        ("absent", "ImagePullBackOff", ": not found"),
    ];
    for (image, ..) in cases {
        place.run(image, json!({"image": format!("{name}/{image}")}), json!({})).await;
    }
    for (image, reason, message) in cases {
        let told = place.told(image, reason).await;
        assert!(told.contains(message), "{image}: {told}");
    }
    place.run("elsewhere", json!({"image": "registry.example.com/app"}), json!({})).await;
    let told = place.told("elsewhere", "ImagePullBackOff").await;
    assert!(told.contains("they are listed in the option --registries"), "{told}");
    place.run("neighbour", json!({"image": "busybox", "command": ["echo", "well"]}), json!({})).await;
    assert_eq!(place.printed("neighbour").await, "well\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn pull_policies_should_be_kept() {
    let registry = DockerRegistry::open().await;
    let (pusher, image) = (Pusher::new(None), format!("{}/app:1", registry.name()));
    pusher.push_program(&image, &printer("one\n", WASI)).await.unwrap();
    let place = Place::new("pull-policies").await;
    let run = async |name: &str, policy: &str| {
        let on_one_node = json!({"nodeName": "node-1"});
        place.run(name, json!({"image": image, "imagePullPolicy": policy}), on_one_node).await;
    };
    run("never", "Never").await;
    let told = place.told("never", "ErrImageNeverPull").await;
    assert_eq!(told, format!("Container image {image:?} is not present with pull policy of Never"));
    run("first", "IfNotPresent").await;
    assert_eq!(place.printed("first").await, "one\n");
    pusher.push_program(&image, &printer("two\n", WASI)).await.unwrap();
    run("second", "IfNotPresent").await;
    assert_eq!(place.printed("second").await, "one\n");
    let present =
        format!("Container image {image:?} already present on machine and can be accessed by the pod");
    place.event("second", "Pulled", &present).await;
    run("third", "Always").await;
    assert_eq!(place.printed("third").await, "two\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clusters_own_registry_should_be_pushed_to_and_pulled_from() {
    let place = Place::new("own-registry").await;
    let (pusher, door) = (Pusher::new(None), place.server.address());
    let image = format!("{door}/team/hello:1");
    let digest = pusher.push_program(&image, &printer("own\n", WASI)).await.unwrap();
    pusher.push_list(&format!("{door}/team/hello:list"), &[("wasip1", "wasm", &digest)]).await.unwrap();
    assert_eq!(pusher.tags(&image).await.unwrap(), ["1", "list"]);
    let by_name = format!("localhost:{}/team/hello:1", door.port());
    let names = [image.as_str(), by_name.as_str(), "registry.kijabi/team/hello:list"];
    for (number, image) in names.iter().enumerate() {
        let name = format!("pod-{number}");
        place.run(&name, json!({"image": image}), json!({})).await;
        assert_eq!(place.printed(&name).await, "own\n", "{image}");
    }
    let told = put(&place.server, "page/sh:2", shell()).await.unwrap();
    assert_eq!(told["image"], "registry.kijabi/page/sh:2");
    place.run("page", json!({"image": told["image"], "args": ["-c", "echo put"]}), json!({})).await;
    assert_eq!(place.printed("page").await, "put\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn images_should_outlive_a_killed_server() {
    let mut server = Server::start();
    let client = server.client().await.unwrap();
    namespace(&client, "kept").await.unwrap();
    put(&server, "hello", &printer("kept\n", WASI)).await.unwrap();
    let pod = |name: &str, policy: &str| -> Pod {
        let container = json!({"name": "main", "image": "registry.kijabi/hello", "imagePullPolicy": policy});
        let spec = json!({"restartPolicy": "Never", "nodeName": "node-1", "containers": [container]});
        from_json(json!({"metadata": {"name": name}, "spec": spec}))
    };
    let pods = Api::<Pod>::namespaced(client, "kept");
    pods.create(&PostParams::default(), &pod("before", "Always")).await.unwrap();
    in_phase(&pods, "before", "Succeeded").await;
    server.kill();
    server.start_again();
    let pods = Api::<Pod>::namespaced(server.client().await.unwrap(), "kept");
    for (name, policy) in [("present", "Never"), ("pulled", "Always")] {
        pods.create(&PostParams::default(), &pod(name, policy)).await.unwrap();
        in_phase(&pods, name, "Succeeded").await;
        assert_eq!(pods.logs(name, &LogParams::default()).await.unwrap(), "kept\n");
    }
}

/// Puts a program into the cluster's registry as the page does.
async fn put(server: &Server, name: &str, program: &[u8]) -> Result<Value> {
    let request = http::Request::put(format!("/kijabi/images/{name}")).body(program.to_vec())?;
    let text = server.page_client()?.request_text(request).await?;
    Ok(serde_json::from_str(&text)?)
}
