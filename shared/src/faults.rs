//! Faults made on purpose: what can be asked for, and whether it makes sense.
//!
//! A fault is written `{"type": "CutLink", "between": ["node-1", "node-2"]}` and holds until it is removed by its
//! name; only killing a container is done at once and over.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::image_reference::Reference;
use crate::validation::field::{ErrorList, Path};
use crate::validation::names;

/// The longest that a link can take.
const MAX_DELAY_MILLISECONDS: u64 = 60_000;
/// The types in the words of the wire, with the fields that each takes.
const TYPES: [(&str, &[&str]); 7] = [
    ("CrashNode", &["node"]),
    ("CutLink", &["between"]),
    ("FillDisk", &["node"]),
    ("KillContainer", &["namespace", "pod", "container"]),
    ("PauseNode", &["node"]),
    ("RefuseRegistry", &["registry", "node"]),
    ("SlowLink", &["between", "delayMilliseconds"]),
];

/// A fault with the name that it is removed by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Its name.
    pub name: String,
    /// What is wrong.
    #[serde(flatten)]
    pub what: What,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum What {
    /// Nothing passes between two nodes.
    CutLink {
        /// The nodes.
        between: [String; 2],
    },
    /// Connections between two nodes take longer to be made.
    SlowLink {
        /// The nodes.
        between: [String; 2],
        /// How much longer.
        delay_milliseconds: u64,
    },
    /// A kubelet does nothing; its node's containers go on.
    PauseNode {
        /// The node.
        node: String,
    },
    /// A node is gone with all that ran on it, until it is started again.
    CrashNode {
        /// The node.
        node: String,
    },
    /// Pods find no room on a node's disk.
    FillDisk {
        /// The node.
        node: String,
    },
    /// A registry takes no connections, so that no image is pulled from it.
    RefuseRegistry {
        /// The registry, as names of images have it: `docker.io`, `localhost:8080`.
        registry: String,
        /// The node that it refuses; all where none is named.
        #[serde(skip_serializing_if = "Option::is_none")]
        node: Option<String>,
    },
    /// A container is killed.
    KillContainer {
        /// Its pod's namespace.
        namespace: String,
        /// Its pod.
        pod: String,
        /// The container.
        container: String,
    },
}

/// The faults of a cluster, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub BTreeMap<String, Fault>);

/// What is wrong with the way between two nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Whether nothing passes.
    pub cut: bool,
    /// How much longer connections take.
    pub delay: Duration,
}

impl Faults {
    /// What is wrong between two nodes, in either direction.
    pub fn link(&self, one: &str, other: &str) -> Link {
        let joins = |between: &[String; 2]| between.iter().all(|node| node == one || node == other);
        let mut link = Link::default();
        for fault in self.0.values().filter(|_| one != other) {
            match &fault.what {
                What::CutLink { between } => link.cut |= joins(between),
                What::SlowLink { between, delay_milliseconds } if joins(between) => {
                    link.delay += Duration::from_millis(*delay_milliseconds);
                }
                _ => {}
            }
        }
        link
    }

    /// Whether a node's kubelet does nothing.
    pub fn is_paused(&self, name: &str) -> bool {
        self.0.values().any(|fault| matches!(&fault.what, What::PauseNode { node } if node == name))
    }

    /// Whether a node's disk is full.
    pub fn is_filled(&self, name: &str) -> bool {
        self.0.values().any(|fault| matches!(&fault.what, What::FillDisk { node } if node == name))
    }

    /// Whether a registry refuses a node.
    pub fn is_refused(&self, name: &str, from: &str) -> bool {
        let refuses = |what: &What| match what {
            What::RefuseRegistry { registry, node } => {
                registry == from && node.as_ref().is_none_or(|node| node == name)
            }
            _ => false,
        };
        self.0.values().any(|fault| refuses(&fault.what))
    }

