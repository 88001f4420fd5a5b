//! Guests that fill the disk.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::images::{component, spec};
use crate::runtime::testing::Cluster;
use crate::runtime::{DiskMeter, Mount};

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
