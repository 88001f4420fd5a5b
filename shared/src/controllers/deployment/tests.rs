use k8s_openapi::api::core::v1::Event;
use serde_json::{Value, json};

use super::*;
use crate::controllers::replica_set::ReplicaSetController;
use crate::controllers::test_pump::{Pump, Together};

type Cluster = Pump<Together>;

fn cluster() -> Cluster {
    Pump::new(Together::new(vec![
        Box::new(DeploymentController::default()),
        Box::new(ReplicaSetController::default()),
    ]))
}

fn deployment(replicas: i32, more: Value) -> Deployment {
    let mut deployment = json!({
        "metadata": { "name": "web", "namespace": "default" },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "main", "image": "nginx:1" }] },
            },
        },
    });
    for (field, value) in more.as_object().into_iter().flatten() {
        deployment["spec"][field] = value.clone();
    }
    serde_json::from_value(deployment).unwrap()
}

fn strategy(surge: &Value, unavailable: &Value) -> Value {
    json!({ "strategy": { "rollingUpdate": { "maxSurge": surge, "maxUnavailable": unavailable } } })
}

fn image(image: &str) -> Value {
    json!({ "spec": { "template": { "spec": { "containers": [{ "name": "main", "image": image }] } } } })
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref());
    conditions.unwrap_or_default().iter().any(|one| one.type_ == "Ready" && one.status == "True")
}

/// Makes one pod ready, or fail its image, as its image says; whether there was one to be made.
fn run_a_pod(cluster: &Cluster) -> bool {
    let pods = cluster.list::<Pod>("default");
    let runs = |pod: &Pod| pod.spec.as_ref().unwrap().containers[0].image.as_deref() != Some("broken");
    let Some(pod) = pods.iter().find(|pod| !is_ready(pod) && runs(pod)) else { return false };
    let status = json!({ "phase": "Running", "conditions": [
        { "type": "Ready", "status": "True", "lastTransitionTime": "2023-11-14T22:13:20Z" },
    ]});
    cluster.patch_status::<Pod>("default", pod.metadata.name.as_deref().unwrap(), status);
    true
}

/// Goes on until nothing changes any more; `look` sees every moment between.
fn settle(cluster: &mut Cluster, mut look: impl FnMut(&Cluster)) {
    for _ in 0..500 {
        cluster.run();
        look(cluster);
        if !run_a_pod(cluster) {
            return;
        }
    }
    panic!("the rollout does not end");
}

fn get(cluster: &Cluster) -> Deployment {
    cluster.get("default", "web").unwrap()
}

fn condition(cluster: &Cluster, type_: &str) -> (String, String) {
    let conditions = get(cluster).status.unwrap().conditions.unwrap_or_default();
    let found = conditions.into_iter().find(|one| one.type_.as_deref() == Some(type_)).unwrap();
    (found.status.unwrap(), found.reason.unwrap())
}

/// Image and wanted pods of each set, by revision.
fn sets(cluster: &Cluster) -> Vec<(String, i32)> {
    let mut sets = cluster.list::<ReplicaSet>("default");
    sets.sort_by_key(|set| revision::number(&set.metadata));
    let image = |set: &ReplicaSet| {
        let spec = set.spec.template.clone().unwrap().spec.unwrap();
        spec.containers[0].image.clone().unwrap()
    };
    sets.iter().map(|set| (image(set), set.spec.replicas.unwrap())).collect()
}

fn annotation(cluster: &Cluster, key: &str) -> Option<String> {
    get(cluster).metadata.annotations?.get(key).cloned()
}

const REVISION: &str = "deployment.kubernetes.io/revision";

fn told(cluster: &Cluster) -> Vec<String> {
    let events = cluster.list::<Event>("default").into_iter();
    let scaled = events.filter(|event| event.reason.as_deref() == Some("ScalingReplicaSet"));
    scaled.filter_map(|event| event.message).collect()
}

#[test]
fn deployment_should_become_available_with_its_first_replica_set() {
    let mut cluster = cluster();
    cluster.create(deployment(3, json!({})));
    cluster.run();
    assert_eq!(condition(&cluster, "Available").1, "MinimumReplicasUnavailable");
    assert_eq!(condition(&cluster, "Progressing"), ("True".to_owned(), "ReplicaSetUpdated".to_owned()));
    settle(&mut cluster, |_| {});
    assert_eq!(condition(&cluster, "Available").1, "MinimumReplicasAvailable");
    assert_eq!(condition(&cluster, "Progressing"), ("True".to_owned(), "NewReplicaSetAvailable".to_owned()));
    let status = get(&cluster).status.unwrap();
    assert_eq!(
        (status.replicas, status.available_replicas, status.updated_replicas),
        (Some(3), Some(3), Some(3))
    );
    assert_eq!(
        (status.unavailable_replicas, status.observed_generation),
        (None, get(&cluster).metadata.generation)
    );
    let set = cluster.list::<ReplicaSet>("default").remove(0);
    let hash = set.metadata.labels.as_ref().unwrap()["pod-template-hash"].clone();
    assert_eq!(set.metadata.name, Some(format!("web-{hash}")));
    assert_eq!(annotation(&cluster, REVISION).as_deref(), Some("1"));
    assert_eq!(told(&cluster), [format!("Scaled up replica set web-{hash} from 0 to 3")]);
}