    /// Whether a node is gone.
    pub fn is_crashed(&self, name: &str) -> bool {
        self.0.values().any(|fault| matches!(&fault.what, What::CrashNode { node } if node == name))
    }
}

/// Reads what is asked for in a cluster with these nodes, of which the first runs the control plane.
///
/// # Errors
/// All that is wrong with it, each with its field.
pub fn read(asked: &Value, nodes: &[String]) -> Result<Fault, ErrorList> {
    let mut reader = Reader { asked, nodes, errors: ErrorList::new() };
    let fault = reader.fault();
    if reader.errors.is_empty() { fault.ok_or(reader.errors) } else { Err(reader.errors) }
}

struct Reader<'a> {
    asked: &'a Value,
    nodes: &'a [String],
    errors: ErrorList,
}

impl Reader<'_> {
    fn fault(&mut self) -> Option<Fault> {
        let type_ = self.text("type")?;
        let Some((_, fields)) = TYPES.iter().find(|(name, _)| *name == type_) else {
            let known = TYPES.map(|(name, _)| name);
            self.errors.not_supported(&Path::root("type"), type_.as_str(), &known);
            return None;
        };
        for field in self.asked.as_object().into_iter().flat_map(|all| all.keys()) {
            if !["type", "name"].contains(&field.as_str()) && !fields.contains(&field.as_str()) {
                self.errors
                    .forbidden(&Path::root(field), format!("a fault of type {type_} has no such field"));
            }
        }
        let what = self.what(&type_)?;
        let name = match self.asked.get("name") {
            None => default_name(&what),
            Some(_) => self.text("name")?,
        };
        self.errors.invalid_each(&Path::root("name"), name.as_str(), names::dns_1123_subdomain(&name));
        Some(Fault { name, what })
    }

    fn what(&mut self, type_: &str) -> Option<What> {
        Some(match type_ {
            "CutLink" => What::CutLink { between: self.between()? },
            "SlowLink" => What::SlowLink { between: self.between()?, delay_milliseconds: self.delay()? },
            "PauseNode" => What::PauseNode { node: self.node()? },
            "CrashNode" => {
                let node = self.node()?;
                if self.nodes.first() == Some(&node) {
                    let why = "the API server runs there, and nobody could start the node again";
                    self.errors.forbidden(&Path::root("node"), why);
                }
                What::CrashNode { node }
            }
            "FillDisk" => What::FillDisk { node: self.node()? },
            "RefuseRegistry" => {
                let registry = self.registry()?;
                let node = if self.asked.get("node").is_some() { Some(self.node()?) } else { None };
                What::RefuseRegistry { registry, node }
            }
            _ => What::KillContainer {
                namespace: self.text("namespace")?,
                pod: self.text("pod")?,
                container: self.text("container")?,
            },
        })
    }

    fn text(&mut self, field: &str) -> Option<String> {
        match self.asked.get(field) {
            Some(Value::String(text)) if !text.is_empty() => return Some(text.clone()),
            None => self.errors.required(&Path::root(field), ""),
            Some(other) => self.errors.invalid(&Path::root(field), other.clone(), "must be text"),
        }
        None
    }

    fn node(&mut self) -> Option<String> {
        let node = self.text("node")?;
        self.known(&node, &Path::root("node")).then_some(node)
    }

    /// A registry by the name that references come to: `index.docker.io` is `docker.io`.
    fn registry(&mut self) -> Option<String> {
        let registry = self.text("registry")?;
        let read = format!("{registry}/folder/name").parse::<Reference>().ok();
        let known = read.filter(|read| read.repository == "folder/name").map(|read| read.registry);
        if known.is_none() {
            let why = "must be the name of a registry, as docker.io or localhost:8080";
            self.errors.invalid(&Path::root("registry"), registry, why);
        }
        known
    }

    fn known(&mut self, node: &str, path: &Path) -> bool {
        let known = self.nodes.iter().any(|known| known == node);
        if !known {
            self.errors.not_found(path, node);
        }
        known
    }

    fn between(&mut self) -> Option<[String; 2]> {
        let path = Path::root("between");
        let given = self.asked.get("between").cloned();
        let pair = given.clone().and_then(|value| serde_json::from_value::<[String; 2]>(value).ok());
        let Some(pair) = pair.filter(|[one, other]| one != other) else {
            match given {
                None => self.errors.required(&path, ""),
                Some(given) => self.errors.invalid(&path, given, "must be the names of two different nodes"),
            }
            return None;
        };
        let unknown = pair.iter().enumerate().filter(|(index, node)| !self.known(node, &path.index(*index)));
        (unknown.count() == 0).then_some(pair)
    }

    fn delay(&mut self) -> Option<u64> {
        let path = Path::root("delayMilliseconds");
        let Some(given) = self.asked.get("delayMilliseconds") else {
            self.errors.required(&path, "");
            return None;
        };
        let delay = given.as_u64().filter(|delay| (1..=MAX_DELAY_MILLISECONDS).contains(delay));
        if delay.is_none() {
            let range = names::range_message(1, MAX_DELAY_MILLISECONDS.cast_signed());
            self.errors.invalid(&path, given.clone(), range);
        }
        delay
    }
}

