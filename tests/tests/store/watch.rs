//! Watches, on every engine.

use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};
use shared::store::mvcc::Bounds;
use shared::store::{Expect, Revision, StoreError, StoreEvent, WatchItem};
use tokio::time::timeout;

use crate::engine::{Engine, delete, done, on_every_engine, put, text, write};

type Watch = BoxStream<'static, Result<WatchItem, StoreError>>;

on_every_engine!(
    a_watch_should_tell_each_change_with_what_was_before,
    a_watch_should_begin_at_any_revision_that_is_kept,
    a_watch_should_keep_to_its_prefix_and_tell_progress,
    a_watch_from_the_newest_revision_should_be_silent_until_something_happens,
    a_watch_from_a_future_revision_should_wait_for_it,
    a_watch_from_a_compacted_revision_should_fail_at_once,
    a_watcher_that_falls_behind_the_compaction_should_be_closed,
    a_watcher_that_falls_out_of_bounds_should_be_closed_and_hold_up_no_writer,
    watchers_should_see_concurrent_writes_in_order_without_gaps,
    a_watch_should_end_when_the_store_is_closed,
);

async fn next(watch: &mut Watch) -> Option<Result<WatchItem, StoreError>> {
    timeout(Duration::from_secs(20), watch.next()).await.expect("the watch tells something")
}

/// Follows a watch until it has told everything up to `revision`.
async fn follow(watch: &mut Watch, revision: Revision) -> Vec<StoreEvent> {
    let mut events: Vec<StoreEvent> = Vec::new();
    loop {
        let told = match next(watch).await.unwrap().unwrap() {
            WatchItem::Events(batch) => {
                assert!(!batch.is_empty());
                events.extend(batch);
                events.last().unwrap().revision
            }
            WatchItem::Progress(progress) => progress,
        };
        assert!(told <= revision);
        if told == revision {
            return events;
        }
    }
}

fn lines(events: &[StoreEvent]) -> Vec<String> {
    let state = |found: &Option<_>| found.as_ref().map_or("-".to_owned(), |found| text(found).to_owned());
    let line = |event: &StoreEvent| {
        format!("{} {} {}->{}", event.revision, event.key, state(&event.previous), state(&event.current))
    };
    events.iter().map(line).collect()
}

async fn a_watch_should_tell_each_change_with_what_was_before(engine: Engine) {
    let store = engine.open();
    let mut watch = store.watch("/r/pods/", 1);
    put(&*store, "/r/pods/a", "1").await;
    put(&*store, "/r/pods/a", "2").await;
    delete(&*store, "/r/pods/a").await;
    put(&*store, "/r/pods/a", "3").await;
    let events = follow(&mut watch, 5).await;
    let expected = ["2 /r/pods/a -->1", "3 /r/pods/a 1->2", "4 /r/pods/a 2->-", "5 /r/pods/a -->3"];
    assert_eq!(lines(&events), expected);
    let current = events[3].current.as_ref().unwrap();
    assert_eq!((current.create_revision, current.mod_revision), (5, 5));
}

async fn a_watch_should_begin_at_any_revision_that_is_kept(engine: Engine) {
    let store = engine.open();
    for number in 0..9 {
        put(&*store, "/r/pods/a", &number.to_string()).await;
    }
    store.compact(4).await.unwrap();
    for after in 4..10 {
        let events = follow(&mut store.watch("/r/pods/", after), 10).await;
        let revisions: Vec<Revision> = events.iter().map(|event| event.revision).collect();
        assert_eq!(revisions, (after + 1..=10).collect::<Vec<_>>());
        assert_eq!(events[0].previous.as_ref().map(|before| before.mod_revision), Some(after));
    }
}

async fn a_watch_should_keep_to_its_prefix_and_tell_progress(engine: Engine) {
    let store = engine.open();
    let mut watch = store.watch("/r/pods/a/", 1);
    put(&*store, "/r/nodes/n", "1").await;
    assert!(matches!(next(&mut watch).await, Some(Ok(WatchItem::Progress(2)))));
    put(&*store, "/r/pods/a/x", "1").await;
    put(&*store, "/r/pods/b/x", "1").await;
    assert_eq!(lines(&follow(&mut watch, 4).await), ["3 /r/pods/a/x -->1"]);
}

