use axum::body::Bytes;
use axum::http::HeaderMap;
use http_body_util::BodyExt as _;
use shared::apiserver::user::User;
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::*;
use crate::images::store::StoredImage;

/// A registry on a directory of its own.
struct Desk {
    registry: Registry,
    _directory: TempDir,
}

/// What it answered.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Desk {
    fn new() -> Desk {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(ImageStore::open(directory.path()).unwrap());
        let registry = Registry::open(&directory.path().join("registry"), store).unwrap();
        Desk { registry, _directory: directory }
    }

    async fn ask_as(&self, groups: &[&str], line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body.to_vec())).unwrap();
        let caller =
            Caller { user: User::new("u", groups), user_agent: String::new(), source_ip: String::new() };
        request.extensions_mut().insert(caller);
        let answer = self.registry.router().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn ask(&self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.ask_as(&[MASTERS], line, headers, body).await
    }

    /// Pushes a blob at once.
    async fn push(&self, name: &str, content: &[u8]) -> Digest {
        let digest = Digest::of(content);
        let answer = self.ask(&format!("POST /v2/{name}/blobs/uploads/?digest={digest}"), &[], content).await;
        assert_eq!(answer.status, 201);
        digest
    }

    /// Pushes a manifest of one layer under a reference.
    async fn push_manifest(&self, name: &str, reference: &str, more: Value) -> Answer {
        let layer = self.push(name, b"\0asm\x01\0\0\0").await;
        let config = self.push(name, b"{}").await;
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": shared::images::manifest::MANIFEST,
            "config": {"mediaType": "application/vnd.wasm.config.v0+json", "digest": config.as_str(), "size": 2},
            "layers": [{"mediaType": "application/wasm", "digest": layer.as_str(), "size": 8}],
        });
        manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.ask(&format!("PUT /v2/{name}/manifests/{reference}"), &[], manifest.to_string().as_bytes()).await
    }
}

#[tokio::test]
async fn a_blob_should_be_pushed_in_pieces_and_read_in_parts() {
    let desk = Desk::new();
    let begun = desk.ask("POST /v2/team/app/blobs/uploads/", &[], b"").await;
    assert_eq!((begun.status, begun.header("range")), (202, "0-0"));
    let place = begun.header("location").to_owned();
    let first = desk.ask(&format!("PATCH {place}"), &[("content-range", "0-2")], b"abc").await;
    assert_eq!((first.status, first.header("range")), (202, "0-2"));
    let gap = desk.ask(&format!("PATCH {place}"), &[("content-range", "9-10")], b"xx").await;
    assert_eq!(gap.status, 416);
    let asked = desk.ask(&format!("GET {place}"), &[], b"").await;
    assert_eq!((asked.status, asked.header("range")), (204, "0-2"));
    let digest = Digest::of(b"abcdef");
    let wrong = format!("PUT /v2/other{}?digest={digest}", place.trim_start_matches("/v2/team/app"));
    assert_eq!(desk.ask(&wrong, &[], b"").await.code(), "BLOB_UPLOAD_UNKNOWN");
    let done = desk.ask(&format!("PUT {place}?digest={digest}"), &[("content-range", "3-5")], b"def").await;
    assert_eq!(
        (done.status, done.header("location")),
        (201, format!("/v2/team/app/blobs/{digest}").as_str())
    );

    let path = format!("/v2/team/app/blobs/{digest}");
    let head = desk.ask(&format!("HEAD {path}"), &[], b"").await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "6", 0));
    assert_eq!(&desk.ask(&format!("GET {path}"), &[], b"").await.body[..], b"abcdef");
    let part = desk.ask(&format!("GET {path}"), &[("range", "bytes=1-3")], b"").await;
    assert_eq!(
        (part.status, &part.body[..], part.header("content-range")),
        (206, &b"bcd"[..], "bytes 1-3/6")
    );
    assert_eq!(desk.ask(&format!("DELETE {path}"), &[], b"").await.status, 202);
    assert_eq!(desk.ask(&format!("GET {path}"), &[], b"").await.status, 404);
}

