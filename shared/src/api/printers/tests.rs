use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    ConfigMap, Endpoints, Event, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, PodTemplate,
    Secret, Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::events::v1::Event as EventsEvent;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, NetworkPolicy};
use k8s_openapi::api::storage::v1::StorageClass;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::age::{human_duration, short_human_duration};
use super::*;
use crate::yaml;

/// When all rows are printed.
const NOW: &str = "2026-01-01T01:00:00Z";

/// The object that `text` describes in YAML, created an hour before [`NOW`].
fn object<K: ApiObject + DeserializeOwned>(text: &str) -> K {
    let mut value = yaml::parse(text).unwrap().remove(0).value;
    let metadata = value["metadata"].as_object_mut().unwrap();
    metadata.entry("creationTimestamp").or_insert(json!("2026-01-01T00:00:00Z"));
    serde_json::from_value(value).unwrap()
}

/// The row's cells after the name, joined by `|`.
fn cells<K: ApiObject + DeserializeOwned>(text: &str) -> String {
    let object: K = object(text);
    let row = row(&object, NOW.parse().unwrap());
    assert_eq!(row.len(), columns(object.api_version(), object.kind()).len(), "{text}");
    let cells: Vec<_> =
        row.iter().map(|cell| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned)).collect();
    cells.join("|")
}

/// Ready, Status and Restarts of a pod with the given spec and status.
#[track_caller]
fn check_pods(table: &[(&str, &str, &str)]) {
    for (spec, status, expected) in table {
        let text = format!("{{metadata: {{name: web}}, spec: {spec}, status: {status}}}");
        let cells = cells::<Pod>(&text);
        let shown: Vec<_> = cells.split('|').skip(1).take(3).collect();
        assert_eq!(shown.join("|"), *expected, "{status}");
    }
}

const ONE: &str = "{containers: [{name: a}]}";
const TWO: &str = "{containers: [{name: a}, {name: b}]}";
const INIT: &str = "{containers: [{name: a}], initContainers: [{name: i}, {name: j}]}";
const SIDECAR: &str =
    "{containers: [{name: a}], initContainers: [{name: s, restartPolicy: Always}, {name: j}]}";

#[test]
fn pods_should_show_their_phase_or_their_own_reason() {
    check_pods(&[
        (ONE, "{phase: Pending}", "0/1|Pending|0"),
        (ONE, "{phase: Failed, reason: Evicted}", "0/1|Evicted|0"),
        (
            ONE,
            "{phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: SchedulingGated}]}",
            "0/1|SchedulingGated|0",
        ),
        (
            ONE,
            "{phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable}]}",
            "0/1|Pending|0",
        ),
    ]);
}

/// The status of container `name` in `state`.
fn container(name: &str, state: &str, more: &str) -> String {
    format!("{{name: {name}, image: x, imageID: '', ready: false, restartCount: 0, state: {state}{more}}}")
}

fn status(phase: &str, list: &str, containers: &[String], more: &str) -> String {
    format!("{{phase: {phase}, {list}: [{}]{more}}}", containers.join(", "))
}

