//! Registries that want tokens, registries with TLS, and to whom an image belongs that a Secret opened.

use std::sync::Arc;

use serde_json::json;
use tests::Server;
use tests::programs::printer;
use tests::registry::{DockerRegistry, Pusher, USER};
use tests::token_server::PUBLIC;

use super::place::{Place, pull_secrets};

const WASI: &str = "wasi_snapshot_preview1";

#[tokio::test(flavor = "multi_thread")]
async fn a_token_should_be_asked_for_with_the_pods_secret_and_kept_for_its_life() {
    let (registry, tokens) = DockerRegistry::with_tokens(600).await;
    let (pusher, name) = (Pusher::new(Some(USER)), registry.name());
    let (private, public) = (format!("{name}/private/hello:1"), format!("{name}/{PUBLIC}hello:1"));
    for image in [&private, &public] {
        pusher.push_program(image, &printer("let in\n", WASI)).await.unwrap();
    }
    let place = Place::new("tokens").await;
    place.secret("good", &name, USER.1).await;
    place.secret("bad", &name, "wrong").await;
    let run = async |pod: &str, image: &str, secrets: &[&str]| {
        let container = json!({"image": image, "imagePullPolicy": "Always"});
        place.run(pod, container, pull_secrets(secrets)).await;
    };
    let before = (tokens.given(USER.0), tokens.given(""));
    for pod in ["first", "second"] {
        run(pod, &private, &["good"]).await;
        assert_eq!(place.printed(pod).await, "let in\n");
    }
    run("public", &public, &[]).await;
    assert_eq!(place.printed("public").await, "let in\n");
    assert_eq!((tokens.given(USER.0), tokens.given("")), (before.0 + 1, before.1 + 1));

    let failed = |why: &str| {
        format!("failed to pull and unpack image {private:?}: failed to resolve reference {private:?}: {why}")
    };
    run("wrong", &private, &["bad"]).await;
    let told = place.event("wrong", "Failed", "Failed to pull image").await;
    let refused = failed(
        "failed to authorize: failed to fetch oauth token: unexpected status from GET request to http://",
    );
    assert!(told.contains(&refused) && told.ends_with(": 401 Unauthorized"), "{told}");
    let query = "/token?scope=repository%3Aprivate%2Fhello%3Apull&service=tests: 401 Unauthorized";
    assert!(told.ends_with(query), "{told}");
    run("nobody", &private, &[]).await;
    let denied = "pull access denied, repository does not exist or may require authorization: server message: \
                  insufficient_scope: authorization failed";
    let told = place.event("nobody", "Failed", "Failed to pull image").await;
    assert_eq!(told, format!("Failed to pull image {private:?}: {}", failed(denied)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_with_tls_should_be_trusted_by_its_authority_alone() {
    let (good, authority) = DockerRegistry::with_tls().await;
    let (strange, _) = DockerRegistry::with_tls().await;
    let plain = DockerRegistry::open().await;
    let image = |registry: &DockerRegistry| format!("{}/hello:1", registry.name());
    Pusher::trusting(&authority).push_program(&image(&good), &printer("over TLS\n", WASI)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let names = [&good, &strange, &plain].map(|registry| format!("{}={}", registry.name(), file.display()));
    let server = Arc::new(Server::start_with(&["--registry-ca".to_owned(), names.join(",")]));
    let place = Place::on(server, "tls").await;
    for (name, registry) in [("good", &good), ("strange", &strange), ("plain", &plain)] {
        place.run(name, json!({"image": image(registry)}), json!({})).await;
    }
    assert_eq!(place.printed("good").await, "over TLS\n");
    let request = |registry: &DockerRegistry| {
        format!("failed to do request: Get \"https://{}/v2/hello/manifests/1\": ", registry.name())
    };
    let told = place.told("strange", "ImagePullBackOff").await;
    let why = "tls: failed to verify certificate: x509: certificate signed by unknown authority (the option \
               --registry-ca";
    assert!(told.contains(&(request(&strange) + why)), "{told}");
    let told = place.told("plain", "ImagePullBackOff").await;
    let why = "http: server gave HTTP response to HTTPS client";
    assert!(told.contains(&(request(&plain) + why)), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_should_be_open_on_the_node_to_those_whose_secret_opens_it() {
    let registry = DockerRegistry::closed().await;
    let name = registry.name();
    let image = format!("{name}/private/app:1");
    Pusher::new(Some(USER)).push_program(&image, &printer("mine\n", WASI)).await.unwrap();
    let owner = Place::new("owner").await;
    let other = Place::on(owner.server.clone(), "other").await;
    owner.secret("own", &name, USER.1).await;
    other.secret("same", &name, USER.1).await;
    other.secret("wrong", &name, "wrong").await;
    let run = async |place: &Place, pod: &str, policy: &str, secrets: &[&str]| {
        let container = json!({"image": image, "imagePullPolicy": policy});
        let mut more = pull_secrets(secrets);
        more["nodeName"] = json!("node-2");
        place.run(pod, container, more).await;
    };
    run(&owner, "fetches", "IfNotPresent", &["own"]).await;
    assert_eq!(owner.printed("fetches").await, "mine\n");
    let fetched = format!("Successfully pulled image {image:?}");
    owner.event("fetches", "Pulled", &fetched).await;

    let present =
        format!("Container image {image:?} already present on machine and can be accessed by the pod");
    for (place, pod, policy, secret) in [
        (&owner, "again", "IfNotPresent", "own"),
        (&owner, "never", "Never", "own"),
        (&other, "never-with-same", "Never", "same"),
    ] {
        run(place, pod, policy, &[secret]).await;
        assert_eq!(place.printed(pod).await, "mine\n", "{pod}");
        place.event(pod, "Pulled", &present).await;
    }
    for (pod, secrets) in [("stranger", vec![]), ("guesser", vec!["wrong"])] {
        run(&other, pod, "IfNotPresent", &secrets).await;
        let told = other.told(pod, "ImagePullBackOff").await;
        assert!(told.contains("pull access denied"), "{told}");
        let never = format!("{pod}-never");
        run(&other, &never, "Never", &secrets).await;
        let told = other.told(&never, "ErrImageNeverPull").await;
        assert_eq!(told, format!("Container image {image:?} is not present with pull policy of Never"));
    }
}
