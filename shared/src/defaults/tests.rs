//! Manifests and what they are with their defaults.

use k8s_openapi::api::core::v1::{Endpoints, Namespace, Node, Pod, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{IngressClass, NetworkPolicy};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::apply;
use crate::api::object::ApiObject;

/// Applies the defaults, which must change nothing the second time, and compares the result.
fn check<K: ApiObject + Serialize + DeserializeOwned>(manifest: &str, expected: &str) {
    let mut object: K = serde_yaml::from_str(manifest).unwrap();
    apply(&mut object);
    let once = serde_json::to_value(&object).unwrap();
    apply(&mut object);
    assert_eq!(serde_json::to_value(&object).unwrap(), once, "defaults are not idempotent");
    let mut expected: Value = serde_yaml::from_str(expected).unwrap();
    let found = once.as_object().unwrap();
    for (name, value) in expected.as_object_mut().unwrap() {
        assert_eq!(found.get(name), Some(&*value), "{name} of {manifest}");
    }
}

#[test]
fn the_books_pod_should_get_upstreams_defaults() {
    check::<Pod>(
        "{metadata: {name: myapp-pod}, spec: {containers: [{name: nginx-container, image: nginx}]}}",
        "
spec:
  containers:
  - name: nginx-container
    image: nginx
    imagePullPolicy: Always
    resources: {}
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: File
  dnsPolicy: ClusterFirst
  enableServiceLinks: true
  restartPolicy: Always
  schedulerName: default-scheduler
  securityContext: {}
  terminationGracePeriodSeconds: 30
",
    );
}

#[test]
fn every_part_of_a_pod_should_get_its_defaults() {
    check::<Pod>(
        "
spec:
  hostNetwork: true
  serviceAccount: robot
  volumes:
  - {name: e}
  - {name: c, configMap: {name: c}}
  - {name: h, hostPath: {path: /x}}
  - {name: p, projected: {sources: [{serviceAccountToken: {path: t}}]}}
  containers:
  - name: a
    image: nginx:1.27
    ports: [{containerPort: 80}]
    env: [{name: N, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: C, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}]
    resources: {limits: {cpu: '1', memory: 1Gi}, requests: {cpu: 100m}}
    livenessProbe: {httpGet: {port: 80}}
",
        "
spec:
  containers:
  - name: a
    image: nginx:1.27
    imagePullPolicy: IfNotPresent
    ports: [{containerPort: 80, hostPort: 80, protocol: TCP}]
    env: [{name: N, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}}, {name: C, valueFrom: {resourceFieldRef: {divisor: '0', resource: limits.cpu}}}]
    resources: {limits: {cpu: '1', memory: 1Gi}, requests: {cpu: 100m, memory: 1Gi}}
    livenessProbe: {failureThreshold: 3, httpGet: {path: /, port: 80, scheme: HTTP}, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 1}
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: File
  dnsPolicy: ClusterFirst
  enableServiceLinks: true
  hostNetwork: true
  restartPolicy: Always
  schedulerName: default-scheduler
  securityContext: {}
  serviceAccount: robot
  serviceAccountName: robot
  terminationGracePeriodSeconds: 30
  volumes:
  - {name: e, emptyDir: {}}
  - {name: c, configMap: {name: c, defaultMode: 420}}
  - {name: h, hostPath: {path: /x, type: ''}}
  - {name: p, projected: {defaultMode: 420, sources: [{serviceAccountToken: {expirationSeconds: 3600, path: t}}]}}
",
    );
}

#[test]
fn other_kinds_should_get_upstreams_defaults() {
    check::<Service>(
        "{spec: {ports: [{port: 80}], type: NodePort, clusterIP: 10.96.0.7}}",
        "{spec: {ports: [{port: 80, protocol: TCP, targetPort: 80}], type: NodePort, clusterIP: 10.96.0.7, clusterIPs: [10.96.0.7], sessionAffinity: None, externalTrafficPolicy: Cluster, internalTrafficPolicy: Cluster}}",
    );
    check::<Service>(
        "{spec: {sessionAffinity: ClientIP}}",
        "{spec: {type: ClusterIP, sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 10800}}, internalTrafficPolicy: Cluster}}",
    );
    check::<Namespace>(
        "{metadata: {name: blue}}",
        "{metadata: {name: blue, labels: {kubernetes.io/metadata.name: blue}}, status: {phase: Active}}",
    );
    check::<Secret>("{stringData: {a: b}, data: {c: ZA==}}", "{type: Opaque, data: {a: Yg==, c: ZA==}}");
    check::<Node>(
        "{status: {capacity: {cpu: 1500.1m}}}",
        "{status: {capacity: {cpu: 1501m}, allocatable: {cpu: 1501m}}}",
    );
}

#[test]
fn ports_of_endpoints_should_be_tcp() {
    check::<Endpoints>(
        "{subsets: [{ports: [{port: 80}, {port: 53, protocol: UDP}]}]}",
        "subsets: [{ports: [{port: 80, protocol: TCP}, {port: 53, protocol: UDP}]}]",
    );
    check::<EndpointSlice>(
        "{addressType: IPv4, ports: [{port: 80}, {name: dns, protocol: UDP}]}",
        "ports: [{name: '', port: 80, protocol: TCP}, {name: dns, protocol: UDP}]",
    );
}

#[test]
fn network_policies_should_say_which_ways_they_are_about() {
    let rows = [
        ("{}", "{podSelector: {}, policyTypes: [Ingress]}"),
        ("{policyTypes: [Egress]}", "{podSelector: {}, policyTypes: [Egress]}"),
        ("{egress: []}", "{podSelector: {}, egress: [], policyTypes: [Ingress]}"),
        (
            "{ingress: [{ports: [{port: 80}]}], egress: [{ports: [{port: 53, protocol: UDP}, {}]}]}",
            "{podSelector: {}, ingress: [{ports: [{port: 80, protocol: TCP}]}], egress: [{ports: [{port: 53, protocol: UDP}, {protocol: TCP}]}], policyTypes: [Ingress, Egress]}",
        ),
    ];
    for (spec, expected) in rows {
        check::<NetworkPolicy>(&format!("spec: {spec}"), &format!("spec: {expected}"));
    }
}

#[test]
fn parameters_of_an_ingress_class_should_be_the_clusters() {
    check::<IngressClass>(
        "spec: {controller: a.example/b, parameters: {kind: K, name: n}}",
        "spec: {controller: a.example/b, parameters: {kind: K, name: n, scope: Cluster}}",
    );
}
