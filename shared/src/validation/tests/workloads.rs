use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};

use super::*;

/// A Deployment with more fields in its spec.
fn deployment(rest: &str) -> String {
    format!(
        "{{metadata: {{name: w, namespace: d}}, spec: {{selector: {{matchLabels: {{a: b}}}}, \
         template: {{metadata: {{labels: {{a: b}}}}, spec: {{containers: [{{name: c, image: i}}]}}}}, {rest}}}}}"
    )
}

#[test]
fn deployments_should_be_held_to_their_rules() {
    let cases: [(&str, &[&str]); 9] = [
        ("", &[]),
        ("replicas: -1", &["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
        (
            "progressDeadlineSeconds: 5, minReadySeconds: 5",
            &["spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"],
        ),
        (
            "strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}",
            &[
                "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
            ],
        ),
        (
            "strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0%}}",
            &[
                "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when `maxSurge` is 0",
            ],
        ),
        (
            "strategy: {rollingUpdate: {maxUnavailable: 120%}}",
            &[
                "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"120%\": must not be greater than 100%",
            ],
        ),
        (
            "strategy: {rollingUpdate: {maxSurge: few}}",
            &[
                "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"few\": a valid percent string must be a \
               numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is \
               '[0-9]+%')",
            ],
        ),
        (
            "revisionHistoryLimit: -1",
            &["spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            "strategy: {type: Slow}",
            &[
                "spec.strategy: Unsupported value: {\"type\":\"Slow\"}: supported values: \"Recreate\", \"RollingUpdate\"",
            ],
        ),
    ];
    for (rest, expected) in cases {
        check::<Deployment>(&deployment(rest), expected);
    }
}

#[test]
fn selector_should_select_the_template_of_a_replica_set() {
    let set = |selector: &str, pod: &str| {
        format!(
            "{{metadata: {{name: w, namespace: d}}, spec: {{{selector} template: {{metadata: {{labels: {{a: b}}}}, \
             spec: {{containers: [{{name: c, image: i}}]{pod}}}}}}}}}"
        )
    };
    let mismatch = "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template \
                    `labels`";
    check::<ReplicaSet>(&set("selector: {matchLabels: {a: b}},", ""), &[]);
    check::<ReplicaSet>(&set("selector: {matchLabels: {a: c}},", ""), &[mismatch]);
    check::<ReplicaSet>(&set("", ""), &["spec.selector: Required value", mismatch]);
    check::<ReplicaSet>(
        &set("selector: {matchLabels: {a: b}},", ", restartPolicy: Never"),
        &["spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\""],
    );
}

#[test]
fn selector_should_never_change() {
    let old: Deployment = defaulted(&deployment(""));
    let mut new = old.clone();
    new.metadata.resource_version = Some("1".to_owned());
    let labels = new.spec.selector.match_labels.as_mut().unwrap();
    labels.insert("x".to_owned(), "y".to_owned());
    new.spec.template.metadata.as_mut().unwrap().labels = Some(labels.clone());
    let errors = texts(validate_update(&new, &old));
    let expected =
        "spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\",\"x\":\"y\"}}: field is immutable";
    assert_eq!(errors, [expected]);
}
