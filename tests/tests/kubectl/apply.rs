//! Manifests: create, apply, patch, delete.

use crate::{book_pod, status, world};

#[tokio::test]
async fn a_second_apply_should_change_the_same_pod() {
    let (_server, kubectl) = world("applied").await;
    assert_eq!(kubectl.ok_with("apply -f -", &book_pod("nginx")).await, "pod/myapp-pod created\n");
    status(&kubectl, "myapp-pod", "Running").await;
    let before = kubectl.json("get pod myapp-pod").await.unwrap();
    assert_eq!(kubectl.ok_with("apply -f -", &book_pod("nginx")).await, "pod/myapp-pod unchanged\n");
    assert_eq!(kubectl.ok_with("apply -f -", &book_pod("httpd")).await, "pod/myapp-pod configured\n");
    let after = kubectl.json("get pod myapp-pod").await.unwrap();
    assert_eq!(before["metadata"]["uid"], after["metadata"]["uid"]);
    assert_eq!(after["spec"]["containers"][0]["image"], "httpd");
    for default in
        ["tolerations", "restartPolicy", "terminationGracePeriodSeconds", "dnsPolicy", "serviceAccountName"]
    {
        assert_eq!(before["spec"][default], after["spec"][default], "{default}");
    }
}

#[tokio::test]
async fn create_should_refuse_what_is_there() {
    let (_server, kubectl) = world("twice").await;
    assert_eq!(kubectl.ok_with("create -f -", &book_pod("nginx")).await, "pod/myapp-pod created\n");
    let again = kubectl.run_with("create -f -", &book_pod("nginx")).await;
    assert_eq!(again.code, Some(1));
    let expected =
        r#"Error from server (AlreadyExists): error when creating "STDIN": pods "myapp-pod" already exists"#;
    assert_eq!(again.stderr.trim(), expected);
}

#[tokio::test]
async fn strict_validation_should_name_the_unknown_field() {
    let (_server, kubectl) = world("strictly").await;
    let broken = book_pod("nginx").replace("    image:", "    imag:");
    let refused = kubectl.run_with("create --validate=strict -f -", &broken).await;
    assert_eq!(refused.code, Some(1));
    let sentence = r#"strict decoding error: unknown field "spec.containers[0].imag""#;
    assert!(refused.stderr.trim().ends_with(sentence), "{}", refused.stderr);
    let refused = kubectl.run_with("create --validate=ignore -f -", &broken).await;
    assert!(refused.stderr.contains("spec.containers[0].image: Required value"), "{}", refused.stderr);
}

#[tokio::test]
async fn what_is_not_supported_should_be_said() {
    let (_server, kubectl) = world("unsupported").await;
    let pod = format!("{}  shareProcessNamespace: true\n", book_pod("nginx"));
    let created = kubectl.run_with("create -f -", &pod).await;
    assert_eq!(created.code, Some(0));
    assert!(created.stderr.starts_with("Warning: spec.shareProcessNamespace: "), "{}", created.stderr);
}

#[tokio::test]
async fn a_server_side_dry_run_should_leave_nothing() {
    let (_server, kubectl) = world("dry-run").await;
    let answer = kubectl.ok_with("apply --dry-run=server -f -", &book_pod("nginx")).await;
    assert_eq!(answer, "pod/myapp-pod created (server dry run)\n");
    assert_eq!(kubectl.run("get pods").await.stderr.trim(), "No resources found in dry-run namespace.");
}

#[tokio::test]
async fn labels_annotations_and_patches_should_change_an_object() {
    let (_server, kubectl) = world("changed").await;
    kubectl.ok_with("create -f -", &book_pod("nginx")).await;
    assert_eq!(kubectl.ok("label pod myapp-pod tier=web").await, "pod/myapp-pod labeled\n");
    assert_eq!(kubectl.ok("annotate pod myapp-pod note='two words'").await, "pod/myapp-pod annotated\n");
    assert_eq!(kubectl.ok("label pod myapp-pod type-").await, "pod/myapp-pod unlabeled\n");
    let patch = r#"patch pod myapp-pod -p '{"metadata":{"labels":{"app":"other"}}}'"#;
    assert_eq!(kubectl.ok(patch).await, "pod/myapp-pod patched\n");
    let metadata = kubectl.json("get pod myapp-pod").await.unwrap()["metadata"].clone();
    assert_eq!(metadata["labels"], serde_json::json!({"app": "other", "tier": "web"}));
    assert_eq!(metadata["annotations"]["note"], "two words");
    let rows = kubectl.ok("get pods -l tier=web --no-headers").await;
    assert!(rows.starts_with("myapp-pod"), "{rows}");
    assert_eq!(kubectl.ok("get pods -l tier!=web").await, "");
}

#[tokio::test]
async fn delete_should_wait_until_the_pod_is_gone() {
    let (_server, kubectl) = world("deleted").await;
    kubectl.ok_with("create -f -", &book_pod("nginx")).await;
    status(&kubectl, "myapp-pod", "Running").await;
    let deleted = kubectl.ok("delete pod myapp-pod").await;
    assert!(deleted.starts_with("pod \"myapp-pod\" deleted"), "{deleted}");
    let gone = kubectl.run("get pod myapp-pod").await;
    assert_eq!(
        (gone.code, gone.stderr.trim()),
        (Some(1), r#"Error from server (NotFound): pods "myapp-pod" not found"#)
    );
}
