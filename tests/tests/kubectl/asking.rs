//! What the server tells of itself: discovery, versions, schemas, raw paths.

use tests::Server;

use crate::world;

#[tokio::test]
async fn api_resources_should_be_kubectls_table() {
    let server = Server::shared();
    let table = server.kubectl().ok("api-resources --no-headers").await;
    let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split_whitespace().collect()).collect();
    let expected: [&[&str]; 5] = [
        &["namespaces", "ns", "v1", "false", "Namespace"],
        &["nodes", "no", "v1", "false", "Node"],
        &["pods", "po", "v1", "true", "Pod"],
        &["services", "svc", "v1", "true", "Service"],
        &["leases", "coordination.k8s.io/v1", "true", "Lease"],
    ];
    for row in expected {
        assert!(rows.iter().any(|found| found == row), "{row:?} is not in\n{table}");
    }
}

#[tokio::test]
async fn api_versions_and_version_should_be_told() {
    let server = Server::shared();
    let kubectl = server.kubectl();
    let versions = kubectl.ok("api-versions").await;
    for version in ["v1", "events.k8s.io/v1", "coordination.k8s.io/v1"] {
        assert!(versions.lines().any(|line| line == version), "{version} is not in\n{versions}");
    }
    assert!(kubectl.ok("version").await.contains("Server Version: v1.37."));
}

#[tokio::test]
async fn explain_should_describe_a_field() {
    let server = Server::shared();
    let kubectl = server.kubectl();
    let containers = kubectl.ok("explain pod.spec.containers").await;
    for part in [
        "KIND:       Pod",
        "FIELD: containers <[]Container>",
        "  image\t<string>",
        "  name\t<string> -required-",
    ] {
        assert!(containers.contains(part), "{part:?} is not in\n{containers}");
    }
    let unknown = kubectl.run("explain pod.spec.gizmos").await;
    assert_eq!((unknown.code, unknown.stderr.trim()), (Some(1), r#"error: field "gizmos" does not exist"#));
}

#[tokio::test]
async fn the_control_plane_should_be_seen_as_pods() {
    let server = Server::shared();
    let kubectl = server.kubectl();
    tests::eventually("four components run", async || {
        let rows = kubectl.ok("get pods -n kube-system --no-headers").await;
        for component in ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
            let name = format!("{component}-control-plane");
            let row = rows.lines().find(|row| row.starts_with(&name)).unwrap_or_default();
            let columns: Vec<_> = row.split_whitespace().collect();
            anyhow::ensure!(columns.get(1..3) == Some(&["1/1", "Running"]), "{component}\n{rows}");
        }
        Ok(())
    })
    .await;
    let description = kubectl.ok("describe pod -n kube-system kube-scheduler-control-plane").await;
    assert!(
        description.contains("Controlled By:") && description.contains("Node/control-plane"),
        "{description}"
    );
    let log = kubectl.ok("logs -n kube-system kube-scheduler-control-plane").await;
    assert!(log.contains("Starting Kubernetes Scheduler"), "{log}");
}

#[tokio::test]
async fn what_is_not_there_should_be_said_in_kubectls_words() {
    let (_server, kubectl) = world("absent").await;
    let table = [
        ("get pod none", r#"Error from server (NotFound): pods "none" not found"#),
        ("get gizmos", r#"error: the server doesn't have a resource type "gizmos""#),
        ("get pods", "No resources found in absent namespace."),
        (
            "get --raw '/api/v1/pods?resourceVersion=9999999999&timeoutSeconds=1'",
            "Too large resource version: 9999999999, current: ",
        ),
    ];
    for (line, expected) in table {
        let stderr = kubectl.run(line).await.stderr;
        assert!(stderr.contains(expected), "{line}: {stderr}");
    }
}
