//! Changes of objects.

use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod, Service};

use super::*;

#[test]
fn pods_should_change_in_their_images_only() {
    let meta = "metadata: {name: p, namespace: d, uid: u, resourceVersion: '1'}";
    let old = defaulted::<Pod>(&format!(
        "{{{meta}, spec: {{containers: [{{name: a, image: i, resources: {{}}}}]}}}}"
    ));
    let update = |spec: &str| {
        let new = defaulted::<Pod>(&format!("{{{meta}, spec: {spec}}}"));
        texts(validate_update(&new, &old))
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(
        update("{containers: [{name: a, image: j, imagePullPolicy: Always}], hostNetwork: false}"),
        none
    );
    assert_eq!(update("{containers: [{name: a, image: i}], tolerations: [{operator: Exists}]}"), none);
    assert_eq!(update("{containers: [{name: a, image: i}], activeDeadlineSeconds: 5}"), none);
    assert_eq!(
        update("{containers: [{name: a, image: i}, {name: b, image: i}]}"),
        ["spec.containers: Forbidden: pod updates may not add or remove containers"]
    );
    assert_eq!(
        update("{containers: [{name: a, image: i, command: [x]}], nodeName: n}"),
        [
            "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n  core.PodSpec{\n  \tContainers: {\n  \t\t{\n  \t\t\t... // 5 identical fields\n+ \t\t\tCommand: [\"x\"],\n  \t\t},\n  \t},\n  \t... // 6 identical fields\n+ \tNodeName: \"n\",\n  }\n"
        ]
    );
}

#[test]
fn pods_quantities_should_be_compared_as_numbers() {
    let pod = |memory: &str| {
        defaulted::<Pod>(&format!(
            "{{metadata: {{name: p, namespace: d, resourceVersion: '1'}}, spec: {{containers: [{{name: a, image: i, resources: {{limits: {{memory: {memory}}}}}}}]}}}}"
        ))
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(texts(validate_update(&pod("1Gi"), &pod("'1073741824'"))), none);
    assert_eq!(texts(validate_update(&pod("1.500k"), &pod("1500"))), none);
    let [error] = &texts(validate_update(&pod("2Gi"), &pod("1Gi")))[..] else { panic!("one error") };
    assert!(error.contains("2Gi") && error.contains("1Gi"), "{error}");
}

#[test]
fn metadata_should_not_change_its_identity() {
    let old: ConfigMap = read(
        "{metadata: {name: c, namespace: d, uid: u, resourceVersion: '1', generation: 2, deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [a/b]}}",
    );
    let new: ConfigMap =
        read("{metadata: {name: x, namespace: d, uid: v, finalizers: [a/b, c/d], generation: 1}}");
    assert_eq!(
        texts(validate_update(&new, &old)),
        [
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"c/d\"}",
            "metadata.resourceVersion: Invalid value: \"\": must be specified for an update",
            "metadata.generation: Invalid value: 1: must not be decremented",
            "metadata.name: Invalid value: \"x\": field is immutable",
            "metadata.uid: Invalid value: \"v\": field is immutable",
            "metadata.deletionTimestamp: Invalid value: null: field is immutable",
        ]
    );
}

#[test]
fn sealed_and_fixed_fields_should_not_change() {
    let meta = "metadata: {name: c, namespace: d, resourceVersion: '1'}";
    let old: ConfigMap = read(&format!("{{{meta}, immutable: true, data: {{k: v}}}}"));
    let new: ConfigMap = read(&format!("{{{meta}, data: {{k: w}}}}"));
    let sealed = "Forbidden: field is immutable when `immutable` is set";
    assert_eq!(
        texts(validate_update(&new, &old)),
        [format!("immutable: {sealed}"), format!("data: {sealed}")]
    );

    let service = |ip: &str| {
        defaulted::<Service>(&format!("{{{meta}, spec: {{clusterIP: {ip}, ports: [{{port: 80}}]}}}}"))
    };
    assert_eq!(
        texts(validate_update(&service("10.96.0.2"), &service("10.96.0.1"))),
        ["spec.clusterIPs[0]: Invalid value: [\"10.96.0.2\"]: may not change once set"]
    );

    let node =
        |spec: &str| read::<Node>(&format!("{{metadata: {{name: n, resourceVersion: '1'}}, spec: {spec}}}"));
    assert_eq!(
        texts(validate_update(&node("{podCIDRs: [10.1.0.0/24]}"), &node("{podCIDRs: [10.0.0.0/24]}"))),
        ["spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid"]
    );
}

#[test]
fn statuses_should_not_bring_ended_containers_back() {
    let pod = |policy: &str, state: &str| {
        read::<Pod>(&format!(
            "{{metadata: {{name: p, namespace: d, resourceVersion: '1'}}, spec: {{restartPolicy: {policy}, containers: [{{name: a}}]}}, status: {{containerStatuses: [{{name: a, state: {state}}}]}}}}"
        ))
    };
    let (ended, failed, running) =
        ("{terminated: {exitCode: 0}}", "{terminated: {exitCode: 1}}", "{running: {}}");
    let error =
        ["status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"];
    for (policy, before, expected) in [
        ("Never", ended, &error[..]),
        ("Never", failed, &error[..]),
        ("OnFailure", ended, &error[..]),
        ("OnFailure", failed, &[]),
        ("Always", ended, &[]),
    ] {
        assert_eq!(texts(validate_status_update(&pod(policy, running), &pod(policy, before))), expected);
    }
}
