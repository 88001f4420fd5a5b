//! How containers end.

use std::time::{Duration, Instant};

use crate::runtime::testing::Cluster;
use crate::runtime::{AttachSpec, ContainerState, ExitReason, StopBehavior};

#[tokio::test]
async fn a_container_should_end_with_its_programs_exit_code() {
    let cluster = Cluster::new().await;
    let cases = [
        ("print done", 0, ExitReason::Completed),
        ("exit 0", 0, ExitReason::Completed),
        ("exit 3", 3, ExitReason::Error),
        ("exit 255", 255, ExitReason::Error),
        ("no-such-command", 1, ExitReason::Error),
        ("panic", 134, ExitReason::Error),
        ("recurse", 139, ExitReason::Error),
    ];
    for (arguments, code, reason) in cases {
        let (status, _) = cluster.run(arguments).await;
        assert_eq!((status.code, status.reason), (code, reason), "{arguments}: {}", status.message);
    }
}

#[tokio::test]
async fn a_busy_loop_should_be_killed_at_once() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let container = cluster.start(cluster.spec("spin", &pod, "spin"));
    container.logged("spinning").await;
    assert!(matches!(container.handle.state(), ContainerState::Running { .. }));
    let start = Instant::now();
    let status = container.handle.kill(Duration::from_secs(30)).await;
    assert!(start.elapsed() < Duration::from_millis(100), "took {:?}", start.elapsed());
    assert_eq!((status.code, status.reason), (143, ExitReason::Error));
    assert_eq!(
        status.message,
        "ended at once by SIGTERM: a WebAssembly program has no way to handle signals"
    );
}

#[tokio::test]
async fn a_grace_period_of_zero_should_kill_by_force() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let container = cluster.start(cluster.spec("sleep", &pod, "sleep"));
    container.logged("sleeping").await;
    assert_eq!(container.handle.kill(Duration::ZERO).await.code, 137);
}

#[tokio::test]
async fn a_program_that_drains_should_have_its_grace_period() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    for (arguments, grace, code) in
        [("read-stdin", Duration::from_secs(20), 0), ("sleep", Duration::from_millis(50), 137)]
    {
        let mut spec = cluster.spec(arguments, &pod, arguments);
        (spec.stop, spec.stdin) = (StopBehavior::DrainWhenStdinEnds, true);
        let container = cluster.start(spec);
        let attached = container.handle.attach(AttachSpec { stdin: true, ..AttachSpec::default() });
        assert!(attached.stdin.is_none(), "what ends a program is the kubelet's");
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(container.handle.kill(grace).await.code, code, "{arguments}");
    }
}

#[tokio::test]
async fn the_states_of_a_container_should_be_seen_with_their_times() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let container = cluster.start(cluster.spec("short", &pod, "print done"));
    let mut states = container.handle.watch();
    let ended = states.wait_for(|state| matches!(state, ContainerState::Exited { .. })).await.unwrap();
    let ContainerState::Exited { started_at, finished_at, .. } = &*ended else {
        panic!("waited for the end");
    };
    assert!(started_at <= finished_at);
}
