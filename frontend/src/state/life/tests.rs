//! A pod's life, as the records of a real order of events tell it.

use serde_json::json;

use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_767_225_600_000 + millis).unwrap()
}

fn record(
    user: &str,
    verb: &str,
    subresource: &str,
    revision: &str,
    (received, answered): (i64, i64),
) -> AuditRecord {
    AuditRecord {
        id: format!("{verb}-{received}"),
        user: user.into(),
        user_agent: "kubectl".into(),
        verb: verb.into(),
        subresource: subresource.into(),
        namespace: "default".into(),
        name: "web".into(),
        revision: revision.into(),
        code: 201,
        received: at(received),
        answered: at(answered),
    }
}

fn sighting(status: &str, millis: i64, revision: &str) -> Sighting {
    Sighting { at: at(millis), resource_version: revision.into(), status: status.into() }
}

fn running_pod() -> Value {
    json!({
        "metadata": {"name": "web", "namespace": "default", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"nodeName": "node-1", "containers": [{"name": "c", "image": "nginx"}]},
        "status": {
            "phase": "Running", "podIP": "10.244.1.2",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"ready": true, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}],
        },
    })
}

fn whole_life() -> Vec<AuditRecord> {
    vec![
        record("ann", "create", "", "5", (100, 103)),
        record("system:kube-scheduler", "create", "binding", "", (105, 107)),
        record("system:node:node-1", "patch", "status", "7", (110, 112)),
        record("system:node:node-1", "patch", "status", "9", (140, 142)),
        record("system:node:node-1", "patch", "status", "11", (143, 145)),
    ]
}

fn moments(steps: &[Step]) -> Vec<Option<i64>> {
    steps.iter().map(|step| step.at.map(|moment| moment.as_millisecond() - at(0).as_millisecond())).collect()
}

#[test]
fn a_running_pod_should_have_seven_steps_in_order() {
    let pod = running_pod();
    let audit = whole_life();
    let sightings = [
        sighting("Pending", 104, "5"),
        sighting("ContainerCreating", 113, "7"),
        sighting("Running", 148, "9"),
    ];
    let steps =
        tell(&Sources { pod: &pod, audit: audit.iter().collect(), events: &[], sightings: &sightings });
    assert_eq!(moments(&steps), [100, 103, 105, 107, 110, 140, 142].map(Some));
    assert!(steps.iter().all(|step| step.progress == Progress::Done));
    assert!(steps[0].facts.contains(&("who", "ann".into())));
    assert!(steps[6].facts.contains(&("revision", "9".into())));
    assert!(steps[6].facts.contains(&("heard", "6.0 ms".into())));
}

#[test]
fn a_write_that_others_heard_of_before_its_answer_should_not_come_after_them() {
    let pod = running_pod();
    let mut audit = whole_life();
    audit[0].answered = at(106);
    audit[1].answered = at(111);
    let steps = tell(&Sources { pod: &pod, audit: audit.iter().collect(), events: &[], sightings: &[] });
    assert_eq!(moments(&steps)[..5], [100, 105, 105, 110, 110].map(Some));
}

#[test]
fn a_pod_that_finds_no_node_should_stop_at_the_decision_and_say_why() {
    let pod = json!({"metadata": {"name": "web", "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Pending"}});
    let audit = [record("ann", "create", "", "5", (100, 103))];
    let failed = json!({"reason": "FailedScheduling", "message": "0/3 nodes are available"});
    let steps = tell(&Sources {
        pod: &pod,
        audit: audit.iter().collect(),
        events: &[Rc::new(failed)],
        sightings: &[],
    });
    let progress: Vec<_> = steps.iter().map(|step| step.progress).collect();
    use Progress::{Ahead, Done, Troubled};
    assert_eq!(progress, [Done, Done, Troubled, Ahead, Ahead, Ahead, Ahead]);
    assert!(steps[2].facts.contains(&("reason", "0/3 nodes are available".into())));
}

#[test]
fn a_create_of_an_earlier_pod_of_the_same_name_should_not_count() {
    let pod = running_pod();
    let mut audit = vec![
        record("eve", "create", "", "2", (-9_000, -8_990)),
        record("eve", "create", "binding", "", (-8_980, -8_970)),
    ];
    audit.extend(whole_life());
    let steps = tell(&Sources { pod: &pod, audit: audit.iter().collect(), events: &[], sightings: &[] });
    assert_eq!(moments(&steps)[..4], [100, 103, 105, 107].map(Some));
}

#[test]
fn a_life_the_page_did_not_witness_should_be_told_from_the_pod_itself() {
    let pod = running_pod();
    let steps = tell(&Sources { pod: &pod, audit: vec![], events: &[], sightings: &[] });
    assert!(steps.iter().all(|step| step.progress == Progress::Done));
    assert_eq!(moments(&steps)[0], Some(0));
}

#[test]
fn a_program_should_be_named_by_one_product() {
    let table = [
        ("kubectl/v1.37.0 (linux/amd64) kubernetes/4cb5f07", "kubectl/v1.37.0"),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
            "Chrome/141.0.0.0",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox/140.0"),
        ("curl", "curl"),
        ("", ""),
    ];
    for (agent, expected) in table {
        assert_eq!(program(agent), expected);
    }
}