#[tokio::test]
async fn a_blob_should_be_mounted_from_another_repository_or_uploaded() {
    let desk = Desk::new();
    let digest = desk.push("one", b"blob").await;
    let mount = |from: &str| format!("POST /v2/two/blobs/uploads/?mount={digest}&from={from}");
    assert_eq!(desk.ask(&mount("nowhere"), &[], b"").await.status, 202);
    assert_eq!(desk.ask(&mount("one"), &[], b"").await.status, 201);
    assert_eq!(desk.ask(&format!("HEAD /v2/two/blobs/{digest}"), &[], b"").await.status, 200);
}

#[tokio::test]
async fn an_upload_should_be_cancelled_and_its_content_be_what_was_promised() {
    let desk = Desk::new();
    let begun = desk.ask("POST /v2/app/blobs/uploads/", &[], b"").await;
    let place = begun.header("location").to_owned();
    assert_eq!(desk.ask(&format!("DELETE {place}"), &[], b"").await.status, 204);
    assert_eq!(desk.ask(&format!("GET {place}"), &[], b"").await.code(), "BLOB_UPLOAD_UNKNOWN");
    let other = Digest::of(b"other");
    let answer = desk.ask(&format!("POST /v2/app/blobs/uploads/?digest={other}"), &[], b"content").await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "DIGEST_INVALID"));
    assert_eq!(desk.ask("POST /v2/app/blobs/uploads/?digest=md5:0", &[], b"").await.code(), "DIGEST_INVALID");
}

#[tokio::test]
async fn manifests_should_be_found_by_tag_and_digest() {
    let desk = Desk::new();
    let put = desk.push_manifest("app", "v1", json!({})).await;
    assert_eq!(put.status, 201);
    let digest = put.header("docker-content-digest").to_owned();
    for reference in ["v1", digest.as_str()] {
        let got = desk.ask(&format!("GET /v2/app/manifests/{reference}"), &[], b"").await;
        assert_eq!((got.status, got.header("docker-content-digest")), (200, digest.as_str()));
        assert_eq!(got.header("content-type"), shared::images::manifest::MANIFEST);
        assert_eq!(Digest::of(&got.body).as_str(), digest);
    }
    assert_eq!(desk.ask("DELETE /v2/app/manifests/v1", &[], b"").await.status, 202);
    assert_eq!(desk.ask("GET /v2/app/manifests/v1", &[], b"").await.code(), "MANIFEST_UNKNOWN");
    assert_eq!(desk.ask(&format!("GET /v2/app/manifests/{digest}"), &[], b"").await.status, 200);
    assert_eq!(desk.ask(&format!("DELETE /v2/app/manifests/{digest}"), &[], b"").await.status, 202);
    assert_eq!(desk.ask(&format!("GET /v2/app/manifests/{digest}"), &[], b"").await.status, 404);
}

#[tokio::test]
async fn a_manifest_should_be_refused_for_what_is_wrong_with_it() {
    let desk = Desk::new();
    let missing = format!("sha256:{}", "0".repeat(64));
    let layers = json!({"layers": [{"mediaType": "application/wasm", "digest": missing, "size": 1}]});
    let cases = [
        ("v1", layers, 404, "MANIFEST_BLOB_UNKNOWN"),
        ("v1", json!({"schemaVersion": 1}), 400, "MANIFEST_INVALID"),
        ("-v1", json!({}), 400, "MANIFEST_INVALID"),
        (missing.as_str(), json!({}), 400, "DIGEST_INVALID"),
    ];
    for (reference, more, status, code) in cases {
        let answer = desk.push_manifest("app", reference, more).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{reference}");
    }
    let large = vec![b' '; 5 << 20];
    assert_eq!(desk.ask("PUT /v2/app/manifests/v1", &[], &large).await.status, 413);
}