#[test]
fn rolling_update_should_hold_to_surge_and_availability_at_every_moment() {
    let cases = [
        (10, json!("25%"), json!("25%"), 13, 8),
        (10, json!(1), json!(0), 11, 10),
        (10, json!(0), json!(3), 10, 7),
        (3, json!("25%"), json!("25%"), 4, 3),
        (4, json!("100%"), json!(0), 8, 4),
        (1, json!(0), json!("10%"), 1, 0),
    ];
    for (replicas, surge, unavailable, most, fewest) in cases {
        let mut cluster = cluster();
        cluster.create(deployment(replicas, strategy(&surge, &unavailable)));
        settle(&mut cluster, |_| {});
        cluster.merge::<Deployment>("default", "web", image("nginx:2"));
        settle(&mut cluster, |cluster| {
            let pods = cluster.list::<Pod>("default");
            let ready = pods.iter().filter(|pod| is_ready(pod)).count();
            assert!(pods.len() <= most, "{} of {most} with {surge} {unavailable}", pods.len());
            assert!(ready >= fewest, "{ready} of {fewest} with {surge} {unavailable}");
        });
        let expected = [("nginx:1".to_owned(), 0), ("nginx:2".to_owned(), replicas)];
        assert_eq!(sets(&cluster), expected, "{surge} {unavailable}");
        assert_eq!(condition(&cluster, "Progressing").1, "NewReplicaSetAvailable");
        assert_eq!(annotation(&cluster, REVISION).as_deref(), Some("2"));
    }
}

#[test]
fn broken_update_should_stop_and_time_out_with_enough_pods_left() {
    let mut cluster = cluster();
    cluster.create(deployment(4, json!({ "progressDeadlineSeconds": 60 })));
    settle(&mut cluster, |_| {});
    cluster.merge::<Deployment>("default", "web", image("broken"));
    settle(&mut cluster, |_| {});
    let ready = cluster.list::<Pod>("default").iter().filter(|pod| is_ready(pod)).count();
    assert_eq!(ready, 3, "one of four may be unavailable");
    assert_eq!(condition(&cluster, "Progressing").0, "True");
    cluster.advance(62);
    cluster.run();
    let expected = ("False".to_owned(), "ProgressDeadlineExceeded".to_owned());
    assert_eq!(condition(&cluster, "Progressing"), expected);
    cluster.merge::<Deployment>("default", "web", image("nginx:1"));
    settle(&mut cluster, |_| {});
    assert_eq!(sets(&cluster), [("broken".to_owned(), 0), ("nginx:1".to_owned(), 4)]);
    assert_eq!(condition(&cluster, "Progressing").1, "NewReplicaSetAvailable");
}

#[test]
fn return_to_an_old_template_should_count_its_set_up_and_remember_the_old_number() {
    let mut cluster = cluster();
    cluster.create(deployment(1, json!({})));
    settle(&mut cluster, |_| {});
    for image_of_step in ["nginx:2", "nginx:1"] {
        cluster.merge::<Deployment>("default", "web", image(image_of_step));
        settle(&mut cluster, |_| {});
    }
    let sets = cluster.list::<ReplicaSet>("default");
    let newest = sets.iter().max_by_key(|set| revision::number(&set.metadata)).unwrap();
    let annotations = newest.metadata.annotations.clone().unwrap();
    assert_eq!((sets.len(), annotations[REVISION].as_str()), (2, "3"));
    assert_eq!(annotations["deployment.kubernetes.io/revision-history"], "1");
    assert_eq!(annotation(&cluster, REVISION).as_deref(), Some("3"));
}

#[test]
fn recreated_pods_should_come_after_all_old_ones_are_gone() {
    let mut cluster = cluster();
    cluster.create(deployment(3, json!({ "strategy": { "type": "Recreate" } })));
    settle(&mut cluster, |_| {});
    cluster.merge::<Deployment>("default", "web", image("nginx:2"));
    settle(&mut cluster, |cluster| {
        let pods = cluster.list::<Pod>("default");
        let images: BTreeSet<_> =
            pods.iter().map(|pod| pod.spec.as_ref().unwrap().containers[0].image.clone()).collect();
        assert!(images.len() <= 1, "{images:?}");
    });
    assert_eq!(sets(&cluster), [("nginx:1".to_owned(), 0), ("nginx:2".to_owned(), 3)]);
}

#[test]
fn scaling_should_be_told_and_change_no_revision() {
    let mut cluster = cluster();
    cluster.create(deployment(2, json!({})));
    settle(&mut cluster, |_| {});
    for replicas in [5, 0, 1] {
        cluster.merge::<Deployment>("default", "web", json!({ "spec": { "replicas": replicas } }));
        settle(&mut cluster, |_| {});
        assert_eq!(sets(&cluster), [("nginx:1".to_owned(), replicas)]);
        assert_eq!(cluster.list::<Pod>("default").len(), usize::try_from(replicas).unwrap());
    }
    let scaled: Vec<String> =
        told(&cluster).iter().map(|text| text.rsplit_once(" from ").unwrap().1.to_owned()).collect();
    let mut expected = ["0 to 2", "2 to 5", "5 to 0", "0 to 1"].map(str::to_owned).to_vec();
    let mut scaled = scaled;
    scaled.sort();
    expected.sort();
    assert_eq!(scaled, expected);
    assert_eq!(annotation(&cluster, REVISION).as_deref(), Some("1"));
}