#[test]
fn pods_should_show_the_reason_of_their_first_container() {
    let running = "{running: {}}";
    let up = |name: &str| container(name, running, "").replace("ready: false", "ready: true");
    let ended = |name: &str, code: i32, more: &str| {
        container(name, &format!("{{terminated: {{exitCode: {code}{more}}}}}"), "")
    };
    let ready = ", conditions: [{type: Ready, status: 'True'}]";
    let of =
        |phase: &str, containers: &[String], more: &str| status(phase, "containerStatuses", containers, more);
    check_pods(&[
        (ONE, &of("Running", &[up("a")], ""), "1/1|Running|0"),
        (TWO, &of("Running", &[up("a"), container("b", running, "")], ""), "1/2|Running|0"),
        (
            ONE,
            &of("Running", &[container("a", "{waiting: {reason: CrashLoopBackOff}}", "")], ""),
            "0/1|CrashLoopBackOff|0",
        ),
        (
            ONE,
            &of("Pending", &[container("a", "{waiting: {reason: ContainerCreating}}", "")], ""),
            "0/1|ContainerCreating|0",
        ),
        (ONE, &of("Succeeded", &[ended("a", 0, ", reason: Completed")], ""), "0/1|Completed|0"),
        (ONE, &of("Failed", &[ended("a", 1, ", reason: Error")], ""), "0/1|Error|0"),
        (ONE, &of("Failed", &[ended("a", 137, ", reason: OOMKilled")], ""), "0/1|OOMKilled|0"),
        (ONE, &of("Failed", &[ended("a", 3, "")], ""), "0/1|ExitCode:3|0"),
        (ONE, &of("Failed", &[ended("a", 0, ", signal: 9")], ""), "0/1|Signal:9|0"),
        (TWO, &of("Running", &[ended("a", 0, ", reason: Completed"), up("b")], ready), "1/2|Running|0"),
        (TWO, &of("Running", &[ended("a", 0, ", reason: Completed"), up("b")], ""), "1/2|NotReady|0"),
        (
            TWO,
            &of("Failed", &[ended("a", 0, ", reason: Completed"), ended("b", 1, ", reason: Error")], ""),
            "0/2|Error|0",
        ),
        (
            TWO,
            &of(
                "Running",
                &[container("a", "{waiting: {reason: ErrImagePull}}", ""), ended("b", 1, ", reason: Error")],
                "",
            ),
            "0/2|ErrImagePull|0",
        ),
    ]);
}

#[test]
fn pods_should_show_how_far_their_init_containers_are() {
    let of = |containers: &[String]| status("Pending", "initContainerStatuses", containers, "");
    let done = container("i", "{terminated: {exitCode: 0, reason: Completed}}", "");
    let sidecar = container("s", "{running: {}}", ", started: true").replace("ready: false", "ready: true");
    check_pods(&[
        (
            INIT,
            &of(&[
                container("i", "{running: {}}", ""),
                container("j", "{waiting: {reason: PodInitializing}}", ""),
            ]),
            "0/1|Init:0/2|0",
        ),
        (INIT, &of(&[done.clone(), container("j", "{running: {}}", "")]), "0/1|Init:1/2|0"),
        (
            INIT,
            &of(&[done.clone(), container("j", "{waiting: {reason: PodInitializing}}", "")]),
            "0/1|Init:1/2|0",
        ),
        (
            INIT,
            &of(&[container("i", "{waiting: {reason: ImagePullBackOff}}", "")]),
            "0/1|Init:ImagePullBackOff|0",
        ),
        (INIT, &of(&[container("i", "{terminated: {exitCode: 1, reason: Error}}", "")]), "0/1|Init:Error|0"),
        (INIT, &of(&[container("i", "{terminated: {exitCode: 7}}", "")]), "0/1|Init:ExitCode:7|0"),
        (INIT, &of(&[container("i", "{terminated: {exitCode: 7, signal: 15}}", "")]), "0/1|Init:Signal:15|0"),
        (SIDECAR, &of(&[container("s", "{waiting: {}}", "")]), "0/2|Init:0/2|0"),
        (SIDECAR, &of(&[sidecar, container("j", "{running: {}}", "")]), "1/2|Init:1/2|0"),
    ]);
}

#[test]
fn restarts_should_say_when_the_last_one_was() {
    let restarted = |name: &str, count: i32, minute: i32| {
        let last =
            format!(", lastState: {{terminated: {{exitCode: 1, finishedAt: '2026-01-01T00:{minute}:00Z'}}}}");
        container(name, "{running: {}}", &last).replace("restartCount: 0", &format!("restartCount: {count}"))
    };
    let init = format!(", initContainerStatuses: [{}]", {
        restarted("i", 5, 58).replace("state: {running: {}}", "state: {terminated: {exitCode: 0}}")
    });
    let of = |containers: &[String], more: &str| status("Running", "containerStatuses", containers, more);
    check_pods(&[
        (ONE, &of(&[restarted("a", 3, 55)], ""), "0/1|Running|3 (5m ago)"),
        (TWO, &of(&[restarted("a", 3, 55), restarted("b", 1, 50)], ""), "0/2|Running|4 (5m ago)"),
        (
            ONE,
            &of(&[container("a", "{running: {}}", "").replace("restartCount: 0", "restartCount: 2")], ""),
            "0/1|Running|2",
        ),
        // An ordinary init container's restarts are forgotten, a sidecar's are not.
        (INIT, &of(&[restarted("a", 1, 50)], &init), "0/1|Running|1 (10m ago)"),
        (
            SIDECAR,
            &of(&[restarted("a", 1, 50)], &init.replace("name: i", "name: s")),
            "0/2|Running|6 (2m ago)",
        ),
    ]);
}

