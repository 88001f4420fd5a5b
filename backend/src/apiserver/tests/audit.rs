//! What the audit tells of requests from the wire.

use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, poll};
use shared::store::{KeyValue, Range, RangeRequest, Revision, StoreError, WatchItem, Write, WriteOutcome};
use tokio::sync::Semaphore;

use super::*;

type Headers = &'static [(&'static str, &'static str)];

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const JSON: Headers = &[("content-type", "application/json")];

fn described(event: &Event) -> String {
    let about = event.object_ref.as_ref();
    let about = about.map(|about| {
        let parts = [&about.namespace, &about.resource, &about.name, &about.subresource];
        parts.map(String::as_str).join("/")
    });
    let code = event.response_status.code;
    format!("{} {} {code} {}", event.verb, about.unwrap_or_default(), event.stage)
}

#[tokio::test]
async fn every_refusal_should_be_recorded_as_what_it_was() {
    let front = front().await;
    let large = "x".repeat(4 << 20);
    let pod = "/api/v1/namespaces/default/pods/web";
    let map = &format!("{MAPS}/one");
    let csv = &[("content-type", "text/csv")];
    let cases: [(String, Headers, &str, &str); 14] = [
        (format!("POST {MAPS}?dryRun=None"), JSON, "{}", "create default/configmaps// 400"),
        (format!("POST {MAPS}"), JSON, "{", "create default/configmaps// 400"),
        (format!("POST {MAPS}"), JSON, &large, "create default/configmaps// 413"),
        (format!("POST {MAPS}"), csv, "a", "create default/configmaps// 415"),
        (format!("PATCH {map}"), JSON, "{}", "patch default/configmaps/one/ 415"),
        (format!("POST {map}"), JSON, "{}", "create default/configmaps/one/ 405"),
        (format!("GET {MAPS}"), &[("accept", "text/csv")], "", "list default/configmaps// 406"),
        (format!("GET {MAPS}?limit=many"), &[], "", "list default/configmaps// 400"),
        (format!("GET {map}?x=1"), &[], "", "get default/configmaps/one/ 404"),
        (format!("POST {pod}/exec?command=ls"), &[], "", "create default/pods/web/exec 404"),
        (format!("GET {pod}/log?container=a"), &[], "", "get default/pods/web/log 404"),
        ("GET /api/v1/podz".into(), &[], "", "list /podz// 404"),
        ("GET /apis/none".into(), &[], "", "get  404"),
        ("GET /openapi/v3/none".into(), &[], "", "get  404"),
    ];
    for (line, headers, body, expected) in &cases {
        let before = front.server.audit.events().len();
        let response = front.send(request(line, headers, (*body).to_owned())).await;
        let event = front.last_event();
        assert_eq!(described(&event), format!("{expected} ResponseComplete"), "{line}");
        assert_eq!(event.request_uri, line.split_once(' ').unwrap().1);
        assert_eq!(event.response_status.code, response.status().as_u16());
        assert_eq!(event.response_status.status.as_deref(), Some("Failure"), "{line}");
        assert_eq!(front.server.audit.events().len(), before + 1, "{line}");
    }
}

#[tokio::test]
async fn what_was_done_should_be_recorded_with_its_query() {
    let front = front().await;
    let map = r#"{"metadata": {"name": "one"}}"#;
    let cases = [
        (format!("POST {MAPS}?dryRun=All"), map, "create default/configmaps/one/ 201 ResponseComplete"),
        (format!("POST {MAPS}"), map, "create default/configmaps/one/ 201 ResponseComplete"),
        (format!("GET {MAPS}?limit=5"), "", "list default/configmaps// 200 ResponseComplete"),
        (format!("GET {MAPS}?watch=1"), "", "watch default/configmaps// 200 ResponseStarted"),
        ("GET /apis".into(), "", "get  200 ResponseComplete"),
    ];
    for (line, body, expected) in &cases {
        front.send(request(line, JSON, (*body).to_owned())).await;
        let event = front.last_event();
        assert_eq!(described(&event), *expected, "{line}");
        assert_eq!(event.request_uri, line.split_once(' ').unwrap().1);
    }
}

/// A store that waits before every write until it is let through.
struct Gated {
    store: MemoryStore,
    gate: Arc<Semaphore>,
}

impl Store for Gated {
    fn current_revision(&self) -> Revision {
        self.store.current_revision()
    }

    fn get(&self, key: &str) -> BoxFuture<'_, Result<Option<KeyValue>, StoreError>> {
        self.store.get(key)
    }

    fn range(&self, request: RangeRequest) -> BoxFuture<'_, Result<Range, StoreError>> {
        self.store.range(request)
    }

    fn write(&self, write: Write) -> BoxFuture<'_, Result<WriteOutcome, StoreError>> {
        async move {
            let _through = self.gate.acquire().await;
            self.store.write(write).await
        }
        .boxed()
    }

    fn watch(&self, prefix: &str, after: Revision) -> BoxStream<'static, Result<WatchItem, StoreError>> {
        self.store.watch(prefix, after)
    }

    fn compact(&self, revision: Revision) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.compact(revision)
    }
}

#[tokio::test]
async fn a_write_should_be_done_and_recorded_although_its_client_went_away() {
    let gate = Arc::new(Semaphore::new(1));
    let front = front_over(Arc::new(Gated { store: MemoryStore::new(), gate: gate.clone() })).await;
    let closed = gate.clone().acquire_owned().await.unwrap();
    let before = front.server.audit.events().len();
    {
        let post = request(&format!("POST {MAPS}"), JSON, r#"{"metadata": {"name": "one"}}"#);
        let mut asked = Box::pin(front.send(post));
        for _ in 0..100 {
            assert!(poll!(&mut asked).is_pending());
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(front.server.audit.events().len(), before);
    drop(closed);
    let recorded = async {
        while front.server.audit.events().len() == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), recorded).await.unwrap();
    assert_eq!(described(&front.last_event()), "create default/configmaps/one/ 201 ResponseComplete");
    let (code, _) = front.answer(request(&format!("GET {MAPS}/one"), &[], "")).await;
    assert_eq!(code, StatusCode::OK);
}