/// The name of a fault that was given none: what it is, and where.
fn default_name(what: &What) -> String {
    match what {
        What::CutLink { between: [one, other] } => format!("cut-link-{one}-{other}"),
        What::SlowLink { between: [one, other], .. } => format!("slow-link-{one}-{other}"),
        What::PauseNode { node } => format!("pause-node-{node}"),
        What::CrashNode { node } => format!("crash-node-{node}"),
        What::FillDisk { node } => format!("fill-disk-{node}"),
        What::RefuseRegistry { registry, node } => {
            let registry = registry.replace(':', "-");
            let of = node.as_ref().map(|node| format!("-{node}")).unwrap_or_default();
            format!("refuse-registry-{registry}{of}")
        }
        What::KillContainer { pod, container, .. } => format!("kill-container-{pod}-{container}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nodes() -> Vec<String> {
        ["control-plane", "node-1", "node-2"].map(str::to_owned).into()
    }

    #[test]
    fn faults_should_be_read_and_written_alike() {
        for asked in [
            json!({ "name": "a", "type": "CutLink", "between": ["node-1", "node-2"] }),
            json!({ "name": "b", "type": "SlowLink", "between": ["node-1", "node-2"], "delayMilliseconds": 5 }),
            json!({ "name": "c", "type": "PauseNode", "node": "control-plane" }),
            json!({ "name": "d", "type": "CrashNode", "node": "node-1" }),
            json!({ "name": "f", "type": "FillDisk", "node": "node-1" }),
            json!({ "name": "g", "type": "RefuseRegistry", "registry": "docker.io" }),
            json!({ "name": "h", "type": "RefuseRegistry", "registry": "localhost:8080", "node": "node-1" }),
            json!({ "name": "e", "type": "KillContainer", "namespace": "d", "pod": "p", "container": "c" }),
        ] {
            let fault = read(&asked, &nodes()).unwrap();
            assert_eq!(serde_json::to_value(&fault).unwrap(), asked);
        }
        let unnamed = read(&json!({ "type": "CutLink", "between": ["node-1", "node-2"] }), &nodes()).unwrap();
        assert_eq!(unnamed.name, "cut-link-node-1-node-2");
    }

    #[test]
    fn what_makes_no_sense_should_be_said_with_its_field() {
        let rows = [
            (json!({}), "type: Required value"),
            (
                json!({ "type": "FillMoon" }),
                "type: Unsupported value: \"FillMoon\": supported values: \"CrashNode\", \"CutLink\", \"FillDisk\", \"KillContainer\", \"PauseNode\", \"RefuseRegistry\", \"SlowLink\"",
            ),
            (
                json!({ "type": "RefuseRegistry", "registry": "team/app" }),
                "registry: Invalid value: \"team/app\": must be the name of a registry, as docker.io or localhost:8080",
            ),
            (
                json!({ "type": "RefuseRegistry", "registry": "docker.io", "node": "node-9" }),
                "node: Not found: \"node-9\"",
            ),
            (json!({ "type": "PauseNode" }), "node: Required value"),
            (json!({ "type": "PauseNode", "node": "node-9" }), "node: Not found: \"node-9\""),
            (
                json!({ "type": "CutLink", "between": ["node-1", "node-9"] }),
                "between[1]: Not found: \"node-9\"",
            ),
            (
                json!({ "type": "CutLink", "between": ["node-1", "node-1"] }),
                "between: Invalid value: [\"node-1\",\"node-1\"]: must be the names of two different nodes",
            ),
            (
                json!({ "type": "SlowLink", "between": ["node-1", "node-2"], "delayMilliseconds": 0 }),
                "delayMilliseconds: Invalid value: 0: must be between 1 and 60000, inclusive",
            ),
            (
                json!({ "type": "CrashNode", "node": "control-plane" }),
                "node: Forbidden: the API server runs there, and nobody could start the node again",
            ),
            (
                json!({ "type": "PauseNode", "node": "node-1", "pod": "p" }),
                "pod: Forbidden: a fault of type PauseNode has no such field",
            ),
        ];
        for (asked, expected) in rows {
            assert_eq!(read(&asked, &nodes()).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn disks_and_registries_should_be_those_of_the_nodes_that_are_named() {
        let mut faults = Faults::default();
        for asked in [
            json!({ "type": "FillDisk", "node": "node-1" }),
            json!({ "type": "RefuseRegistry", "registry": "index.docker.io" }),
            json!({ "type": "RefuseRegistry", "registry": "localhost:8080", "node": "node-2" }),
        ] {
            let fault = read(&asked, &nodes()).unwrap();
            faults.0.insert(fault.name.clone(), fault);
        }
        let names: Vec<_> = faults.0.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["fill-disk-node-1", "refuse-registry-docker.io", "refuse-registry-localhost-8080-node-2"]
        );
        assert!(faults.is_filled("node-1") && !faults.is_filled("node-2"));
        for (node, registry, expected) in [
            ("node-1", "docker.io", true),
            ("node-2", "docker.io", true),
            ("node-2", "localhost:8080", true),
            ("node-1", "localhost:8080", false),
            ("node-1", "quay.io", false),
        ] {
            assert_eq!(faults.is_refused(node, registry), expected, "{node} {registry}");
        }
    }

    #[test]
    fn a_link_should_be_the_same_from_both_ends() {
        let mut faults = Faults::default();
        for asked in [
            json!({ "type": "CutLink", "between": ["node-1", "node-2"] }),
            json!({ "type": "SlowLink", "between": ["node-1", "control-plane"], "delayMilliseconds": 5 }),
            json!({ "name": "more", "type": "SlowLink", "between": ["control-plane", "node-1"], "delayMilliseconds": 7 }),
            json!({ "type": "PauseNode", "node": "node-2" }),
        ] {
            let fault = read(&asked, &nodes()).unwrap();
            faults.0.insert(fault.name.clone(), fault);
        }
        let slow = Link { cut: false, delay: Duration::from_millis(12) };
        for (one, other, expected) in [
            ("node-1", "node-2", Link { cut: true, delay: Duration::ZERO }),
            ("node-2", "node-1", Link { cut: true, delay: Duration::ZERO }),
            ("control-plane", "node-1", slow),
            ("node-2", "control-plane", Link::default()),
            ("node-1", "node-1", Link::default()),
        ] {
            assert_eq!(faults.link(one, other), expected, "{one} {other}");
        }
        assert!(faults.is_paused("node-2") && !faults.is_paused("node-1") && !faults.is_crashed("node-2"));
    }
}