#[test]
fn deleted_pods_should_be_terminating_until_they_have_ended() {
    for (status, expected) in [
        ("{phase: Running}", "Terminating"),
        ("{phase: Succeeded}", "Succeeded"),
        ("{phase: Running, reason: NodeLost}", "Unknown"),
    ] {
        let metadata = "{name: web, deletionTimestamp: '2026-01-01T00:30:00Z'}";
        let cells = cells::<Pod>(&format!("{{metadata: {metadata}, spec: {ONE}, status: {status}}}"));
        assert_eq!(cells.split('|').nth(2), Some(expected), "{status}");
    }
}

#[test]
fn wide_pods_should_show_addresses_nodes_and_gates() {
    let pod = "
metadata: {name: web}
spec:
  nodeName: node-1
  containers: [{name: a}]
  readinessGates: [{conditionType: one}, {conditionType: two}]
status:
  phase: Running
  podIP: 10.244.1.2
  podIPs: [{ip: 10.244.1.2}]
  conditions: [{type: one, status: 'True'}, {type: two, status: 'False'}]
";
    assert_eq!(cells::<Pod>(pod), "web|0/1|Running|0|60m|10.244.1.2|node-1|<none>|1/2");
    assert!(cells::<Pod>("metadata: {name: web}").ends_with("|<none>|<none>|<none>|<none>"));
}

#[test]
fn nodes_should_show_readiness_roles_and_system() {
    let info = "{architecture: '', bootID: '', kernelVersion: '', kubeProxyVersion: '', machineID: '', operatingSystem: linux, systemUUID: '', kubeletVersion: v1.37.0, osImage: Kijabi, containerRuntimeVersion: 'wasmtime://48'}";
    let node = |labels: &str, spec: &str, ready: &str| {
        format!(
            "{{metadata: {{name: node, labels: {labels}}}, spec: {spec}, status: {{nodeInfo: {info}, conditions: [{ready}], addresses: [{{type: InternalIP, address: 10.0.0.2}}]}}}}"
        )
    };
    let condition = |status: &str| format!("{{type: Ready, status: '{status}'}}");
    let end = "60m|v1.37.0|10.0.0.2|<none>|Kijabi|<unknown>|wasmtime://48";
    for (text, expected) in [
        (node("{}", "{}", &condition("True")), "node|Ready|<none>"),
        (node("{}", "{}", &condition("Unknown")), "node|NotReady|<none>"),
        (node("{}", "{unschedulable: true}", &condition("True")), "node|Ready,SchedulingDisabled|<none>"),
        (node("{}", "{}", ""), "node|Unknown|<none>"),
        (
            node("{node-role.kubernetes.io/worker: '', node-role.kubernetes.io/control-plane: ''}", "{}", ""),
            "node|Unknown|control-plane,worker",
        ),
        (node("{kubernetes.io/role: master}", "{}", ""), "node|Unknown|master"),
    ] {
        assert_eq!(cells::<Node>(&text), format!("{expected}|{end}"));
    }
}

