//! A power cut loses nothing that was acknowledged, whatever the disk had not yet written.

use std::path::Path;
use std::sync::{Arc, Mutex};

use backend::store::{OpenError, RedbStore};
use futures::future::join_all;
use shared::store::mvcc::Bounds;
use shared::store::{Store, StoreError};

use crate::disk::Disk;
use crate::engine::{attach, list, put, write};
use crate::load::{Numbers, check_kept, readable, write_until_failure};

const SEEDS: u64 = 300;
const CUTS_A_SEED: u64 = 3;
const CLIENTS: u64 = 4;

fn open(disk: &Disk) -> Result<RedbStore, OpenError> {
    RedbStore::open_backend(disk.clone(), Path::new("the disk"), attach(), Bounds::default())
}

/// Writes until the power is cut; checks after each cut what was acknowledged, and what could be read before.
async fn cut_several_times(seed: u64) {
    let mut numbers = Numbers(seed);
    let mut disk = Disk::default();
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    drop(open(&disk).unwrap());
    for _ in 0..CUTS_A_SEED {
        disk.cut_after(numbers.below(400));
        // The power may go while the store is still being opened.
        if let Ok(store) = open(&disk) {
            let store: Arc<dyn Store> = Arc::new(store);
            let clients = (0..CLIENTS).map(|client| {
                let acknowledged = acknowledged.clone();
                let told = move |write| acknowledged.lock().unwrap().push(write);
                write_until_failure(store.clone(), client, Numbers(numbers.next()), told)
            });
            join_all(clients).await;
        }
        disk = disk.after_power_cut(&mut numbers);
        let store = open(&disk).unwrap();
        let kept = std::mem::take(&mut *acknowledged.lock().unwrap());
        check_kept(&store, &kept).await;
        *acknowledged.lock().unwrap() = readable(&store).await;
        put(&store, "/registry/after/cut", "1").await;
    }
}

#[test]
fn a_power_cut_should_lose_no_acknowledged_write() {
    for seed in 0..SEEDS {
        let round = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(cut_several_times(seed));
        });
        assert!(round.join().is_ok(), "the failing seed is {seed}");
    }
}

#[tokio::test]
async fn a_failed_write_should_leave_the_store_readable_and_say_why_it_takes_no_more() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    put(&store, "/k", "1").await;
    disk.cut_after(0);
    let expect = crate::engine::expect_current(&store, "/k").await;
    for _ in 0..2 {
        let outcome = write(&store, "/k", Some("2"), expect).await;
        let Err(StoreError::Engine(message)) = outcome else { panic!("the write was acknowledged") };
        assert!(message.contains("read-only") && message.contains("the power is cut"), "{message}");
    }
    assert_eq!(crate::engine::lines(&list(&store, "/", None).await.unwrap().items), ["/k=1@2"]);
}
