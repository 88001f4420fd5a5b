//! The embedded store's figures: `cargo bench -p tests --bench store [directory]`.
//!
//! Durable writes a second beside the syncs a second that the same disk gives in the same run,
//! reads a second, the way from a write to its watchers, and the time to open a file after a crash.
//! Without a directory, the system's temporary one is measured; it should not lie in memory.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use backend::store::{Attach, RedbStore};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::try_join_all;
use shared::store::{Expect, RangeRequest, Revision, Store, StoredValue, WatchItem, Write, WriteOutcome};
use tokio::sync::mpsc;

const VALUE_BYTES: usize = 1024;
const MEASURE: Duration = Duration::from_secs(3);
const WATCHERS: usize = 100;
const WATCHED_WRITES: usize = 300;
const RECORDS_TO_OPEN: usize = 50_000;

#[tokio::main]
async fn main() -> Result<()> {
    let directory = match std::env::args().skip(1).find(|argument| !argument.starts_with('-')) {
        Some(parent) => tempfile::tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    };
    println!("{:<44} {:>12}", "fdatasync of 4 KiB appended, a second", sync_rate(directory.path())?);
    for clients in [1, 64, 512] {
        let path = directory.path().join(format!("writes-{clients}.redb"));
        let rate = write_rate(Arc::new(open(&path)?), clients).await?;
        println!("{:<44} {rate:>12}", format!("durable puts of 1 KiB, {clients} clients, a second"));
    }
    let store: Arc<dyn Store> = Arc::new(open(&directory.path().join("reads.redb"))?);
    println!("{:<44} {:>12}", "gets, 1 client, a second", get_rate(&*store).await?);
    println!("{:<44} {:>12?}", "list of 500 of 10,000 keys", list_time(&*store).await?);
    let (p50, p99) = watch_latency(store).await?;
    println!("{:<44} {p50:>12?}", format!("acknowledged write to {WATCHERS} watchers, p50"));
    println!("{:<44} {p99:>12?}", format!("acknowledged write to {WATCHERS} watchers, p99"));
    for (when, time) in open_times(directory.path()).await? {
        println!("{:<44} {time:>12?}", format!("open {RECORDS_TO_OPEN} records {when}"));
    }
    Ok(())
}

fn open(path: &Path) -> Result<RedbStore> {
    let attach: Attach = Arc::new(|| Arc::new(()));
    Ok(RedbStore::open(path, attach)?)
}

/// What the disk can do: one sync after another.
fn sync_rate(directory: &Path) -> Result<u64> {
    let mut file = File::create(directory.join("syncs"))?;
    let (start, mut syncs) = (Instant::now(), 0);
    while start.elapsed() < MEASURE {
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        syncs += 1;
    }
    Ok(a_second(syncs, start))
}

fn a_second(count: u64, start: Instant) -> u64 {
    (count as f64 / start.elapsed().as_secs_f64()) as u64
}

async fn put(store: &dyn Store, key: Arc<str>, at: Option<Revision>) -> Result<Revision> {
    let value = StoredValue { bytes: Bytes::from(vec![b'x'; VALUE_BYTES]), attachment: Arc::new(()) };
    let expect = at.map_or(Expect::Absent, Expect::At);
    match store.write(Write { key, value: Some(value), expect }).await? {
        WriteOutcome::Done(revision) => Ok(revision),
        WriteOutcome::Conflict(_) => anyhow::bail!("a key of this client was changed by another"),
    }
}

async fn write_rate(store: Arc<dyn Store>, clients: usize) -> Result<u64> {
    let start = Instant::now();
    let tasks = (0..clients).map(|client| tokio::spawn(write_for_a_while(store.clone(), client)));
    let counts = try_join_all(tasks).await?.into_iter().collect::<Result<Vec<u64>>>()?;
    Ok(a_second(counts.iter().sum(), start))
}

/// One client: a new key, then its updates, as objects of a cluster live.
async fn write_for_a_while(store: Arc<dyn Store>, client: usize) -> Result<u64> {
    let (start, mut written) = (Instant::now(), 0);
    while start.elapsed() < MEASURE {
        let key: Arc<str> = format!("/registry/pods/client-{client}/pod-{written}").into();
        let mut revision = None;
        for _ in 0..4 {
            revision = Some(put(&*store, key.clone(), revision).await?);
            written += 1;
        }
    }
    Ok(written)
}

async fn fill(store: &dyn Store, prefix: &str, count: usize) -> Result<()> {
    let keys: Vec<usize> = (0..count).collect();
    for chunk in keys.chunks(512) {
        let put = |number: &usize| put(store, format!("{prefix}{number:06}").into(), None);
        try_join_all(chunk.iter().map(put)).await?;
    }
    Ok(())
}

async fn get_rate(store: &dyn Store) -> Result<u64> {
    fill(store, "/registry/pods/default/", 10_000).await?;
    let keys: Vec<String> = (0..10_000).map(|number| format!("/registry/pods/default/{number:06}")).collect();
    let (start, mut gets) = (Instant::now(), 0);
    while start.elapsed() < MEASURE {
        for key in &keys {
            ensure!(store.get(key).await?.is_some(), "{key} is missing");
            gets += 1;
        }
    }
    Ok(a_second(gets, start))
}

async fn list_time(store: &dyn Store) -> Result<Duration> {
    let request = RangeRequest { prefix: "/registry/pods/default/".into(), limit: 500, ..Default::default() };
    let start = Instant::now();
    for _ in 0..100 {
        ensure!(store.range(request.clone()).await?.remaining == 9_500, "the list is not whole");
    }
    Ok(start.elapsed() / 100)
}

/// How much later than the writer's acknowledgement each watcher has the event; the watchers that
/// have it sooner count as zero.
async fn watch_latency(store: Arc<dyn Store>) -> Result<(Duration, Duration)> {
    let (told, mut tellings) = mpsc::unbounded_channel();
    for _ in 0..WATCHERS {
        let mut watch = store.watch("/registry/nodes/", store.current_revision());
        let told = told.clone();
        tokio::spawn(async move {
            while let Some(Ok(item)) = watch.next().await {
                if matches!(item, WatchItem::Events(_)) && told.send(Instant::now()).is_err() {
                    break;
                }
            }
        });
    }
    let mut latencies = Vec::with_capacity(WATCHERS * WATCHED_WRITES);
    for number in 0..WATCHED_WRITES {
        put(&*store, format!("/registry/nodes/{number}").into(), None).await?;
        let acknowledged = Instant::now();
        for _ in 0..WATCHERS {
            let seen = tellings.recv().await.context("a watcher stopped")?;
            latencies.push(seen.saturating_duration_since(acknowledged));
        }
    }
    latencies.sort();
    Ok((latencies[latencies.len() / 2], latencies[latencies.len() * 99 / 100]))
}

/// The time to open a file that was closed, and one as a killed process leaves it: a copy of the
/// file of a store that is open.
async fn open_times(directory: &Path) -> Result<[(&'static str, Duration); 2]> {
    let (path, left) = (directory.join("closed.redb"), directory.join("killed.redb"));
    let store = open(&path)?;
    fill(&store, "/registry/pods/default/", RECORDS_TO_OPEN).await?;
    fs::copy(&path, &left)?;
    drop(store);
    Ok([("after it was closed", open_time(&path)?), ("after a kill", open_time(&left)?)])
}

fn open_time(path: &Path) -> Result<Duration> {
    let start = Instant::now();
    let store = open(path)?;
    let time = start.elapsed();
    ensure!(store.current_revision() as usize == RECORDS_TO_OPEN + 1, "records are missing");
    Ok(time)
}