#[test]
fn services_should_show_addresses_and_ports() {
    for (spec, status, expected) in [
        (
            "{type: ClusterIP, clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1], ports: [{port: 443, protocol: TCP}]}",
            "{}",
            "ClusterIP|10.96.0.1|<none>|443/TCP|60m|<none>",
        ),
        (
            "{type: ClusterIP, clusterIPs: [None], selector: {app: web, b: c}}",
            "{}",
            "ClusterIP|None|<none>|<none>|60m|app=web,b=c",
        ),
        (
            "{type: NodePort, clusterIPs: [10.96.0.2], ports: [{port: 80, nodePort: 30080, protocol: TCP}, {port: 53, protocol: UDP}]}",
            "{}",
            "NodePort|10.96.0.2|<none>|80:30080/TCP,53/UDP|60m|<none>",
        ),
        (
            "{type: LoadBalancer, clusterIPs: [10.96.0.3]}",
            "{}",
            "LoadBalancer|10.96.0.3|<pending>|<none>|60m|<none>",
        ),
        (
            "{type: LoadBalancer, clusterIPs: [10.96.0.3], externalIPs: [1.1.1.1]}",
            "{loadBalancer: {ingress: [{ip: 9.9.9.9}, {hostname: lb}]}}",
            "LoadBalancer|10.96.0.3|9.9.9.9,lb,1.1.1.1|<none>|60m|<none>",
        ),
        (
            "{type: ExternalName, externalName: example.org}",
            "{}",
            "ExternalName|<none>|example.org|<none>|60m|<none>",
        ),
    ] {
        let text = format!("{{metadata: {{name: s}}, spec: {spec}, status: {status}}}");
        assert_eq!(cells::<Service>(&text), format!("s|{expected}"));
    }
}

#[test]
fn endpoints_should_show_their_ready_addresses_with_ports() {
    let table = [
        ("[]", "<none>"),
        ("[{notReadyAddresses: [{ip: 10.0.0.1}], ports: [{port: 80}]}]", ""),
        ("[{addresses: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]}]", "10.0.0.1,fd00::1"),
        ("[{addresses: [{ip: 10.0.0.1}, {ip: 'fd00::1'}], ports: [{port: 80}]}]", "10.0.0.1:80,[fd00::1]:80"),
        (
            "[{addresses: [{ip: 10.0.0.1}, {ip: 10.0.0.2}], ports: [{port: 80}, {port: 443}]}, {addresses: [{ip: 10.0.0.3}]}]",
            "10.0.0.1:80,10.0.0.2:80,10.0.0.1:443 + 2 more...",
        ),
    ];
    for (subsets, expected) in table {
        let text = format!("{{metadata: {{name: web}}, subsets: {subsets}}}");
        assert_eq!(cells::<Endpoints>(&text), format!("web|{expected}|60m"), "{subsets}");
    }
}

#[test]
fn endpoint_slices_should_show_ports_and_addresses() {
    let table = [
        ("ports: [], endpoints: []", "<unset>|<unset>"),
        ("ports: [{port: 80}, {name: web}, {}], endpoints: [{addresses: [10.0.0.1]}]", "80,web,*|10.0.0.1"),
        (
            "ports: [{port: 1}, {port: 2}, {port: 3}, {port: 4}], endpoints: [{addresses: [a, b]}, {addresses: [c]}, {addresses: [d, e]}]",
            "1,2,3 + 1 more...|a,b,c + 2 more...",
        ),
    ];
    for (rest, expected) in table {
        let text = format!("{{metadata: {{name: web-1}}, addressType: IPv4, {rest}}}");
        assert_eq!(cells::<EndpointSlice>(&text), format!("web-1|IPv4|{expected}|60m"), "{rest}");
    }
}