async fn a_watch_from_the_newest_revision_should_be_silent_until_something_happens(engine: Engine) {
    let store = engine.open();
    put(&*store, "/k", "1").await;
    let mut watch = store.watch("/", 2);
    assert!(timeout(Duration::from_millis(50), watch.next()).await.is_err());
    put(&*store, "/k", "2").await;
    assert_eq!(lines(&follow(&mut watch, 3).await), ["3 /k 1->2"]);
}

async fn a_watch_from_a_future_revision_should_wait_for_it(engine: Engine) {
    let store = engine.open();
    let mut watch = store.watch("/r/", 3);
    for number in 0..4 {
        put(&*store, "/r/k", &number.to_string()).await;
    }
    assert_eq!(lines(&follow(&mut watch, 5).await), ["4 /r/k 1->2", "5 /r/k 2->3"]);
}

async fn a_watch_from_a_compacted_revision_should_fail_at_once(engine: Engine) {
    let store = engine.open();
    for _ in 0..4 {
        put(&*store, "/k", "1").await;
    }
    store.compact(4).await.unwrap();
    let mut watch = store.watch("/", 3);
    let compacted = StoreError::Compacted { requested: 3, oldest: 4 };
    assert_eq!(next(&mut watch).await.unwrap().err(), Some(compacted));
    assert!(next(&mut watch).await.is_none());
}

async fn a_watcher_that_falls_behind_the_compaction_should_be_closed(engine: Engine) {
    let store = engine.open();
    let mut watch = store.watch("/", 1);
    put(&*store, "/k", "1").await;
    follow(&mut watch, 2).await;
    for _ in 0..4 {
        put(&*store, "/k", "1").await;
    }
    store.compact(5).await.unwrap();
    let compacted = StoreError::Compacted { requested: 2, oldest: 5 };
    assert_eq!(next(&mut watch).await.unwrap().err(), Some(compacted));
    assert!(next(&mut watch).await.is_none());
}

async fn a_watcher_that_falls_out_of_bounds_should_be_closed_and_hold_up_no_writer(engine: Engine) {
    let store = engine.open_with(Bounds { bytes: 10_000, ..Bounds::default() });
    let mut slow = store.watch("/", 1);
    let large = "x".repeat(1000);
    for _ in 0..30 {
        put(&*store, "/k", &large).await;
    }
    assert!(matches!(next(&mut slow).await, Some(Err(StoreError::Compacted { requested: 1, .. }))));
    assert!(next(&mut slow).await.is_none());
}

async fn watchers_should_see_concurrent_writes_in_order_without_gaps(engine: Engine) {
    const WRITERS: u64 = 8;
    const WRITES: u64 = 100;
    let store = engine.open();
    let watches: Vec<Watch> = ["/", "/r/", "/r/0/", "/r/0/"].map(|prefix| store.watch(prefix, 1)).into();
    let writers = (0..WRITERS).map(|writer| {
        let store = store.shared();
        tokio::spawn(async move {
            for number in 0..WRITES {
                let key = format!("/r/{}/{writer}-{number}", writer % 2);
                done(write(&*store, &key, Some("1"), Expect::Absent).await);
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let newest = 1 + WRITERS * WRITES;
    let mut lengths = Vec::new();
    for mut watch in watches {
        let events = follow(&mut watch, newest).await;
        assert!(events.is_sorted_by(|a, b| a.revision < b.revision));
        lengths.push(events.len() as u64);
    }
    assert_eq!(lengths, [newest - 1, newest - 1, (newest - 1) / 2, (newest - 1) / 2]);
    for writer in writers {
        writer.await.unwrap();
    }
}

async fn a_watch_should_end_when_the_store_is_closed(engine: Engine) {
    let store = engine.open();
    put(&*store, "/k", "1").await;
    let mut watch = store.watch("/", 1);
    drop(store);
    assert_eq!(lines(&follow(&mut watch, 2).await), ["2 /k -->1"]);
    assert!(next(&mut watch).await.is_none());
}
