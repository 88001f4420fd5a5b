//! Opening and reopening the engine's file.

use std::fs;

use backend::store::{OpenError, RedbStore};
use redb::{Database, TableDefinition};
use shared::store::mvcc::Bounds;
use shared::store::{Store, StoreError};

use crate::engine::{attach, delete, file_in, lines, list, put};

#[tokio::test]
async fn a_reopened_store_should_go_on_where_it_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_in(directory.path().join("made/on/the/way"));
    {
        let store = RedbStore::open(&path, attach()).unwrap();
        put(&store, "/a", "1").await;
        put(&store, "/a", "2").await;
        put(&store, "/b", "1").await;
        delete(&store, "/b").await;
        store.compact(5).await.unwrap();
    }
    let store = RedbStore::open(&path, attach()).unwrap();
    // Revision 5 was a deletion whose record is gone; its number must not be used again.
    assert_eq!(put(&store, "/c", "1").await, 6);
    assert_eq!(lines(&list(&store, "/", None).await.unwrap().items), ["/a=2@3", "/c=1@6"]);
    let error = list(&store, "/", Some(4)).await.err();
    assert_eq!(error, Some(StoreError::Compacted { requested: 4, oldest: 5 }));
    let found = store.get("/a").await.unwrap().unwrap();
    assert_eq!(found.create_revision, 2);
    assert_eq!(found.value.attachment.downcast_ref(), Some(&"attached anew"));
}

#[tokio::test]
async fn compaction_should_let_the_file_use_its_space_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_in(&directory);
    let store = RedbStore::open_with(&path, attach(), Bounds { events: 64, ..Bounds::default() }).unwrap();
    let large = "x".repeat(64 << 10);
    let mut sizes = Vec::new();
    for _ in 0..10 {
        for _ in 0..100 {
            put(&store, "/k", &large).await;
        }
        sizes.push(fs::metadata(&path).unwrap().len());
    }
    assert!(sizes[9] <= 40 << 20, "{sizes:?} bytes for 4 MiB of history");
}

#[test]
fn a_file_in_use_should_be_refused() {
    let directory = tempfile::tempdir().unwrap();
    let _store = RedbStore::open(&file_in(&directory), attach()).unwrap();
    let error = RedbStore::open(&file_in(&directory), attach()).err().unwrap();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("in use by another process"), "{error}");
}

#[test]
fn a_file_of_a_newer_format_should_be_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_in(&directory);
    drop(RedbStore::open(&path, attach()).unwrap());
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let meta: TableDefinition<&str, u64> = TableDefinition::new("meta");
    transaction.open_table(meta).unwrap().insert("format", 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = RedbStore::open(&path, attach()).err().unwrap();
    assert!(matches!(error, OpenError::NewerFormat { found: 2, .. }), "{error}");
}

#[test]
fn a_file_that_is_no_store_should_be_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_in(&directory);
    for content in [&b"apiVersion: v1\nkind: Pod\n"[..], &[0; 5000]] {
        fs::write(&path, content).unwrap();
        let error = RedbStore::open(&path, attach()).err().unwrap();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[tokio::test]
async fn a_damaged_file_should_be_refused_or_read_right() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_in(&directory);
    let expected = {
        let store = RedbStore::open(&path, attach()).unwrap();
        for number in 0..40 {
            put(&store, &format!("/k/{}", number % 30), &"x".repeat(500)).await;
        }
        lines(&list(&store, "/", None).await.unwrap().items)
    };
    let sound = fs::read(&path).unwrap();
    let mut refused = 0;
    for offset in (0..sound.len()).step_by(sound.len() / 300) {
        let mut damaged = sound.clone();
        for byte in &mut damaged[offset..(offset + 64).min(sound.len())] {
            *byte ^= 0x5a;
        }
        fs::write(&path, &damaged).unwrap();
        match RedbStore::open(&path, attach()) {
            Ok(store) => assert_eq!(lines(&list(&store, "/", None).await.unwrap().items), expected),
            Err(error) => {
                refused += 1;
                assert!(matches!(error, OpenError::Damaged { .. }), "at {offset}: {error}");
            }
        }
    }
    assert!(refused > 0);
}