#[test]
fn volumes_claims_and_classes_should_show_what_they_are_bound_to() {
    let volume = "{metadata: {name: v}, spec: {capacity: {storage: 1024Mi}, accessModes: [ReadWriteMany, ReadWriteOnce], persistentVolumeReclaimPolicy: Delete, claimRef: {namespace: d, name: c}, storageClassName: s, volumeMode: Filesystem}, status: {phase: Bound}}";
    assert_eq!(cells::<PersistentVolume>(volume), "v|1Gi|RWO,RWX|Delete|Bound|d/c|s|<unset>||60m|Filesystem");
    let waiting = "{metadata: {name: c}, spec: {storageClassName: s, resources: {requests: {storage: 1Gi}}}, status: {phase: Pending}}";
    assert_eq!(cells::<PersistentVolumeClaim>(waiting), "c|Pending||||s|<unset>|60m|<unset>");
    let bound = "{metadata: {name: c}, spec: {volumeName: v, volumeMode: Filesystem}, status: {phase: Bound, accessModes: [ReadWriteOncePod], capacity: {storage: 2Gi}}}";
    assert_eq!(cells::<PersistentVolumeClaim>(bound), "c|Bound|v|2Gi|RWOP||<unset>|60m|Filesystem");
    let class = "{metadata: {name: s, annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}, provisioner: a/b, volumeBindingMode: Immediate}";
    assert_eq!(cells::<StorageClass>(class), "s (default)|a/b|Delete|Immediate|false|60m");
}

#[test]
fn events_of_both_groups_should_show_the_same() {
    let core = "
metadata: {name: web.1}
type: Warning
reason: BackOff
message: \" Back-off restarting \"
involvedObject: {kind: Pod, name: web, fieldPath: 'spec.containers{web}'}
source: {component: kubelet, host: node-1}
firstTimestamp: '2026-01-01T00:50:00Z'
lastTimestamp: '2026-01-01T00:59:30Z'
count: 4
";
    let shown =
        "30s|Warning|BackOff|pod/web|spec.containers{web}|kubelet, node-1|Back-off restarting|10m|4|web.1";
    assert_eq!(cells::<Event>(core), shown);
    let newer = core
        .replace("message", "note")
        .replace("involvedObject", "regarding")
        .replace("source", "deprecatedSource")
        .replace("firstTimestamp", "deprecatedFirstTimestamp")
        .replace("lastTimestamp", "deprecatedLastTimestamp")
        .replace("count", "deprecatedCount");
    assert_eq!(cells::<EventsEvent>(&newer), shown);
}

#[test]
fn events_of_the_newer_api_should_show_times_of_occurrence_and_series() {
    let event = "
metadata: {name: web.2}
type: Normal
reason: Scheduled
note: assigned
regarding: {kind: Pod, name: web}
reportingController: default-scheduler
reportingInstance: scheduler-0
eventTime: '2026-01-01T00:58:00.000000Z'
";
    assert_eq!(
        cells::<EventsEvent>(event),
        "2m|Normal|Scheduled|pod/web||default-scheduler, scheduler-0|assigned|2m|1|web.2"
    );
    let series = format!("{event}series: {{count: 9, lastObservedTime: '2026-01-01T00:59:59.000000Z'}}\n");
    assert!(cells::<EventsEvent>(&series).starts_with("1s|"));
    assert!(cells::<EventsEvent>(&series).ends_with("|2m|9|web.2"));
    assert!(
        cells::<Event>("metadata: {name: e}\ninvolvedObject: {kind: Node}\n")
            .starts_with("<unknown>|||node|")
    );
}

#[test]
fn small_kinds_should_show_what_they_hold() {
    assert_eq!(
        cells::<Namespace>("{metadata: {name: default}, status: {phase: Active}}"),
        "default|Active|60m"
    );
    assert_eq!(cells::<ConfigMap>("{metadata: {name: c}, data: {a: b}, binaryData: {d: aGk=}}"), "c|2|60m");
    assert_eq!(cells::<Secret>("{metadata: {name: s}, type: Opaque, data: {a: aGk=}}"), "s|Opaque|1|60m");
    assert_eq!(cells::<ServiceAccount>("{metadata: {name: default}}"), "default|0|60m");
    assert_eq!(cells::<Lease>("{metadata: {name: l}, spec: {holderIdentity: node-1}}"), "l|node-1|60m");
}

