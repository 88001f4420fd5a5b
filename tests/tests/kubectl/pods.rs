//! Pods as `get`, `describe` and `run` show them.

use crate::{book_pod, status, world};

#[tokio::test]
async fn get_should_show_the_pods_way() {
    let (_server, kubectl) = world("watching").await;
    let mut watch = kubectl.follow("get pods -o wide -w");
    kubectl.ok_with("apply -f -", &book_pod("nginx")).await;
    let columns = |row: &str| row.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    watch.until("Pending", |row| columns(row).get(2).is_some_and(|status| status == "Pending")).await;
    let row =
        watch.until("Running", |row| columns(row).get(1..3).is_some_and(|c| c == ["1/1", "Running"])).await;
    let columns = columns(&row);
    assert!(columns[5].starts_with("10.244."), "{row}");
    assert!(columns[6].starts_with("node-"), "{row}");
}

#[tokio::test]
async fn describe_should_tell_state_and_events() {
    let (_server, kubectl) = world("described").await;
    kubectl.ok_with("apply -f -", &book_pod("nginx")).await;
    status(&kubectl, "myapp-pod", "Running").await;
    let description = tests::eventually("the events", async || {
        let description = kubectl.ok("describe pod myapp-pod").await;
        anyhow::ensure!(description.contains("Container started"), "{description}");
        Ok(description)
    })
    .await;
    for part in [
        "Labels:           app=myapp\n                  type=front-end",
        "Status:           Running",
        "    State:          Running",
        "BestEffort",
        "node.kubernetes.io/not-ready:NoExecute op=Exists for 300s",
        "Successfully assigned described/myapp-pod to node-",
        "default-scheduler",
    ] {
        assert!(description.contains(part), "{part:?} is not in\n{description}");
    }
}

#[tokio::test]
async fn run_should_start_a_pod() {
    let (_server, kubectl) = world("run").await;
    assert_eq!(kubectl.ok("run nginx --image=nginx").await, "pod/nginx created\n");
    assert_eq!(kubectl.ok("run b --image=busybox -- sleep 3600").await, "pod/b created\n");
    status(&kubectl, "nginx", "Running").await;
    status(&kubectl, "b", "Running").await;
    let labels = kubectl.ok("get pods --show-labels --no-headers").await;
    assert!(labels.contains("run=nginx") && labels.contains("run=b"), "{labels}");
}

#[tokio::test]
async fn wait_should_return_when_the_pod_is_ready() {
    let (_server, kubectl) = world("wait").await;
    kubectl.ok("run nginx --image=nginx").await;
    assert_eq!(
        kubectl.ok("wait pod/nginx --for=condition=Ready --timeout=60s").await,
        "pod/nginx condition met\n"
    );
}

#[tokio::test]
async fn curl_should_ask_a_service_from_a_pod_that_goes_afterwards() {
    let (_server, kubectl) = world("curl").await;
    kubectl.ok("run web --image=nginx --port=80 --expose").await;
    kubectl.ok("wait pod/web --for=condition=Ready --timeout=60s").await;
    let eventually = "--retry 20 --retry-delay 1 --retry-connrefused";
    let line = "run asks -it --rm --restart=Never --image=curlimages/curl -- sh";
    let ran = kubectl.run_in_terminal(line, &format!("curl -sS {eventually} http://web\nexit\n")).await;
    assert!(ran.stdout.contains("<title>Welcome to nginx") && ran.code == Some(0), "{ran:?}");
    assert!(ran.stdout.contains("pod \"asks\" deleted"), "{ran:?}");
    // Arguments alone are curl's, and its exit code is the container's.
    kubectl
        .ok("run fails --restart=Never --image=curlimages/curl -- -sS --max-time 5 http://no-such-service")
        .await;
    status(&kubectl, "fails", "Error").await;
    assert_eq!(kubectl.ok("logs fails").await, "curl: (6) Could not resolve host: no-such-service\n");
    let code = "get pod fails -o jsonpath={.status.containerStatuses[0].state.terminated.exitCode}";
    assert_eq!(kubectl.ok(code).await, "6");
    // The web server's image has it, too, and its shell calls it.
    let script = "for path in / /none; do curl -s -o /dev/null -w \"%{http_code} \" localhost$path; done";
    assert_eq!(kubectl.ok(&format!("exec web -- sh -c '{script}'")).await, "200 404 ");
    let timed = kubectl.run("exec web -- sh -c 'timeout 2 curl -s http://10.244.99.99/; echo code $?'").await;
    assert!(timed.stdout.starts_with("code ") && timed.stdout != "code 0\n", "{timed:?}");
}

#[tokio::test]
async fn netcat_should_talk_between_pods_while_its_stdin_waits() {
    let (_server, kubectl) = world("netcat").await;
    kubectl.ok("run echo --image=busybox -- nc -lk -p 7000 -e tr a-z A-Z").await;
    kubectl.ok("run other --image=busybox -- sleep 3600").await;
    kubectl.ok("wait pod/echo pod/other --for=condition=Ready --timeout=60s").await;
    let address = kubectl.ok("get pod echo -o jsonpath={.status.podIP}").await;
    let said = kubectl.ok(&format!("exec other -- sh -c 'echo hello | nc -w 20 {address} 7000'")).await;
    assert_eq!(said, "HELLO\n");
    // What comes in the background is shown although the shell waits for its stdin.
    let ran =
        kubectl.run_with("exec -i other -- sh -c '{ sleep 0.2; echo later; } & cat; wait'", "typed\n").await;
    assert_eq!((ran.stdout.as_str(), ran.code), ("typed\nlater\n", Some(0)), "{ran:?}");
}
