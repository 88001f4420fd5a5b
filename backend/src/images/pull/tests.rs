use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use shared::images::manifest::{WASM_CONFIG, WASM_LAYER};
use tempfile::TempDir;

use super::*;

/// What a registry answers, by path; and how often blobs were asked for.
#[derive(Clone, Default)]
struct Answers {
    bodies: Arc<BTreeMap<String, Vec<u8>>>,
    blobs: Arc<AtomicU64>,
}

async fn answer(State(answers): State<Answers>, uri: Uri) -> axum::response::Response {
    if uri.path().contains("/blobs/") {
        answers.blobs.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    match answers.bodies.get(uri.path()) {
        Some(body) => ([(header::CONTENT_TYPE, MANIFEST)], body.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A service whose own registry is one that answers what it likes.
struct World {
    service: ImageService,
    answers: Answers,
    directory: TempDir,
}

impl World {
    fn new(bodies: Vec<(String, Vec<u8>)>) -> World {
        let directory = tempfile::tempdir().unwrap();
        let service = ImageService::open(directory.path(), RegistryOptions::default()).unwrap();
        let answers = Answers { bodies: Arc::new(bodies.into_iter().collect()), ..Answers::default() };
        let router = Router::new().fallback(answer).with_state(answers.clone());
        service.registries.set_own(vec!["localhost:1".into()], router);
        World { service, answers, directory }
    }

    async fn pull(&self, node: &str, image: &str) -> Result<Arc<Image>, String> {
        let (node, reference) = (self.service.node(node), image.parse().unwrap());
        self.service.pull(&node, &reference, vec![], Timestamp::UNIX_EPOCH, &Progress::default()).await
    }
}

const PROGRAM: &[u8] = b"\0asm\x01\0\0\0";

fn blob(content: &[u8]) -> (String, Vec<u8>) {
    (format!("/v2/app/blobs/{}", Digest::of(content)), content.to_vec())
}

/// A manifest of one program that promises this digest and size.
fn manifest(digest: &str, size: u64) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": WASM_CONFIG, "digest": Digest::of(b"{}").as_str(), "size": 2},
        "layers": [{"mediaType": WASM_LAYER, "digest": digest, "size": size}],
    })
}

fn named(tag: &str, manifest: &Value) -> (String, Vec<u8>) {
    (format!("/v2/app/manifests/{tag}"), manifest.to_string().into_bytes())
}

#[tokio::test]
async fn a_registry_should_be_believed_nothing() {
    let digest = Digest::of(PROGRAM);
    let good = manifest(digest.as_str(), 8);
    let wrong_blob = (blob(PROGRAM).0, b"\0asm\x02\0\0\0".to_vec());
    let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {"mediaType": MANIFEST, "digest": "sha256:../../etc/passwd", "size": 1}
    ]});
    let circle = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []});
    let other = format!("localhost:1/app@{}", Digest::of(b"another manifest"));
    let by_other = (other.replace("localhost:1/app@", "/v2/app/manifests/"), good.to_string().into_bytes());
    let large = (named("latest", &good).0, vec![b' '; 5 << 20]);
    // An image, what the registry answers, and what is said of it.
    type Case<'a> = (&'a str, Vec<(String, Vec<u8>)>, &'a str);
    let cases: Vec<Case<'_>> = vec![
        ("localhost:1/app", vec![], "localhost:1/app:latest: not found"),
        ("localhost:1/app", vec![named("latest", &json!("text"))], "the manifest cannot be read"),
        ("localhost:1/app", vec![large], "the manifest is larger than 4194304 bytes"),
        ("localhost:1/app", vec![named("latest", &good), wrong_blob], "the content has the digest"),
        (
            "localhost:1/app",
            vec![named("latest", &manifest(digest.as_str(), 7)), blob(PROGRAM)],
            "it is longer than the 7 bytes",
        ),
        (
            "localhost:1/app",
            vec![named("latest", &manifest(digest.as_str(), 9)), blob(PROGRAM)],
            "it ends after 8 of 9 bytes",
        ),
        (
            "localhost:1/app",
            vec![named("latest", &manifest(digest.as_str(), 1 << 40)), blob(PROGRAM)],
            "its content is larger than",
        ),
        (
            "localhost:1/app",
            vec![named("latest", &manifest("sha256:../../x", 8))],
            "is no digest that is supported",
        ),
        ("localhost:1/app", vec![named("latest", &list)], "is no digest that is supported"),
        ("localhost:1/app", vec![named("latest", &circle)], "no match for platform in manifest: not found"),
        (other.as_str(), vec![by_other], "the manifest has the digest"),
    ];
    for (image, bodies, expected) in cases {
        let world = World::new(bodies);
        let error = world.pull("n", image).await.unwrap_err();
        assert!(error.starts_with("failed to pull and unpack image \"localhost:1/app"), "{error}");
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(world.service.node("n").list().is_empty());
    }
}

#[tokio::test]
async fn what_many_pull_at_once_should_be_fetched_once() {
    let digest = Digest::of(PROGRAM);
    let world = World::new(vec![named("1", &manifest(digest.as_str(), 8)), blob(PROGRAM)]);
    let nodes = ["a", "b", "c"];
    let pulls = nodes.map(|node| world.pull(node, "localhost:1/app:1"));
    for image in futures::future::join_all(pulls).await {
        let image = image.unwrap();
        assert_eq!((image.entrypoint.as_slice(), image.size_bytes), (&["app".to_owned()][..], 8));
        assert_eq!(&image.launch(vec!["/app.wasm".into()]).unwrap().program.read().unwrap()[..], PROGRAM);
    }
    assert_eq!(world.answers.blobs.load(Ordering::Relaxed), 1);
    let own = |node: &str| world.service.node(node).list().len();
    assert_eq!(nodes.map(own), [1, 1, 1]);
    assert_eq!(own("d"), 0);
}

#[tokio::test]
async fn a_pull_that_nobody_wants_any_more_should_leave_nothing_and_hold_up_nobody() {
    let digest = Digest::of(PROGRAM);
    let world = World::new(vec![named("1", &manifest(digest.as_str(), 8)), blob(PROGRAM)]);
    let ingests = || {
        let found = std::fs::read_dir(world.directory.path().join("ingest"));
        found.map_or(0, Iterator::count)
    };
    let mut first = Box::pin(world.pull("a", "localhost:1/app:1"));
    while world.answers.blobs.load(Ordering::Relaxed) == 0 {
        assert!(futures::poll!(&mut first).is_pending());
        tokio::task::yield_now().await;
    }
    let second = world.pull("b", "localhost:1/app:1");
    drop(first);
    assert!(second.await.is_ok());
    assert_eq!(ingests(), 0);
    assert!(world.service.node("a").list().is_empty());
    assert_eq!(world.answers.blobs.load(Ordering::Relaxed), 2);
}
