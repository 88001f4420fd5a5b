//! Where a pod would land if it were applied now, and how full the nodes are: `shared`'s scheduler
//! over what the page knows, so that page and server cannot disagree.

use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize;
use serde_json::Value;
use shared::defaults;
use shared::scheduler::resources::{CPU, MEMORY};
use shared::scheduler::{Decision, Snapshot, schedule};

use super::measured::Amounts;

/// The scheduler's decision for a pod that is not there yet; `None` for what is not quite a pod.
///
/// Of several equal nodes the server's draw may differ; `Decision::tied` names them.
pub fn forecast(snapshot: &Snapshot, pod: &Value) -> Option<Decision> {
    let mut pod: Pod = Pod::deserialize(pod).ok()?;
    defaults::apply(&mut pod);
    let has_containers = pod.spec.as_ref().is_some_and(|spec| !spec.containers.is_empty());
    has_containers.then(|| schedule(snapshot, &pod, 0))
}

/// How much of one resource of a node is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// `cpu` or `memory`.
    pub resource: &'static str,
    /// What the pods ask for, in the scheduler's unit (millicores, bytes).
    pub requested: i64,
    /// What the node gives.
    pub allocatable: i64,
    /// What is really used of it, where that is measured.
    pub used: Option<i64>,
}

impl Usage {
    /// The share that is asked for in percent, 0 for a node that gives nothing.
    pub fn percent(&self) -> i64 {
        self.share(self.requested)
    }

    /// The share that is used in percent.
    pub fn used_percent(&self) -> Option<i64> {
        self.used.map(|used| self.share(used))
    }

    fn share(&self, amount: i64) -> i64 {
        if self.allocatable == 0 { 0 } else { amount.saturating_mul(100) / self.allocatable }
    }

    /// What is used, as people read it.
    pub fn used_label(&self) -> Option<String> {
        self.used.map(|used| match self.resource {
            CPU => cores(used),
            _ => format!("{:.1} GiB", gibibytes(used)),
        })
    }

    /// Both amounts as people read them, in one unit: `0.25 / 2`, `0.5 / 4.0 GiB`.
    pub fn label(&self) -> String {
        match self.resource {
            CPU => format!("{} / {}", cores(self.requested), cores(self.allocatable)),
            _ => format!("{:.1} / {:.1} GiB", gibibytes(self.requested), gibibytes(self.allocatable)),
        }
    }
}

fn cores(millicores: i64) -> String {
    let text = format!("{:.2}", millicores as f64 / 1000.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn gibibytes(bytes: i64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

/// How full a node is, and what is used of it.
pub fn usage(snapshot: &Snapshot, node: &str, used: Option<Amounts>) -> Vec<Usage> {
    let Some(info) = snapshot.node(node) else { return Vec::new() };
    let of = |resource, used| Usage {
        resource,
        used,
        requested: info.requested.get(resource),
        allocatable: info.allocatable.get(resource),
    };
    vec![of(CPU, used.map(|used| used.millicores)), of(MEMORY, used.map(|used| used.bytes))]
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::scheduler::Outcome;

    use super::*;
    use crate::state::collection::{Change, Collection};
    use crate::state::decoded::Decoder;

    fn two_nodes() -> Collection {
        let node = |name: &str, cpu: &str| json!({"metadata": {"name": name, "labels": {"disk": name}}, "status": {"allocatable": {"cpu": cpu, "memory": "4Gi", "pods": "110"}}});
        let mut nodes = Collection::default();
        nodes.apply(Change::Listed(vec![node("node-1", "2"), node("node-2", "4")]));
        nodes
    }

    fn pod(name: &str, node: Option<&str>, cpu: &str) -> Value {
        json!({
            "metadata": {"name": name, "namespace": "default", "uid": name},
            "spec": {"nodeName": node, "containers": [{"name": "c", "image": "nginx", "resources": {"requests": {"cpu": cpu}}}]},
        })
    }

    fn outcome(pods: Vec<Value>, wanted: Value) -> Outcome {
        let mut running = Collection::default();
        running.apply(Change::Listed(pods));
        forecast(&Decoder::default().decode(&two_nodes(), &running).snapshot, &wanted).unwrap().outcome
    }

    #[test]
    fn a_pod_should_land_where_there_is_room() {
        let full = pod("full", Some("node-2"), "3500m");
        assert_eq!(outcome(vec![full], pod("web", None, "1")), Outcome::Bound { node: "node-1".into() });
    }

    #[test]
    fn a_pod_that_is_too_big_should_be_told_so_before_it_is_sent() {
        let Outcome::Unschedulable { message, .. } = outcome(vec![], pod("web", None, "64")) else {
            panic!("it fits")
        };
        assert!(message.starts_with("0/2 nodes are available: 2 Insufficient cpu."), "{message}");
    }

    #[test]
    fn something_that_is_not_quite_a_pod_should_have_no_forecast() {
        assert_eq!(forecast(&Snapshot::default(), &json!({"spec": {"containers": 3}})), None);
        assert_eq!(forecast(&Snapshot::default(), &json!({"kind": "Pod"})), None);
    }

    #[test]
    fn usage_should_be_what_the_pods_of_the_node_ask_for() {
        let mut pods = Collection::default();
        pods.apply(Change::Listed(vec![pod("a", Some("node-1"), "250m"), pod("b", Some("node-2"), "1")]));
        let used = Amounts { millicores: 1500, bytes: 1 << 30 };
        let usage = usage(&Decoder::default().decode(&two_nodes(), &pods).snapshot, "node-1", Some(used));
        assert_eq!((usage[0].percent(), usage[0].label().as_str()), (12, "0.25 / 2"));
        assert_eq!(usage[1].label(), "0.0 / 4.0 GiB");
        assert_eq!((usage[0].used_percent(), usage[0].used_label().as_deref()), (Some(75), Some("1.5")));
        assert_eq!((usage[1].used_percent(), usage[1].used_label().as_deref()), (Some(25), Some("1.0 GiB")));
    }
}
