//! New objects of the other kinds.

use k8s_openapi::api::core::v1::{
    Binding, ConfigMap, Event, Namespace, Node, ReplicationController, Secret, Service,
};
use k8s_openapi::api::{coordination::v1::Lease, events::v1 as events};

use super::*;

#[test]
fn metadata_should_be_checked_for_every_kind() {
    let table: &[(&str, &[&str])] = &[
        (
            "{name: c, namespace: d, generation: -1}",
            &["metadata.generation: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            "{name: c, namespace: d, finalizers: [mine]}",
            &[
                "metadata.finalizers[0]: Invalid value: \"mine\": name is neither a standard finalizer name nor is it fully qualified",
            ],
        ),
        (
            "{name: c, namespace: d, ownerReferences: [{apiVersion: v1, kind: Event, name: e, uid: u}]}",
            &[
                "metadata.ownerReferences[0]: Invalid value: {\"apiVersion\":\"v1\",\"kind\":\"Event\",\"name\":\"e\",\"uid\":\"u\"}: /v1, Kind=Event is disallowed from being an owner",
            ],
        ),
        (
            "{name: c, namespace: d, ownerReferences: [{apiVersion: v1, kind: Pod, name: p}]}",
            &["metadata.ownerReferences[0].uid: Required value: must not be empty"],
        ),
        ("{name: c, namespace: a.b}", &["metadata.namespace: Invalid value: \"a.b\": must not contain dots"]),
    ];
    for (metadata, expected) in table {
        check::<ConfigMap>(&format!("{{metadata: {metadata}}}"), expected);
    }
    let mut big: ConfigMap = read("{metadata: {name: c, namespace: d}}");
    big.metadata.annotations = Some([("k".to_owned(), "x".repeat(256 * 1024))].into());
    let expected = ["metadata.annotations: Too long: may not be more than 262144 bytes"];
    assert_eq!(texts(validate_create(&big)), expected);
}

#[test]
fn other_kinds_should_be_checked_as_upstream_checks_them() {
    check::<ConfigMap>(
        "{metadata: {name: c, namespace: d}, data: {'a b': x, k: y}, binaryData: {k: eA==}}",
        &[
            "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
            "data[k]: Invalid value: \"k\": duplicate of key present in binaryData",
        ],
    );
    check::<Secret>(
        "{metadata: {name: s, namespace: d}, type: kubernetes.io/tls, stringData: {tls.crt: x}}",
        &["data[tls.key]: Required value"],
    );
    check::<Namespace>(
        "{metadata: {name: a.b, namespace: x}}",
        &[
            "metadata.name: Invalid value: \"a.b\": must not contain dots",
            "metadata.namespace: Forbidden: not allowed on this type",
        ],
    );
    check::<Lease>(
        "{metadata: {name: l, namespace: d}, spec: {leaseDurationSeconds: 0}}",
        &["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"],
    );
    check::<Node>(
        "{metadata: {name: n}, spec: {podCIDRs: [10.0.0.1/24], taints: [{key: k, effect: NoSchedule}, {key: k, effect: NoSchedule}]}}",
        &[
            "metadata.taints[1]: Duplicate value: {\"Key\":\"k\",\"Value\":\"\",\"Effect\":\"NoSchedule\",\"TimeAdded\":null}: taints must be unique by key and effect pair",
            "spec.podCIDRs[0]: Invalid value: \"10.0.0.1/24\": must not have bits set beyond the prefix length",
        ],
    );
    check::<Event>(
        "{metadata: {name: e.1, namespace: d}, involvedObject: {namespace: x}}",
        &["involvedObject.namespace: Invalid value: \"x\": does not match event.namespace"],
    );
    check::<events::Event>(
        "{metadata: {name: e.1, namespace: default}, type: Normal, reason: R, action: A, reportingController: c, reportingInstance: i, deprecatedCount: 1}",
        &["eventTime: Required value", "count: Invalid value: \"\": needs to be unset"],
    );
}

#[test]
fn services_should_be_checked_as_upstream_checks_them() {
    let service = |spec: &str| format!("{{metadata: {{name: s, namespace: d}}, spec: {spec}}}");
    let table: &[(&str, &[&str])] = &[
        ("{ports: [{port: 80}]}", &[]),
        ("{clusterIP: None}", &[]),
        ("{}", &["spec.ports: Required value"]),
        (
            "{ports: [{port: 80}, {port: 80}]}",
            &[
                "spec.ports[0].name: Required value",
                "spec.ports[1].name: Required value",
                "spec.ports[1]: Duplicate value: {\"Name\":\"\",\"Protocol\":\"TCP\",\"AppProtocol\":null,\"Port\":80,\"TargetPort\":0,\"NodePort\":0}",
            ],
        ),
        (
            "{ports: [{port: 80, nodePort: 30000}]}",
            &["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
        ),
        (
            "{type: NodePort, clusterIP: None, ports: [{port: 80}]}",
            &["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"],
        ),
        (
            "{type: Mine, ports: [{port: 80}]}",
            &[
                "spec.type: Unsupported value: \"Mine\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"",
            ],
        ),
        ("{type: ExternalName}", &["spec.externalName: Required value"]),
        (
            "{clusterIP: 10.96.0.300, ports: [{port: 80}]}",
            &[
                "spec.clusterIPs[0]: Invalid value: \"10.96.0.300\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            ],
        ),
        (
            "{externalIPs: [127.0.0.1], ports: [{port: 80}]}",
            &[
                "spec.externalIPs[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
            ],
        ),
        (
            "{sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}, ports: [{port: 80}]}",
            &[
                "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400",
            ],
        ),
    ];
    for (spec, expected) in table {
        check::<Service>(&service(spec), expected);
    }
    let name = "{metadata: {name: 1s, namespace: d}, spec: {ports: [{port: 80}]}}";
    assert!(
        texts(validate_create(&defaulted::<Service>(name)))[0].contains("a DNS-1035 label must consist of")
    );
}

#[test]
fn bindings_should_name_a_node() {
    let check = |manifest: &str, expected: &[&str]| {
        assert_eq!(texts(validate_binding(&read::<Binding>(manifest))), expected);
    };
    check("{target: {kind: Node, name: n}}", &[]);
    check(
        "{target: {kind: Pod}}",
        &[
            "target.kind: Unsupported value: \"Pod\": supported values: \"Node\", \"<empty>\"",
            "target.name: Required value",
        ],
    );
}

#[test]
fn kinds_without_rules_should_not_be_accepted() {
    let errors = validate_create(&ReplicationController::default());
    assert_eq!(texts(errors), ["[]: Internal error: no validation for v1, Kind=ReplicationController"]);
}