#[test]
fn controllers_should_show_replicas_containers_and_selectors() {
    let template = "{spec: {containers: [{name: a, image: x:1}, {name: b, image: z}]}}";
    let replica_set = format!(
        "{{metadata: {{name: r}}, spec: {{replicas: 3, selector: {{matchLabels: {{b: c}}, matchExpressions: [{{key: a, operator: In, values: [z, x]}}, {{key: d, operator: DoesNotExist}}]}}, template: {template}}}, status: {{replicas: 2, readyReplicas: 1}}}}"
    );
    assert_eq!(cells::<ReplicaSet>(&replica_set), "r|3|2|1|60m|a,b|x:1,z|a in (x,z),b=c,!d");
    let deployment = format!(
        "{{metadata: {{name: d}}, spec: {{replicas: 3, selector: {{matchLabels: {{app: web}}}}, template: {template}}}, status: {{readyReplicas: 2, updatedReplicas: 3, availableReplicas: 1}}}}"
    );
    assert_eq!(cells::<Deployment>(&deployment), "d|2/3|3|1|60m|a,b|x:1,z|app=web");
}

#[test]
fn network_policies_should_show_whom_they_select() {
    for (spec, expected) in [
        ("{}", "p|<none>|60m"),
        ("{podSelector: {matchLabels: {app: db}}}", "p|app=db|60m"),
        (
            "{podSelector: {matchExpressions: [{key: tier, operator: In, values: [b, a]}]}}",
            "p|tier in (a,b)|60m",
        ),
    ] {
        assert_eq!(cells::<NetworkPolicy>(&format!("{{metadata: {{name: p}}, spec: {spec}}}")), expected);
    }
}

#[test]
fn ingresses_should_show_their_hosts_and_where_they_are() {
    for (rest, expected) in [
        ("spec: {defaultBackend: {}}", "i|<none>|*||80|60m"),
        (
            "spec: {ingressClassName: c, tls: [{}], rules: [{host: a}, {host: b}]}, status: {loadBalancer: {ingress: [{hostname: localhost}]}}",
            "i|c|a,b|localhost|80, 443|60m",
        ),
        ("spec: {rules: [{host: a}, {host: b}, {host: c}, {host: d}]}", "i|<none>|a,b,c + 1 more...||80|60m"),
    ] {
        assert_eq!(cells::<Ingress>(&format!("{{metadata: {{name: i}}, {rest}}}")), expected);
    }
    let class =
        "{metadata: {name: c}, spec: {controller: a.example/b, parameters: {apiGroup: g, kind: K, name: p}}}";
    assert_eq!(cells::<IngressClass>(class), "c|a.example/b|K.g/p|60m");
    assert_eq!(cells::<IngressClass>("{metadata: {name: c}, spec: {controller: d}}"), "c|d|<none>|60m");
}

#[test]
fn kinds_without_columns_should_show_when_they_were_created() {
    let names: Vec<_> = columns("v1", "PodTemplate").iter().map(|column| column.name).collect();
    assert_eq!(names, ["Name", "Created At"]);
    assert_eq!(cells::<PodTemplate>("{metadata: {name: v}}"), "v|2026-01-01T00:00:00Z");
}

#[test]
fn durations_should_be_worded_as_upstream_words_them() {
    let (minute, hour, day) = (60, 3600, 86400);
    for (seconds, long, short) in [
        (-2, "<invalid>", "<invalid>"),
        (-1, "0s", "0s"),
        (0, "0s", "0s"),
        (70, "70s", "1m"),
        (119, "119s", "1m"),
        (2 * minute, "2m", "2m"),
        (2 * minute + 1, "2m1s", "2m"),
        (10 * minute - 1, "9m59s", "9m"),
        (10 * minute + 5, "10m", "10m"),
        (179 * minute, "179m", "2h"),
        (3 * hour, "3h", "3h"),
        (3 * hour + 20 * minute, "3h20m", "3h"),
        (8 * hour + 59 * minute, "8h", "8h"),
        (47 * hour, "47h", "1d"),
        (2 * day, "2d", "2d"),
        (2 * day + 5 * hour, "2d5h", "2d"),
        (8 * day + hour, "8d", "8d"),
        (729 * day, "729d", "1y"),
        (730 * day, "2y", "2y"),
        (740 * day, "2y10d", "2y"),
        (8 * 365 * day, "8y", "8y"),
    ] {
        assert_eq!((human_duration(seconds).as_str(), short_human_duration(seconds).as_str()), (long, short));
    }
}
