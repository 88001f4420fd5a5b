//! `kubectl logs` with its options.

use tests::eventually;

use crate::{status, world};

#[tokio::test]
async fn a_pods_output_and_exit_code_should_be_kept() {
    let (_server, kubectl) = world("kept").await;
    kubectl.ok("run p --image=busybox --restart=Never -- sh -c 'echo $((6*7)); exit 3'").await;
    status(&kubectl, "p", "Error").await;
    assert_eq!(kubectl.ok("logs p").await, "42\n");
    let code = "get pod p -o jsonpath='{.status.containerStatuses[0].state.terminated.exitCode}'";
    assert_eq!(kubectl.ok(code).await, "3");
}

#[tokio::test]
async fn logs_should_be_followed_to_their_end() {
    let (_server, kubectl) = world("followed").await;
    // The container goes on, so that what is read was sent while it ran.
    kubectl.ok("run p --image=busybox --restart=Never -- sh -c 'seq 3; sleep 3600'").await;
    status(&kubectl, "p", "Running").await;
    let mut log = kubectl.follow("logs -f p");
    for number in ["1", "2", "3"] {
        log.until(number, |line| line == number).await;
    }
    kubectl.ok("delete pod p --now").await;
    log.ends().await;
}

#[tokio::test]
async fn logs_should_be_cut_and_dated() {
    let (_server, kubectl) = world("dated").await;
    kubectl.ok("run p --image=busybox --restart=Never -- seq 20").await;
    status(&kubectl, "p", "Completed").await;
    assert_eq!(kubectl.ok("logs p --tail=2").await, "19\n20\n");
    assert_eq!(kubectl.ok("logs p --since=1h").await.lines().count(), 20);
    let dated = kubectl.ok("logs p --timestamps --tail=1").await;
    let (time, text) = dated.trim_end().split_once(' ').unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z') && time.contains('T'), "{dated}");
    assert_eq!(text, "20");
}

#[tokio::test]
async fn the_log_of_the_container_before_should_be_kept() {
    let (_server, kubectl) = world("before").await;
    let script = "run p --image=busybox -- sh -c 'echo run; test -f /data/x; exit 7'";
    kubectl.ok(script).await;
    let last = "get pod p -o jsonpath='{.status.containerStatuses[0].lastState.terminated.exitCode}'";
    eventually("it ran before", async || match kubectl.ok(last).await.as_str() {
        "7" => Ok(()),
        other => anyhow::bail!("{other:?}"),
    })
    .await;
    assert_eq!(kubectl.ok("logs p --previous").await, "run\n");
}

#[tokio::test]
async fn a_log_that_is_not_there_should_be_explained() {
    let (_server, kubectl) = world("no-log").await;
    kubectl.ok("run p --image=busybox --restart=Never -- true").await;
    status(&kubectl, "p", "Completed").await;
    let refused = kubectl.run("logs p --previous").await;
    let sentence = r#"previous terminated container "p" in pod "p" not found"#;
    assert!(refused.code == Some(1) && refused.stderr.contains(sentence), "{refused:?}");
}
