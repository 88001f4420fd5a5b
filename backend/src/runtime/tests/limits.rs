//! What a guest cannot do to others.

use std::time::{Duration, Instant};

use crate::runtime::testing::{Cluster, Started, module};
use crate::runtime::{ExitReason, Mount};

const MEBIBYTE: u64 = 1 << 20;

#[tokio::test]
async fn a_container_over_its_memory_limit_should_be_oom_killed() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    for limit in [64 * MEBIBYTE, MEBIBYTE / 16] {
        let mut spec = cluster.spec("memory", &pod, "eat-memory");
        spec.memory_limit_bytes = Some(limit);
        let container = cluster.start(spec);
        let status = container.handle.wait().await;
        assert_eq!((status.code, status.reason), (137, ExitReason::OomKilled), "{limit}");
        assert_eq!(container.handle.stats().memory_bytes, 0);
    }
}

#[tokio::test]
async fn a_container_should_have_so_many_files_open_and_no_more() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("file"), "text").unwrap();
    let mut spec = cluster.spec("files", &pod, "open-files /file");
    let (host_dir, guest_path) = (root.path().to_owned(), "/".to_owned());
    spec.process.mounts = vec![Mount { host_dir, guest_path, read_only: true }];
    let container = cluster.start(spec);
    assert_eq!(container.handle.wait().await.code, 0);
    assert_eq!(container.log().await, "1024: OutOfMemory\n1024: OutOfMemory\n");
}

#[tokio::test]
async fn a_module_with_too_many_files_should_end() {
    let cluster = Cluster::with(module()).await;
    let pod = cluster.pod(2);
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("file"), "text").unwrap();
    let mut spec = cluster.spec("files", &pod, "open-files /file");
    let (host_dir, guest_path) = (root.path().to_owned(), "/".to_owned());
    spec.process.mounts = vec![Mount { host_dir, guest_path, read_only: true }];
    let status = cluster.start(spec).handle.wait().await;
    assert_eq!((status.code, status.reason), (134, ExitReason::Error));
    assert_eq!(status.message, "more files and streams are open than a program may have");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cpu_limit_should_hold_on_average() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let mut spec = cluster.spec("spin", &pod, "spin");
    spec.cpu_limit_cores = Some(0.1);
    let container = cluster.start(spec);
    container.logged("spinning").await;
    let (start, before) = (Instant::now(), container.handle.stats().cpu);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let used = container.handle.stats().cpu - before;
    let cores = used.as_secs_f64() / start.elapsed().as_secs_f64();
    container.handle.kill(Duration::ZERO).await;
    assert!((0.07..0.13).contains(&cores), "used {cores} cores");
}

#[tokio::test(flavor = "multi_thread")]
async fn busy_guests_should_get_what_their_weights_say() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let spin = |id: String, shares| {
        let mut spec = cluster.spec(&id, &pod, "spin");
        spec.cpu_shares = shares;
        cluster.start(spec)
    };
    // Four of each on two threads, so that nobody is due more than one thread has.
    let heavy: Vec<_> = (0..4).map(|number| spin(format!("heavy-{number}"), 3072)).collect();
    let light: Vec<_> = (0..4).map(|number| spin(format!("light-{number}"), 1024)).collect();
    for container in heavy.iter().chain(&light) {
        container.logged("spinning").await;
    }
    let used = |of: &[Started]| of.iter().map(|one| one.handle.stats().cpu.as_secs_f64()).sum::<f64>();
    let before = (used(&heavy), used(&light));
    tokio::time::sleep(Duration::from_secs(3)).await;
    let ratio = (used(&heavy) - before.0) / (used(&light) - before.1);
    for container in heavy.into_iter().chain(light) {
        container.handle.kill(Duration::ZERO).await;
    }
    assert!((2.2..4.0).contains(&ratio), "three times the weight had {ratio} times the time");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_least_weight_should_have_a_free_processor() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let [heavy, light] = [("heavy", 8192), ("light", 2)].map(|(id, shares)| {
        let mut spec = cluster.spec(id, &pod, "spin");
        spec.cpu_shares = shares;
        cluster.start(spec)
    });
    heavy.logged("spinning").await;
    light.logged("spinning").await;
    let used = || [&heavy, &light].map(|one| one.handle.stats().cpu.as_secs_f64());
    let before = used();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = used();
    let ratio = (after[0] - before[0]) / (after[1] - before[1]);
    for container in [heavy, light] {
        container.handle.kill(Duration::ZERO).await;
    }
    assert!(ratio < 4.0, "two threads for two guests, and one had {ratio} times the other's time");
}

#[tokio::test(flavor = "multi_thread")]
async fn busy_guests_should_not_starve_others() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let spinning: Vec<_> =
        (0..6).map(|number| cluster.start(cluster.spec(&format!("spin-{number}"), &pod, "spin"))).collect();
    for container in &spinning {
        container.logged("spinning").await;
    }
    let start = Instant::now();
    let (status, log) = cluster.run("print through").await;
    assert_eq!((status.code, log.as_str()), (0, "through\n"));
    assert!(start.elapsed() < Duration::from_secs(1), "took {:?}", start.elapsed());
    for container in spinning {
        container.handle.kill(Duration::ZERO).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_flood_should_be_bounded_and_leave_others_responsive() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let floods: Vec<_> =
        (0..4).map(|number| cluster.start(cluster.spec(&format!("flood-{number}"), &pod, "flood"))).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let start = Instant::now();
    let (status, _) = cluster.run("print through").await;
    assert_eq!(status.code, 0);
    assert!(start.elapsed() < Duration::from_secs(1), "took {:?}", start.elapsed());
    for flood in floods {
        let start = Instant::now();
        assert_eq!(flood.handle.kill(Duration::from_secs(30)).await.code, 143);
        assert!(start.elapsed() < Duration::from_millis(500), "took {:?}", start.elapsed());
    }
    let files = cluster.directory.path().join("flood-0").read_dir().unwrap();
    assert!(files.count() <= 5);
}
