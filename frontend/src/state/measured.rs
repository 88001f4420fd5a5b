//! What nodes and containers really use, as `metrics.k8s.io` tells it.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::api::quantity::Quantity;

use super::object::{ObjectKey, items, name, text};

/// CPU and memory in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// CPU, in millicores.
    pub millicores: i64,
    /// The working set, in bytes.
    pub bytes: i64,
}

impl Amounts {
    fn of(usage: &Value) -> Amounts {
        let quantity = |pointer| text(usage, pointer).parse::<Quantity>().ok();
        Amounts {
            millicores: quantity("/usage/cpu").map_or(0, |cpu| cpu.milli_value()),
            bytes: quantity("/usage/memory").map_or(0, |memory| memory.value()),
        }
    }

    /// CPU as `kubectl top` prints it.
    pub fn cpu(self) -> String {
        format!("{}m", self.millicores)
    }

    /// Memory as `kubectl top` prints it.
    pub fn memory(self) -> String {
        format!("{}Mi", self.bytes >> 20)
    }
}

/// All that is measured, by node and by container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    nodes: BTreeMap<String, Amounts>,
    containers: BTreeMap<(ObjectKey, String), Amounts>,
}

impl Measured {
    /// Reads a `NodeMetricsList` and a `PodMetricsList`.
    pub fn read(nodes: &Value, pods: &Value) -> Measured {
        let node = |node: &Value| (name(node).to_owned(), Amounts::of(node));
        let containers = items(pods, "/items").iter().flat_map(|pod| {
            let of_pod = items(pod, "/containers").iter();
            of_pod.map(|each| ((ObjectKey::of(pod), text(each, "/name").to_owned()), Amounts::of(each)))
        });
        Measured {
            nodes: items(nodes, "/items").iter().map(node).collect(),
            containers: containers.collect(),
        }
    }

    /// What is used on a node.
    pub fn node(&self, name: &str) -> Option<Amounts> {
        self.nodes.get(name).copied()
    }

    /// What a container of a pod uses.
    pub fn container(&self, pod: &ObjectKey, name: &str) -> Option<Amounts> {
        self.containers.get(&(pod.clone(), name.to_owned())).copied()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_should_be_read_for_nodes_and_containers() {
        let usage = |cpu: &str, memory: &str| json!({"cpu": cpu, "memory": memory});
        let nodes = json!({"items": [{"metadata": {"name": "node-1"}, "usage": usage("1500m", "2Gi")}]});
        let pods = json!({"items": [{
            "metadata": {"namespace": "default", "name": "web"},
            "containers": [{"name": "a", "usage": usage("12345678n", "3200Ki")}],
        }]});
        let measured = Measured::read(&nodes, &pods);
        let node = measured.node("node-1").unwrap();
        assert_eq!((node.cpu(), node.memory()), ("1500m".to_owned(), "2048Mi".to_owned()));
        let pod = ObjectKey::new("default", "web");
        let container = measured.container(&pod, "a").unwrap();
        assert_eq!((container.cpu(), container.memory()), ("13m".to_owned(), "3Mi".to_owned()));
        assert_eq!((measured.node("node-2"), measured.container(&pod, "b")), (None, None));
        assert_eq!(Measured::read(&Value::Null, &Value::Null), Measured::default());
    }
}
