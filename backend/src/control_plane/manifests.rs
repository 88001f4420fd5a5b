//! The static pods of the cluster's own components, laid out as kubeadm lays them out: what stands in the
//! manifests' directory of each node.

use std::fs;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use shared::apiserver::{VERSION, admission};
use shared::controllers::node_lifecycle::{GRACE_PERIOD, MONITOR_PERIOD};
use shared::dns::PORT;
use shared::persistent_volume::provisioning::PROVISIONER;

use crate::cluster::{CONTROL_PLANE, ClusterOptions, POD_NETWORK, StoreEngine, node_directory};
use crate::dns::{HEALTH_PORT, READY_PORT};
use crate::kubelet::REGISTRY;
use crate::metrics_server::RESOLUTION;

/// The version of CoreDNS that is followed, as kubeadm's image has it.
const COREDNS_VERSION: &str = "v1.14.3";
/// The version of metrics-server that is followed.
const METRICS_SERVER_VERSION: &str = "v0.8.0";
/// The version of kube-network-policies that is followed.
const POLICIES_VERSION: &str = "v1.0.0";
/// What stands first in a manifest that the program wrote, and will write again at the next start.
const GENERATED: &str = "# Written by kijabi at every start. Remove this line to keep your own changes.\n";

/// Writes the manifests of a node's static pods, leaving those alone that someone made their own.
pub(crate) fn write(node: &str, options: &ClusterOptions, secure_address: SocketAddr) -> Result<()> {
    let directory = crate::kubelet::manifests(&node_directory(&options.data_dir, node));
    fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
    let policies = "kube-network-policies";
    let mut pods = vec![("kube-proxy", kube_proxy(node)), (policies, kube_network_policies(node))];
    if node == CONTROL_PLANE {
        pods.extend(control_plane(options, secure_address));
        pods.push(("coredns", coredns()));
        pods.push(("metrics-server", metrics_server()));
        pods.push(("local-path-provisioner", local_path_provisioner()));
    }
    for (name, pod) in pods {
        let path = directory.join(format!("{name}.yaml"));
        let text = format!("{GENERATED}{}", shared::yaml::write(&pod));
        let before = fs::read_to_string(&path).unwrap_or_default();
        let own = !before.is_empty() && !before.starts_with(GENERATED);
        if !own && before != text {
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    Ok(())
}

fn control_plane(options: &ClusterOptions, secure_address: SocketAddr) -> [(&'static str, Value); 4] {
    let store = match options.store {
        StoreEngine::Redb => "redb",
        StoreEngine::Memory => "memory",
    };
    let etcd =
        vec!["etcd".to_owned(), format!("--engine={store}"), "--auto-compaction-retention=5m".to_owned()];
    let apiserver = vec![
        "kube-apiserver".to_owned(),
        format!("--secure-port={}", secure_address.port()),
        format!("--bind-address={}", secure_address.ip()),
        "--service-cluster-ip-range=10.96.0.0/12".to_owned(),
        "--event-ttl=1h0m0s".to_owned(),
        format!("--enable-admission-plugins={}", admission::PLUGINS.join(",")),
    ];
    let controllers = vec![
        "kube-controller-manager".to_owned(),
        "--allocate-node-cidrs=true".to_owned(),
        format!("--cluster-cidr={POD_NETWORK}"),
        "--node-cidr-mask-size=24".to_owned(),
        format!("--node-monitor-period={}s", MONITOR_PERIOD.as_secs()),
        format!("--node-monitor-grace-period={}s", GRACE_PERIOD.as_secs()),
    ];
    let scheduler = vec!["kube-scheduler".to_owned()];
    [
        ("etcd", static_pod("etcd", etcd, "100m", Some("100Mi"))),
        ("kube-apiserver", static_pod("kube-apiserver", apiserver, "250m", None)),
        ("kube-controller-manager", static_pod("kube-controller-manager", controllers, "200m", None)),
        ("kube-scheduler", static_pod("kube-scheduler", scheduler, "100m", None)),
    ]
}

/// kube-proxy; kubeadm's is a DaemonSet, whose pods tolerate everything.
fn kube_proxy(node: &str) -> Value {
    let command =
        ["kube-proxy", &format!("--hostname-override={node}"), &format!("--cluster-cidr={POD_NETWORK}")]
            .map(str::to_owned);
    let mut pod = static_pod("kube-proxy", command.to_vec(), "", None);
    pod["metadata"]["labels"] = json!({ "k8s-app": "kube-proxy" });
    pod["spec"]["tolerations"] = json!([{ "operator": "Exists" }]);
    pod["spec"]["containers"][0]["resources"] = json!({});
    pod
}

/// What holds pods to NetworkPolicies: a DaemonSet in its own project's manifests, as kube-proxy is in kubeadm's.
fn kube_network_policies(node: &str) -> Value {
    let command = ["kube-network-policies", &format!("--hostname-override={node}")].map(str::to_owned);
    let mut pod = static_pod("kube-network-policies", command.to_vec(), "", None);
    let image = format!("{REGISTRY}/networking/kube-network-policies:{POLICIES_VERSION}");
    pod["metadata"]["labels"] = json!({ "k8s-app": "kube-network-policies" });
    pod["spec"]["tolerations"] = json!([{ "operator": "Exists" }]);
    pod["spec"]["containers"][0]["image"] = image.into();
    pod["spec"]["containers"][0]["resources"] = json!({});
    pod
}

/// CoreDNS, on a network of its own, so that the Service `kube-dns` leads to it; kubeadm's is a Deployment, whose
/// settings lie in a ConfigMap.
fn coredns() -> Value {
    let command = ["coredns", &format!("-dns.port={PORT}")].map(str::to_owned);
    let mut pod = static_pod("coredns", command.to_vec(), "100m", Some("70Mi"));
    pod["metadata"]["labels"] = json!({ "k8s-app": "kube-dns" });
    let port = |name: &str, port: u16| json!({ "name": name, "containerPort": port, "protocol": "TCP" });
    let spec = &mut pod["spec"];
    spec["hostNetwork"] = false.into();
    spec["dnsPolicy"] = "Default".into();
    spec["priorityClassName"] = "system-cluster-critical".into();
    spec["priority"] = 2_000_000_000.into();
    spec["tolerations"] = json!([
        { "key": "CriticalAddonsOnly", "operator": "Exists" },
        { "key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule" },
    ]);
    let container = &mut spec["containers"][0];
    container["image"] = format!("{REGISTRY}/coredns/coredns:{COREDNS_VERSION}").into();
    container["ports"] = json!([
        port("dns-tcp", PORT),
        port("liveness-probe", HEALTH_PORT),
        port("readiness-probe", READY_PORT),
    ]);
    container["livenessProbe"] = json!({
        "httpGet": { "path": "/health", "port": "liveness-probe" },
        "initialDelaySeconds": 60,
        "timeoutSeconds": 5,
        "failureThreshold": 5,
    });
    // kubeadm's asks every ten seconds, and names would wait as long at every start.
    container["readinessProbe"] =
        json!({ "httpGet": { "path": "/ready", "port": "readiness-probe" }, "periodSeconds": 1 });
    pod
}

/// metrics-server, which kubeadm leaves to its users.
fn metrics_server() -> Value {
    let resolution = format!("--metric-resolution={}s", RESOLUTION.as_secs());
    let mut pod =
        static_pod("metrics-server", vec!["metrics-server".to_owned(), resolution], "100m", Some("200Mi"));
    pod["metadata"]["labels"] = json!({ "k8s-app": "metrics-server" });
    pod["spec"]["priorityClassName"] = "system-cluster-critical".into();
    pod["spec"]["priority"] = 2_000_000_000.into();
    let image = format!("{REGISTRY}/metrics-server/metrics-server:{METRICS_SERVER_VERSION}");
    pod["spec"]["containers"][0]["image"] = image.into();
    pod
}

/// The local provisioner, which in a kind cluster is a Deployment in a namespace of its own.
fn local_path_provisioner() -> Value {
    let name = "local-path-provisioner";
    let command = [name, "start", &format!("--provisioner-name={PROVISIONER}")].map(str::to_owned);
    let mut pod = static_pod(name, command.to_vec(), "", None);
    pod["metadata"]["labels"] = json!({ "app": name });
    pod["spec"]["priorityClassName"] = "system-cluster-critical".into();
    pod["spec"]["priority"] = 2_000_000_000.into();
    pod["spec"]["containers"][0]["resources"] = json!({});
    pod
}

/// A manifest with kubeadm's labels, requests and priority.
fn static_pod(name: &str, command: Vec<String>, cpu: &str, memory: Option<&str>) -> Value {
    let mut requests = json!({ "cpu": cpu });
    if let Some(memory) = memory {
        requests["memory"] = memory.into();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "kube-system",
            "labels": { "component": name, "tier": "control-plane" },
        },
        "spec": {
            "hostNetwork": true,
            "priorityClassName": "system-node-critical",
            "priority": 2_000_001_000,
            "containers": [{
                "name": name,
                "image": format!("{REGISTRY}/{name}:{VERSION}"),
                "imagePullPolicy": "IfNotPresent",
                "command": command,
                "resources": { "requests": requests },
            }],
        },
    })
}
