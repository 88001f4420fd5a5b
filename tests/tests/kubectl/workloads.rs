//! Deployments as people use them: created, scaled, updated, rolled back, deleted.

use tests::Kubectl;

use crate::world;

const ROLLED_OUT: &str = "deployment \"web\" successfully rolled out\n";

async fn rolled_out(kubectl: &Kubectl) {
    let said = kubectl.ok("rollout status deployment/web --timeout=120s").await;
    assert!(said.ends_with(ROLLED_OUT), "{said}");
}

/// The pods' names; waits until there are so many and all are ready.
async fn pods(kubectl: &Kubectl, count: usize) -> Vec<String> {
    tests::eventually(&format!("{count} pods"), async || {
        let rows = kubectl.ok("get pods --no-headers").await;
        let is_ready = |row: &str| row.contains(" 1/1 ") && row.contains(" Running ");
        anyhow::ensure!(rows.lines().count() == count && rows.lines().all(is_ready), "{rows}");
        Ok(rows.lines().filter_map(|row| row.split_whitespace().next()).map(str::to_owned).collect())
    })
    .await
}

async fn nothing_is_left(kubectl: &Kubectl, kinds: &str) {
    tests::eventually("all is gone", async || {
        let rows = kubectl.ok(&format!("get {kinds} --no-headers --ignore-not-found")).await;
        anyhow::ensure!(rows.is_empty(), "{rows}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn deployment_should_be_created_scaled_updated_and_undone() {
    let (_server, kubectl) = world("rollout").await;
    let created = kubectl.ok("create deployment web --image=nginx --replicas=3").await;
    assert_eq!(created, "deployment.apps/web created\n");
    rolled_out(&kubectl).await;
    let first = pods(&kubectl, 3).await;
    let row = kubectl.ok("get deployment web --no-headers").await;
    assert_eq!(row.split_whitespace().take(4).collect::<Vec<_>>(), ["web", "3/3", "3", "3"]);

    assert_eq!(kubectl.ok("scale deployment/web --replicas=5").await, "deployment.apps/web scaled\n");
    rolled_out(&kubectl).await;
    assert_eq!(pods(&kubectl, 5).await.iter().filter(|name| first.contains(name)).count(), 3);

    kubectl.ok("set image deployment/web nginx=httpd").await;
    rolled_out(&kubectl).await;
    assert!(pods(&kubectl, 5).await.iter().all(|name| !first.contains(name)), "every pod is a new one");
    let history = kubectl.ok("rollout history deployment/web").await;
    let revisions: Vec<_> = history.lines().skip(2).filter_map(|row| row.split_whitespace().next()).collect();
    assert_eq!(revisions, ["1", "2"], "{history}");

    kubectl.ok("rollout undo deployment/web").await;
    rolled_out(&kubectl).await;
    let images = kubectl.ok("get deployment web -o jsonpath={.spec.template.spec.containers[0].image}").await;
    assert_eq!(images, "nginx");
    let description = kubectl.ok("describe deployment web").await;
    for part in [
        "deployment.kubernetes.io/revision: 3",
        "Replicas:               5 desired | 5 updated | 5 total | 5 available | 0 unavailable",
        "RollingUpdateStrategy:  25% max unavailable, 25% max surge",
        "NewReplicaSetAvailable",
        "Scaled up replica set web-",
    ] {
        assert!(description.contains(part), "{part:?} is not in\n{description}");
    }

    kubectl.ok("delete deployment web").await;
    nothing_is_left(&kubectl, "deployments,replicasets,pods").await;
}

#[tokio::test]
async fn paused_deployment_should_wait_and_restarted_one_have_new_pods() {
    let (_server, kubectl) = world("paused").await;
    kubectl.ok("create deployment web --image=nginx").await;
    rolled_out(&kubectl).await;
    let first = pods(&kubectl, 1).await;
    kubectl.ok("rollout pause deployment/web").await;
    kubectl.ok("set image deployment/web nginx=httpd").await;
    tests::eventually("it is told that it pauses", async || {
        let reason = kubectl
            .ok("get deployment web -o jsonpath={.status.conditions[?(@.type==\"Progressing\")].reason}")
            .await;
        anyhow::ensure!(reason == "DeploymentPaused", "{reason}");
        Ok(())
    })
    .await;
    assert_eq!(pods(&kubectl, 1).await, first);
    kubectl.ok("rollout resume deployment/web").await;
    rolled_out(&kubectl).await;
    let second = pods(&kubectl, 1).await;
    assert_ne!(first, second);
    kubectl.ok("rollout restart deployment/web").await;
    rolled_out(&kubectl).await;
    assert_ne!(pods(&kubectl, 1).await, second);
}

#[tokio::test]
async fn broken_update_should_leave_the_old_pods_at_work() {
    let (_server, kubectl) = world("broken").await;
    kubectl.ok("create deployment web --image=nginx --replicas=2").await;
    rolled_out(&kubectl).await;
    let first = pods(&kubectl, 2).await;
    kubectl.ok("set image deployment/web nginx=no-such-image").await;
    tests::eventually("the new pod fails", async || {
        let rows = kubectl.ok("get pods --no-headers").await;
        anyhow::ensure!(rows.contains("ImagePullBackOff") || rows.contains("ErrImagePull"), "{rows}");
        let running = rows.lines().filter(|row| row.contains(" Running "));
        let running: Vec<_> = running.filter_map(|row| row.split_whitespace().next()).collect();
        anyhow::ensure!(running == first, "{rows}");
        Ok(())
    })
    .await;
    kubectl.ok("rollout undo deployment/web").await;
    rolled_out(&kubectl).await;
    assert_eq!(pods(&kubectl, 2).await, first);
}

#[tokio::test]
async fn service_of_a_deployment_should_answer_whatever_pod_is_lost() {
    let (_server, kubectl) = world("healed").await;
    kubectl.ok("create deployment web --image=nginx --replicas=2 --port=80").await;
    kubectl.ok("expose deployment web").await;
    rolled_out(&kubectl).await;
    let first = pods(&kubectl, 2).await;
    kubectl.ok(&format!("delete pod {} --now", first[0])).await;
    let second = pods(&kubectl, 2).await;
    assert!(second.contains(&first[1]) && !second.contains(&first[0]), "{first:?} {second:?}");
    kubectl.ok("run asks --image=busybox --restart=Never -- wget -q -O - http://web").await;
    kubectl.ok("wait pod/asks --for=jsonpath={.status.phase}=Succeeded --timeout=60s").await;
    assert!(kubectl.ok("logs asks").await.contains("Welcome to nginx"));
}

#[tokio::test]
async fn cascade_should_say_what_becomes_of_the_pods() {
    let (_server, kubectl) = world("cascade").await;
    kubectl.ok("create deployment web --image=nginx --replicas=2").await;
    rolled_out(&kubectl).await;
    let names = pods(&kubectl, 2).await;
    kubectl.ok("delete deployment web --cascade=orphan").await;
    assert_eq!(pods(&kubectl, 2).await, names);
    let owners = kubectl.ok("get rs -o jsonpath={.items[*].metadata.ownerReferences}").await;
    assert_eq!(owners, "");
    kubectl.ok("delete rs --all --cascade=foreground --timeout=120s").await;
    assert_eq!(kubectl.ok("get pods,rs --no-headers --ignore-not-found").await, "");
}
