//! Reads, writes and compaction, on every engine.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use shared::store::mvcc::Bounds;
use shared::store::{Expect, RangeRequest, StoreError, StoredValue, Write, WriteOutcome};

use crate::engine::{Engine, delete, done, lines, list, on_every_engine, put, text, write};

on_every_engine!(
    an_empty_store_should_be_at_revision_1,
    every_write_should_take_the_next_revision,
    create_should_conflict_where_the_key_exists,
    update_should_conflict_unless_the_revision_is_the_newest,
    deleting_what_is_absent_should_be_a_conflict_and_take_no_revision,
    create_revision_should_last_until_the_key_is_deleted,
    attachments_should_travel_with_their_revision,
    a_range_should_hold_the_keys_of_its_prefix_in_order,
    an_old_revision_should_read_as_it_was,
    pages_of_one_revision_should_join_to_its_list,
    a_future_revision_should_not_be_readable,
    compaction_should_keep_its_revision_and_refuse_those_before,
    compaction_should_refuse_what_is_compacted_and_what_is_to_come,
    bounds_should_compact_without_being_asked,
    of_concurrent_updates_only_one_should_win,
    concurrent_writes_should_take_each_revision_once,
);

async fn an_empty_store_should_be_at_revision_1(engine: Engine) {
    let store = engine.open();
    assert_eq!(store.current_revision(), 1);
    let range = list(&*store, "/", None).await.unwrap();
    assert_eq!((range.items.len(), range.revision, range.more, range.remaining), (0, 1, false, 0));
    assert!(store.get("/registry/pods/default/a").await.unwrap().is_none());
}

async fn every_write_should_take_the_next_revision(engine: Engine) {
    let store = engine.open();
    assert_eq!(put(&*store, "/registry/pods/default/a", "1").await, 2);
    assert_eq!(put(&*store, "/registry/pods/default/a", "2").await, 3);
    assert_eq!(delete(&*store, "/registry/pods/default/a").await, 4);
    assert_eq!(store.current_revision(), 4);
}

async fn create_should_conflict_where_the_key_exists(engine: Engine) {
    let store = engine.open();
    put(&*store, "/k", "1").await;
    let outcome = write(&*store, "/k", Some("2"), Expect::Absent).await.unwrap();
    let WriteOutcome::Conflict(Some(current)) = outcome else { panic!("no conflict") };
    assert_eq!(lines(&[current]), ["/k=1@2"]);
    assert_eq!(store.current_revision(), 2);
}

async fn update_should_conflict_unless_the_revision_is_the_newest(engine: Engine) {
    let store = engine.open();
    put(&*store, "/k", "1").await;
    put(&*store, "/k", "2").await;
    for (value, expect) in [(Some("3"), 2), (None, 2), (Some("3"), 4), (None, 0)] {
        let outcome = write(&*store, "/k", value, Expect::At(expect)).await.unwrap();
        assert!(matches!(outcome, WriteOutcome::Conflict(Some(found)) if found.mod_revision == 3));
    }
    let outcome = write(&*store, "/other", Some("1"), Expect::At(3)).await.unwrap();
    assert!(matches!(outcome, WriteOutcome::Conflict(None)));
    assert_eq!(done(write(&*store, "/k", Some("3"), Expect::At(3)).await), 4);
}

async fn deleting_what_is_absent_should_be_a_conflict_and_take_no_revision(engine: Engine) {
    let store = engine.open();
    for expect in [Expect::Absent, Expect::At(1)] {
        let outcome = write(&*store, "/k", None, expect).await.unwrap();
        assert!(matches!(outcome, WriteOutcome::Conflict(None)));
    }
    assert_eq!(store.current_revision(), 1);
}

async fn create_revision_should_last_until_the_key_is_deleted(engine: Engine) {
    let store = engine.open();
    for (write, create_revision) in [(Some("1"), 2), (Some("2"), 2), (None, 0), (Some("3"), 5)] {
        match write {
            Some(text) => drop(put(&*store, "/k", text).await),
            None => drop(delete(&*store, "/k").await),
        }
        let found = store.get("/k").await.unwrap();
        assert_eq!(found.map_or(0, |found| found.create_revision), create_revision);
    }
}

async fn attachments_should_travel_with_their_revision(engine: Engine) {
    let store = engine.open();
    for number in [7u32, 8] {
        let value = StoredValue { attachment: Arc::new(number), ..crate::engine::value("x") };
        let expect = crate::engine::expect_current(&*store, "/k").await;
        done(store.write(Write { key: "/k".into(), value: Some(value), expect }).await);
    }
    for (revision, number) in [(2, 7u32), (3, 8)] {
        let range = list(&*store, "/k", Some(revision)).await.unwrap();
        assert_eq!(range.items[0].value.attachment.downcast_ref(), Some(&number));
    }
}

async fn a_range_should_hold_the_keys_of_its_prefix_in_order(engine: Engine) {
    let store = engine.open();
    for key in ["/r/pods/b/x", "/r/pods/a/y", "/r/podtemplates/a/x", "/r/pods/a/x", "/r/nodes/n"] {
        put(&*store, key, "1").await;
    }
    let cases = [
        ("/r/pods/", vec!["/r/pods/a/x=1@5", "/r/pods/a/y=1@3", "/r/pods/b/x=1@2"]),
        ("/r/pods/a/", vec!["/r/pods/a/x=1@5", "/r/pods/a/y=1@3"]),
        ("/r/pods/a/y", vec!["/r/pods/a/y=1@3"]),
        ("/r/pods/c/", vec![]),
    ];
    for (prefix, expected) in cases {
        assert_eq!(lines(&list(&*store, prefix, None).await.unwrap().items), expected);
    }
    assert_eq!(list(&*store, "", None).await.unwrap().items.len(), 5);
}