#[test]
fn scaling_amid_a_rollout_should_be_shared_by_size() {
    let mut cluster = cluster();
    cluster.create(deployment(10, strategy(&json!(3), &json!(2))));
    settle(&mut cluster, |_| {});
    cluster.merge::<Deployment>("default", "web", image("broken"));
    settle(&mut cluster, |_| {});
    assert_eq!(sets(&cluster), [("nginx:1".to_owned(), 8), ("broken".to_owned(), 5)]);
    cluster.merge::<Deployment>("default", "web", json!({ "spec": { "replicas": 15 } }));
    cluster.run();
    // The example of the documentation of Deployments ("Proportional scaling").
    assert_eq!(sets(&cluster), [("nginx:1".to_owned(), 11), ("broken".to_owned(), 7)]);
}

#[test]
fn paused_deployment_should_scale_but_not_roll() {
    let mut cluster = cluster();
    cluster.create(deployment(2, json!({})));
    settle(&mut cluster, |_| {});
    cluster.merge::<Deployment>("default", "web", json!({ "spec": { "paused": true } }));
    cluster.merge::<Deployment>("default", "web", image("nginx:2"));
    settle(&mut cluster, |_| {});
    assert_eq!(condition(&cluster, "Progressing"), ("Unknown".to_owned(), "DeploymentPaused".to_owned()));
    assert_eq!(sets(&cluster), [("nginx:1".to_owned(), 2)]);
    cluster.merge::<Deployment>("default", "web", json!({ "spec": { "replicas": 3 } }));
    settle(&mut cluster, |_| {});
    assert_eq!(sets(&cluster), [("nginx:1".to_owned(), 3)]);
    cluster.merge::<Deployment>("default", "web", json!({ "spec": { "paused": false } }));
    settle(&mut cluster, |_| {});
    assert_eq!(sets(&cluster), [("nginx:1".to_owned(), 0), ("nginx:2".to_owned(), 3)]);
    assert_eq!(condition(&cluster, "Progressing").1, "NewReplicaSetAvailable");
}

#[test]
fn old_sets_beyond_the_limit_should_go() {
    let mut cluster = cluster();
    cluster.create(deployment(1, json!({ "revisionHistoryLimit": 1 })));
    for step in 1..5 {
        cluster.merge::<Deployment>("default", "web", image(&format!("nginx:{step}")));
        settle(&mut cluster, |_| {});
    }
    assert_eq!(sets(&cluster), [("nginx:3".to_owned(), 0), ("nginx:4".to_owned(), 1)]);
}

#[test]
fn name_that_is_taken_should_lead_to_another() {
    let mut cluster = cluster();
    let mut other = deployment(1, json!({}));
    crate::defaults::apply(&mut other);
    let mut squatter = crate::controllers::replica_set::tests::set("x", 0, json!({}));
    squatter.metadata.name = Some(revision::name_of_new(&other));
    cluster.create(squatter);
    cluster.create(other);
    settle(&mut cluster, |_| {});
    assert_eq!(get(&cluster).status.unwrap().collision_count, Some(1));
    assert_eq!(cluster.list::<ReplicaSet>("default").len(), 2);
    assert_eq!(cluster.list::<Pod>("default").len(), 1);
}

#[test]
fn replica_set_that_matches_should_be_adopted() {
    let mut cluster = cluster();
    let mut stray = crate::controllers::replica_set::tests::set("web", 2, json!({}));
    stray.metadata.labels = Some([("app".to_owned(), "web".to_owned())].into());
    cluster.create(stray);
    cluster.run();
    cluster.create(deployment(2, json!({})));
    settle(&mut cluster, |_| {});
    let stray: ReplicaSet = cluster.get("default", "web").unwrap();
    assert_eq!(controller_of(&stray.metadata).unwrap().kind, "Deployment");
    assert_eq!(stray.spec.replicas, Some(0), "its template names another image");
}

#[test]
fn what_cannot_be_made_should_be_told() {
    let mut cluster = cluster();
    let template = json!({
        "metadata": { "labels": { "app": "web" } },
        "spec": { "serviceAccountName": "nobody", "containers": [{ "name": "main", "image": "nginx" }] },
    });
    cluster.create(deployment(1, json!({ "template": template })));
    for _ in 0..5 {
        for (token, answer) in {
            cluster.look_at(0);
            cluster.look_at(1);
            cluster.look_at(2);
            cluster.send()
        } {
            cluster.answer(token, answer);
        }
    }
    assert_eq!(condition(&cluster, "ReplicaFailure"), ("True".to_owned(), "FailedCreate".to_owned()));
}
