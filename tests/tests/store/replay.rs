//! The law of watches, over random histories and restarts: what a watch tells, applied to the list
//! it began at, gives the newest list.

use std::collections::BTreeMap;
use std::sync::Arc;

use backend::store::RedbStore;
use futures::StreamExt;
use proptest::prelude::*;
use shared::store::memory::MemoryStore;
use shared::store::{Revision, Store, WatchItem};

use crate::engine::{attach, delete, file_in, lines, list, put};

#[derive(Clone, Debug)]
enum Step {
    Put(u8),
    Delete(u8),
    Compact(u64),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0u8..6).prop_map(Step::Put),
        5 => (0u8..6).prop_map(Step::Delete),
        2 => (0u64..8).prop_map(Step::Compact),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..40)
}

/// Runs the steps; returns the oldest revision that can be read.
async fn run(
    mut store: Arc<dyn Store>,
    steps: &[Step],
    reopen: impl Fn() -> Arc<dyn Store>,
) -> (Arc<dyn Store>, Revision) {
    let mut compacted = 1;
    for (number, step) in steps.iter().enumerate() {
        let key = |number: &u8| format!("/r/{}/{number}", number % 2);
        match step {
            Step::Put(n) => drop(put(&*store, &key(n), &number.to_string()).await),
            Step::Delete(n) if store.get(&key(n)).await.unwrap().is_some() => {
                delete(&*store, &key(n)).await;
            }
            Step::Delete(_) => {}
            Step::Compact(back) => {
                let revision = store.current_revision().saturating_sub(*back);
                if store.compact(revision).await.is_ok() {
                    compacted = revision.max(1);
                }
            }
            Step::Reopen => {
                let before = (store.current_revision(), lines(&list(&*store, "", None).await.unwrap().items));
                drop(store);
                store = reopen();
                let after = (store.current_revision(), lines(&list(&*store, "", None).await.unwrap().items));
                assert_eq!(after, before, "a restart changes nothing");
            }
        }
    }
    (store, compacted)
}

async fn check(store: &dyn Store, compacted: Revision) {
    let newest = store.current_revision();
    for prefix in ["/r/", "/r/0/", "/r/1/", "/"] {
        let expected = lines(&list(store, prefix, None).await.unwrap().items);
        for after in compacted..newest {
            let list = list(store, prefix, Some(after)).await.unwrap().items;
            let mut state: BTreeMap<_, _> =
                list.into_iter().map(|found| (found.key.clone(), found)).collect();
            let mut watch = store.watch(prefix, after);
            let mut told = after;
            while told < newest {
                match watch.next().await.unwrap().unwrap() {
                    WatchItem::Progress(revision) => told = revision,
                    WatchItem::Events(events) => {
                        for event in events {
                            assert!(event.revision > told);
                            told = event.revision;
                            match event.current {
                                Some(current) => drop(state.insert(event.key, current)),
                                None => drop(state.remove(&event.key)),
                            }
                        }
                    }
                }
            }
            let state: Vec<_> = state.into_values().collect();
            assert_eq!(lines(&state), expected, "{prefix} after {after}");
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn watch_replay_should_equal_list_in_memory(steps in steps()) {
        let steps: Vec<Step> = steps.into_iter().filter(|step| !matches!(step, Step::Reopen)).collect();
        block_on(async {
            let (store, compacted) = run(Arc::new(MemoryStore::new()), &steps, || unreachable!()).await;
            check(&*store, compacted).await;
        });
    }

    #[test]
    fn watch_replay_should_equal_list_on_disk_and_after_restarts(mut steps in steps()) {
        steps.push(Step::Reopen);
        let directory = tempfile::tempdir().unwrap();
        let open = || Arc::new(RedbStore::open(&file_in(&directory), attach()).unwrap()) as Arc<dyn Store>;
        block_on(async {
            let (store, compacted) = run(open(), &steps, open).await;
            check(&*store, compacted).await;
        });
    }
}