#[tokio::test]
async fn tags_should_be_listed_in_pages() {
    let desk = Desk::new();
    for tag in ["c", "a", "b"] {
        desk.push_manifest("team/app", tag, json!({})).await;
    }
    let list = async |query: &str| desk.ask(&format!("GET /v2/team/app/tags/list{query}"), &[], b"").await;
    let tags = |answer: &Answer| serde_json::from_slice::<Value>(&answer.body).unwrap()["tags"].clone();
    assert_eq!(tags(&list("").await), json!(["a", "b", "c"]));
    let first = list("?n=2").await;
    assert_eq!(tags(&first), json!(["a", "b"]));
    assert_eq!(first.header("link"), "</v2/team/app/tags/list?n=2&last=b>; rel=\"next\"");
    let rest = list("?n=2&last=b").await;
    assert_eq!((tags(&rest), rest.header("link")), (json!(["c"]), ""));
    assert_eq!(desk.ask("GET /v2/nothing/tags/list", &[], b"").await.code(), "NAME_UNKNOWN");
    let all = desk.ask("GET /v2/_catalog", &[], b"").await;
    assert_eq!(serde_json::from_slice::<Value>(&all.body).unwrap(), json!({"repositories": ["team/app"]}));
}

#[tokio::test]
async fn what_refers_to_a_manifest_should_be_listed() {
    let desk = Desk::new();
    let subject = desk.push_manifest("app", "v1", json!({})).await.header("docker-content-digest").to_owned();
    let about = json!({"artifactType": "a/b", "subject": {"mediaType": "m", "digest": subject, "size": 1}});
    let put = desk.push_manifest("app", "about", about).await;
    assert_eq!(put.header("oci-subject"), subject);
    for (query, expected, filtered) in
        [("", 1, ""), ("?artifactType=a/b", 1, "artifactType"), ("?artifactType=c/d", 0, "artifactType")]
    {
        let answer = desk.ask(&format!("GET /v2/app/referrers/{subject}{query}"), &[], b"").await;
        let list: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(list["manifests"].as_array().unwrap().len(), expected, "{query}");
        assert_eq!(answer.header("oci-filters-applied"), filtered, "{query}");
    }
}

#[tokio::test]
async fn only_administrators_should_write() {
    let desk = Desk::new();
    desk.push_manifest("app", "v1", json!({})).await;
    for line in [
        "POST /v2/app/blobs/uploads/",
        "PUT /v2/app/manifests/v1",
        "DELETE /v2/app/manifests/v1",
        "PUT /kijabi/images/app",
        "DELETE /kijabi/images/app:v1",
    ] {
        let answer = desk.ask_as(&["system:authenticated"], line, &[], b"").await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "DENIED"), "{line}");
    }
    let read = desk.ask_as(&["system:authenticated"], "GET /v2/app/manifests/v1", &[], b"").await;
    assert_eq!(read.status, 200);
}

#[tokio::test]
async fn what_is_no_path_of_a_registry_should_be_refused() {
    let desk = Desk::new();
    let cases = [
        ("GET /v2/", 200, ""),
        ("GET /v2", 200, ""),
        ("GET /v2/App/tags/list", 400, "NAME_INVALID"),
        ("GET /v2/a/../b/tags/list", 400, "NAME_INVALID"),
        ("GET /v2/a%2F..%2F..%2Fb/manifests/x", 400, "NAME_INVALID"),
        ("GET /v2/app/blobs/sha256:0", 400, "DIGEST_INVALID"),
        ("GET /v2/app/nothing/x", 404, "UNSUPPORTED"),
        ("POST /v2/app/manifests/x", 405, "UNSUPPORTED"),
        ("POST /v2/app/tags/list", 405, "UNSUPPORTED"),
        ("DELETE /v2/", 405, "UNSUPPORTED"),
        ("PUT /v2/_catalog", 405, "UNSUPPORTED"),
        ("POST /v2/app/blobs/uploads/x", 405, "UNSUPPORTED"),
    ];
    for (line, status, code) in cases {
        let answer = desk.ask(line, &[], b"").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{line}");
    }
}

