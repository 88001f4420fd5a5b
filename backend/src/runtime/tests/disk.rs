//! Guests that fill the disk.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::images::{component, spec};
use crate::runtime::testing::{Cluster, component as test_component, module as test_module};
use crate::runtime::{DiskMeter, ExitReason, Medium, Mount};

const MI: u64 = 1 << 20;

#[tokio::test]
async fn a_guest_should_be_stopped_where_its_mount_is_full_and_go_on_when_there_is_room() {
    let cluster = Cluster::with(component("busybox")).await;
    let (root, volume) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pod = cluster.pod(2);
    let crowded = Arc::new(Notify::new());
    let meter = DiskMeter::new(MI, 2 * MI, crowded.clone(), None);
    let run = async |id: &str, script: &str| {
        let mut spec = spec(&cluster, id, &pod, &["sh", "-c", script], root.path());
        let host_dir = volume.path().to_owned();
        spec.process.mounts.push(Mount { host_dir, guest_path: "/v".into(), read_only: false });
        spec.process.meters = [("/v".to_owned(), meter.clone())].into();
        let container = cluster.start(spec);
        tokio::time::timeout(Duration::from_secs(20), container.handle.wait()).await.unwrap();
        container.log().await
    };
    let log = run("filler", "yes aaaaaaaaaaaaaaa | head -c 8000000 > /v/big; echo over").await;
    assert!(log.contains("over"), "{log}");
    let size = || fs::metadata(volume.path().join("big")).unwrap().len();
    assert!((MI..=2 * MI).contains(&size()), "{}", size());
    tokio::time::timeout(Duration::from_secs(20), crowded.notified()).await.unwrap();

    let log = run("elsewhere", "yes aaaaaaaaaaaaaaa | head -c 8000000 > /big; wc -c < /big").await;
    assert_eq!(log, "8000000\n", "the other mount has no bound");
    let log = run("again", "echo x > /v/small || echo full").await;
    assert!(log.ends_with("full\n"), "{log}");
    fs::remove_file(volume.path().join("big")).unwrap();
    meter.measured(0);
    let log = run("room", "echo x > /v/small && cat /v/small").await;
    assert_eq!(log, "x\n");

    meter.measured(2 * MI - 5 * 4096);
    let log = run("directories", "i=0; while mkdir /v/d$i 2> /dev/null; do i=$((i+1)); done; echo $i").await;
    assert_eq!(log, "5\n", "what is empty takes room as well");
}

/// What a directory of plain files has.
fn bytes_in(directory: &std::path::Path) -> u64 {
    let files = fs::read_dir(directory).unwrap().flatten();
    files.map(|file| file.metadata().map_or(0, |metadata| metadata.len())).sum()
}

#[tokio::test]
async fn programs_of_both_kinds_should_find_a_full_file_system_full_and_an_emptied_one_empty() {
    let full = "No space left on device (os error 51)\n";
    // The C library of WASI 0.2 does not ask why a stream failed.
    let failed = "I/O error (os error 29)\n";
    for (wasm, while_written) in [(test_component(), failed), (test_module(), full)] {
        let cluster = Cluster::with(wasm).await;
        let (volume, pod) = (tempfile::tempdir().unwrap(), cluster.pod(2));
        let path = volume.path().to_owned();
        let meter = DiskMeter::of_file_system(MI, Medium::Disk, None, move || bytes_in(&path));
        let run = async |id: &str, arguments: &str| {
            let mut spec = cluster.spec(id, &pod, arguments);
            let host_dir = volume.path().to_owned();
            spec.process.mounts.push(Mount { host_dir, guest_path: "/v".into(), read_only: false });
            spec.process.meters = [("/v".to_owned(), meter.clone())].into();
            let container = cluster.start(spec);
            tokio::time::timeout(Duration::from_secs(60), container.handle.wait()).await.unwrap();
            container.log().await
        };
        assert_eq!(run("fill", "fill /v/a").await, while_written);
        let filled = bytes_in(volume.path());
        assert!((MI / 2..=MI).contains(&filled), "{filled}");
        assert_eq!(run("full", "fill /v/b").await, full);
        assert_eq!(run("rewrite", "refill /v/a 20").await, "", "what it has already takes no more room");
        assert_eq!(run("again", "replace /v/a").await, "", "what was deleted makes room at once");
        meter.resize(2 * MI);
        assert_eq!(run("grown", "fill /v/a").await, while_written);
        let filled = bytes_in(volume.path());
        assert!((3 * MI / 2..=2 * MI).contains(&filled), "{filled}");
    }
}

#[tokio::test]
async fn files_in_memory_should_count_as_memory_of_the_container_that_wrote_them() {
    for wasm in [test_component(), test_module()] {
        let cluster = Cluster::with(wasm).await;
        let (volume, pod) = (tempfile::tempdir().unwrap(), cluster.pod(2));
        let path = volume.path().to_owned();
        let meter = DiskMeter::of_file_system(64 * MI, Medium::Memory, None, move || bytes_in(&path));
        let start = |id: &str, limit: Option<u64>, arguments: &str| {
            let mut spec = cluster.spec(id, &pod, arguments);
            let host_dir = volume.path().to_owned();
            spec.process.mounts.push(Mount { host_dir, guest_path: "/v".into(), read_only: false });
            spec.process.meters = [("/v".to_owned(), meter.clone())].into();
            spec.memory_limit_bytes = limit;
            cluster.start(spec)
        };
        let ended = start("greedy", Some(20 * MI), "fill /v/a").handle.wait().await;
        assert_eq!((ended.code, ended.reason), (137, ExitReason::OomKilled));
        fs::remove_file(volume.path().join("a")).unwrap();

        let holder = start("holder", None, "hold-file /v/a 8");
        holder.logged("written").await;
        let with_file = holder.handle.stats().memory_bytes;
        assert!(with_file >= 8 * MI, "{with_file}");
        let other = start("other", Some(20 * MI), "replace /v/a");
        assert_eq!(other.handle.wait().await.code, 0, "it replaces what is there, again and again");
        let without = holder.handle.stats().memory_bytes;
        assert!(without < 8 * MI, "{without}");
    }
}