async fn an_old_revision_should_read_as_it_was(engine: Engine) {
    let store = engine.open();
    put(&*store, "/a", "1").await;
    put(&*store, "/b", "1").await;
    put(&*store, "/a", "2").await;
    delete(&*store, "/b").await;
    let cases = [
        (1, vec![]),
        (2, vec!["/a=1@2"]),
        (3, vec!["/a=1@2", "/b=1@3"]),
        (4, vec!["/a=2@4", "/b=1@3"]),
        (5, vec!["/a=2@4"]),
    ];
    for (revision, expected) in cases {
        let range = list(&*store, "/", Some(revision)).await.unwrap();
        assert_eq!(
            (lines(&range.items), range.revision),
            (expected.iter().map(|s| s.to_string()).collect(), revision)
        );
    }
}

async fn pages_of_one_revision_should_join_to_its_list(engine: Engine) {
    let store = engine.open();
    for number in 0..10 {
        put(&*store, &format!("/r/{number}"), "1").await;
    }
    let whole = list(&*store, "/r/", None).await.unwrap();
    let (mut joined, mut after, mut remaining) = (Vec::new(), None, Vec::new());
    loop {
        let request = RangeRequest { prefix: "/r/".into(), after, revision: Some(whole.revision), limit: 4 };
        let page = store.range(request).await.unwrap();
        // Between the pages the newest state goes on.
        delete(&*store, &format!("/r/{}", 9 - remaining.len())).await;
        assert_eq!((page.revision, page.more), (whole.revision, page.remaining > 0));
        remaining.push(page.remaining);
        after = page.items.last().map(|last| last.key.to_string());
        joined.extend(page.items);
        if !page.more {
            break;
        }
    }
    assert_eq!(remaining, [6, 2, 0]);
    assert_eq!(lines(&joined), lines(&whole.items));
}

async fn a_future_revision_should_not_be_readable(engine: Engine) {
    let store = engine.open();
    put(&*store, "/k", "1").await;
    let error = list(&*store, "/", Some(3)).await.err();
    assert_eq!(error, Some(StoreError::Future { requested: 3, newest: 2 }));
}

async fn compaction_should_keep_its_revision_and_refuse_those_before(engine: Engine) {
    let store = engine.open();
    put(&*store, "/a", "1").await;
    put(&*store, "/b", "1").await;
    put(&*store, "/a", "2").await;
    delete(&*store, "/b").await;
    store.compact(4).await.unwrap();
    let error = list(&*store, "/", Some(3)).await.err();
    assert_eq!(error, Some(StoreError::Compacted { requested: 3, oldest: 4 }));
    assert_eq!(lines(&list(&*store, "/", Some(4)).await.unwrap().items), ["/a=2@4", "/b=1@3"]);
    assert_eq!(lines(&list(&*store, "/", None).await.unwrap().items), ["/a=2@4"]);
}

async fn compaction_should_refuse_what_is_compacted_and_what_is_to_come(engine: Engine) {
    let store = engine.open();
    for _ in 0..3 {
        put(&*store, "/a", "1").await;
    }
    store.compact(3).await.unwrap();
    for requested in [2, 3] {
        let error = store.compact(requested).await.err();
        assert_eq!(error, Some(StoreError::Compacted { requested, oldest: 3 }));
    }
    assert_eq!(store.compact(9).await.err(), Some(StoreError::Future { requested: 9, newest: 4 }));
}

async fn bounds_should_compact_without_being_asked(engine: Engine) {
    let store = engine.open_with(Bounds { events: 5, ..Bounds::default() });
    for number in 0..20 {
        put(&*store, "/a", &number.to_string()).await;
    }
    assert_eq!(lines(&list(&*store, "/", Some(16)).await.unwrap().items), ["/a=14@16"]);
    let error = list(&*store, "/", Some(15)).await.err();
    assert_eq!(error, Some(StoreError::Compacted { requested: 15, oldest: 16 }));
}

async fn of_concurrent_updates_only_one_should_win(engine: Engine) {
    let store = engine.open();
    let first = put(&*store, "/k", "0").await;
    let texts: Vec<String> = (1..=50).map(|number| number.to_string()).collect();
    let outcomes =
        join_all(texts.iter().map(|text| write(&*store, "/k", Some(text), Expect::At(first)))).await;
    let won: Vec<usize> = (0..50).filter(|&i| matches!(outcomes[i], Ok(WriteOutcome::Done(_)))).collect();
    let [winner] = won[..] else { panic!("{} writers won", won.len()) };
    assert_eq!(text(&store.get("/k").await.unwrap().unwrap()), texts[winner]);
    for outcome in outcomes.into_iter().flatten() {
        if let WriteOutcome::Conflict(current) = outcome {
            assert_eq!(text(&current.unwrap()), texts[winner], "a conflict tells the state that won");
        }
    }
}

async fn concurrent_writes_should_take_each_revision_once(engine: Engine) {
    let store = engine.open();
    let keys: Vec<String> = (0..500).map(|number| format!("/r/{number}")).collect();
    let outcomes = join_all(keys.iter().map(|key| write(&*store, key, Some("1"), Expect::Absent))).await;
    let revisions: BTreeSet<u64> = outcomes.into_iter().map(done).collect();
    assert_eq!(revisions, (2..=501).collect());
}