#[tokio::test]
async fn a_program_should_be_put_under_a_name() {
    let desk = Desk::new();
    let put = desk.ask("PUT /kijabi/images/team/app:1", &[], b"\0asm\x0d\0\x01\0").await;
    assert_eq!(put.status, 201);
    let told: Value = serde_json::from_slice(&put.body).unwrap();
    assert_eq!(
        (&told["image"], &told["platform"]),
        (&json!("registry.kijabi/team/app:1"), &json!("wasip2/wasm"))
    );
    let manifest = desk.ask("GET /v2/team/app/manifests/1", &[], b"").await;
    let manifest: Value = serde_json::from_slice(&manifest.body).unwrap();
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    let list: Value = serde_json::from_slice(&desk.ask("GET /kijabi/images", &[], b"").await.body).unwrap();
    assert_eq!(list["repositories"][0]["images"][0]["image"], "registry.kijabi/team/app:1");
    let text = desk.ask("PUT /kijabi/images/app", &[], b"text").await;
    assert_eq!((text.status, text.code().as_str()), (400, "BLOB_UPLOAD_INVALID"));
    assert_eq!(desk.ask("PUT /kijabi/images/App", &[], b"").await.code(), "NAME_INVALID");
}

#[tokio::test]
async fn a_request_that_is_given_up_should_not_keep_its_upload() {
    let desk = Desk::new();
    let begun = desk.ask("POST /v2/app/blobs/uploads/", &[], b"").await;
    let place = begun.header("location").to_owned();
    let caller =
        Caller { user: User::new("u", &[MASTERS]), user_agent: String::new(), source_ip: String::new() };
    let endless = futures::stream::pending::<Result<Bytes, std::io::Error>>();
    let mut request = Request::patch(&place).body(Body::from_stream(endless)).unwrap();
    request.extensions_mut().insert(caller);
    {
        let mut answer = Box::pin(desk.registry.router().oneshot(request));
        assert!(futures::poll!(&mut answer).is_pending());
        let busy = desk.ask(&format!("PATCH {place}"), &[], b"x").await;
        assert_eq!(busy.code(), "BLOB_UPLOAD_INVALID");
    }
    assert_eq!(desk.ask(&format!("PATCH {place}"), &[], b"x").await.code(), "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(desk.registry.shared.uploads.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_chunk_should_be_as_long_as_its_range_and_follow_the_last() {
    let desk = Desk::new();
    let begun = desk.ask("POST /v2/app/blobs/uploads/", &[], b"").await;
    let place = begun.header("location").to_owned();
    let cases = [
        ("1-3", "3", 416, "BLOB_UPLOAD_INVALID"),
        ("0-", "3", 416, "BLOB_UPLOAD_INVALID"),
        ("0-3", "3", 400, "SIZE_INVALID"),
        ("0-2", "3", 202, ""),
        ("0-2", "3", 416, "BLOB_UPLOAD_INVALID"),
        ("bytes 3-5/*", "3", 202, ""),
    ];
    for (range, length, status, code) in cases {
        let headers = [("content-range", range), ("content-length", length)];
        let answer = desk.ask(&format!("PATCH {place}"), &headers, b"abc").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{range}");
    }
    assert_eq!(desk.ask(&format!("GET {place}"), &[], b"").await.header("range"), "0-5");
    let digest = Digest::of(b"abcabc");
    assert_eq!(desk.ask(&format!("PUT {place}?digest={digest}"), &[], b"").await.status, 201);
    let blob = format!("GET /v2/app/blobs/{digest}");
    let beyond = desk.ask(&blob, &[("range", "bytes=6-")], b"").await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */6"));
    assert_eq!(desk.ask(&blob, &[("range", "bytes=0-1,4-5")], b"").await.status, 200);
}

#[tokio::test]
async fn a_repository_may_be_called_as_parts_of_paths_are() {
    let desk = Desk::new();
    for name in ["v2", "v2/app", "blobs/uploads", "team/manifests", "tags/list"] {
        assert_eq!(desk.push_manifest(name, "1", json!({})).await.status, 201, "{name}");
        let tags = desk.ask(&format!("GET /v2/{name}/tags/list"), &[], b"").await;
        assert_eq!(serde_json::from_slice::<Value>(&tags.body).unwrap()["name"], *name);
    }
}

#[tokio::test]
async fn the_type_of_a_manifest_should_be_what_it_says_itself() {
    let desk = Desk::new();
    let own = shared::images::manifest::MANIFEST;
    desk.push_manifest("app", "1", json!({})).await;
    let body = desk.ask("GET /v2/app/manifests/1", &[], b"").await.body;
    let with_parameters = format!("{own}; charset=utf-8");
    for (given, status) in [(own, 201), (with_parameters.as_str(), 201), ("application/json", 400)] {
        let answer = desk.ask("PUT /v2/app/manifests/2", &[("content-type", given)], &body).await;
        assert_eq!(answer.status, status, "{given}");
    }
    let untyped = String::from_utf8(body.to_vec()).unwrap().replace(&format!("\"mediaType\":{own:?},"), "");
    let headers = [("content-type", with_parameters.as_str())];
    assert_eq!(desk.ask("PUT /v2/app/manifests/3", &headers, untyped.as_bytes()).await.status, 201);
    for tag in [2, 3] {
        let got = desk.ask(&format!("HEAD /v2/app/manifests/{tag}"), &[], b"").await;
        assert_eq!((got.status, got.header("content-type")), (200, own));
    }
}

#[tokio::test]
async fn a_manifest_should_be_pushed_under_many_tags_at_once() {
    let desk = Desk::new();
    let put = desk.push_manifest("app", "1", json!({})).await;
    let digest = put.header("docker-content-digest").to_owned();
    let body = desk.ask("GET /v2/app/manifests/1", &[], b"").await.body;
    let line = format!("PUT /v2/app/manifests/{digest}?tag=1.2&tag=latest");
    assert_eq!(desk.ask(&line, &[], &body).await.header("oci-tag"), "1.2, latest");
    assert_eq!(desk.ask(&format!("{line}&tag=-"), &[], &body).await.code(), "MANIFEST_INVALID");
    let tags = desk.ask("GET /v2/app/tags/list?n=0", &[], b"").await;
    let none: Value = serde_json::from_slice(&tags.body).unwrap();
    assert_eq!((none["tags"].clone(), tags.header("link")), (json!([]), ""));
    let tags = desk.ask("GET /v2/app/tags/list", &[], b"").await;
    let all: Value = serde_json::from_slice(&tags.body).unwrap();
    assert_eq!(all["tags"], json!(["1", "1.2", "latest"]));
    assert_eq!(desk.ask(&format!("DELETE /v2/app/manifests/{digest}"), &[], b"").await.status, 202);
    let tags = desk.ask("GET /v2/app/tags/list", &[], b"").await;
    assert_eq!(
        (tags.status, serde_json::from_slice::<Value>(&tags.body).unwrap()["tags"].clone()),
        (200, json!([]))
    );
}

#[tokio::test]
async fn a_manifest_that_is_known_should_not_be_sent_again() {
    let desk = Desk::new();
    let digest = desk.push_manifest("app", "1", json!({})).await.header("docker-content-digest").to_owned();
    let got = desk.ask("GET /v2/app/manifests/1", &[], b"").await;
    assert_eq!(got.header("etag"), format!("\"{digest}\""));
    let known = format!("\"other\", \"{digest}\"");
    let again = desk.ask("GET /v2/app/manifests/1", &[("if-none-match", &known)], b"").await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let other = desk.ask("GET /v2/app/manifests/1", &[("if-none-match", "\"other\"")], b"").await;
    assert_eq!(other.status, 200);
}

impl Desk {
    /// The images as the page sees them, without those that are built in.
    async fn images(&self) -> Vec<Value> {
        let answer = self.ask("GET /kijabi/images", &[], b"").await;
        let all: Value = serde_json::from_slice(&answer.body).unwrap();
        let images = all["images"].as_array().unwrap().iter();
        images.filter(|image| image["from"] != "built-in").cloned().collect()
    }
}

#[tokio::test]
async fn images_should_be_listed_with_size_digest_and_where_they_are_from() {
    let desk = Desk::new();
    let program = b"\0asm\x01\0\0\0";
    let put = desk.ask("PUT /kijabi/images/team/app:1", &[], program).await;
    let told: Value = serde_json::from_slice(&put.body).unwrap();
    assert_eq!(told["sizeBytes"], 8);
    let fetched = StoredImage {
        tags: ["registry.kijabi/team/app:1".to_owned(), "docker.io/other/app:2".to_owned()].into(),
        ..StoredImage::of_program(told["digest"].as_str().unwrap(), 8)
    };
    let node = desk.registry.shared.store.node("node-1");
    for name in &fetched.tags {
        node.add(&name.parse().unwrap(), StoredImage { tags: BTreeSet::new(), ..fetched.clone() }).unwrap();
    }
    let images = desk.images().await;
    let seen: Vec<_> =
        images.iter().map(|image| (&image["image"], &image["from"], &image["nodes"])).collect();
    let on_node = json!(["node-1"]);
    assert_eq!(
        seen,
        [
            (&json!("registry.kijabi/team/app:1"), &json!("registry"), &on_node),
            (&json!("docker.io/other/app:2"), &json!("pulled"), &on_node),
        ]
    );
    assert!(images.iter().all(|image| image["digest"] == told["digest"]));
    // The program and what describes it.
    assert!(images[0]["sizeBytes"].as_u64().unwrap() > 8, "{images:?}");
    let all: Value = serde_json::from_slice(&desk.ask("GET /kijabi/images", &[], b"").await.body).unwrap();
    let nginx = all["images"].as_array().unwrap().iter().find(|image| image["from"] == "built-in");
    assert_eq!(nginx.unwrap()["image"], "docker.io/library/nginx:latest");
    assert_eq!(all["limitBytes"], 256 << 20);
}

#[tokio::test]
async fn what_is_there_for_a_deleted_or_replaced_tag_alone_should_go_with_it() {
    let desk = Desk::new();
    let (module, component) = (b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0");
    for (tag, program) in [("1", module), ("2", module), ("2", component)] {
        assert_eq!(desk.ask(&format!("PUT /kijabi/images/app:{tag}"), &[], program).await.status, 201);
    }
    let repository = || desk.registry.shared.repositories.get("app").unwrap_or_default();
    // Two programs, each with its configuration.
    assert_eq!((repository().manifests.len(), repository().blobs.len()), (2, 4));
    assert_eq!(desk.ask("PUT /kijabi/images/app:1", &[], component).await.status, 201);
    assert_eq!((repository().manifests.len(), repository().blobs.len()), (1, 2));
    assert_eq!(desk.ask("DELETE /kijabi/images/app:1", &[], b"").await.status, 204);
    assert_eq!(desk.ask("GET /v2/app/manifests/2", &[], b"").await.status, 200);
    assert_eq!(desk.ask("DELETE /kijabi/images/app:1", &[], b"").await.code(), "MANIFEST_UNKNOWN");
    assert_eq!(desk.ask("DELETE /kijabi/images/app:2", &[], b"").await.status, 204);
    assert_eq!(desk.ask("DELETE /kijabi/images/app:2", &[], b"").await.code(), "NAME_UNKNOWN");
    assert_eq!(desk.images().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_refused_program_should_leave_nothing_behind() {
    let desk = Desk::new();
    assert_eq!(desk.ask("PUT /kijabi/images/app", &[], b"text").await.status, 400);
    assert_eq!(desk.ask("PUT /kijabi/images/app:-1", &[], b"\0asm\x01\0\0\0").await.code(), "NAME_INVALID");
    assert_eq!(desk.registry.shared.repositories.names(), Vec::<String>::new());
}
