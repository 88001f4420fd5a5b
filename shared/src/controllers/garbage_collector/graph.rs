//! Who belongs to whom.
//!
//! Follows `pkg/controller/garbagecollector/graph.go` of kubernetes/kubernetes. Only what the garbage collector needs
//! of an object is kept.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::api::object::SharedObject;
use crate::api::scheme::Kind;
use crate::store::Revision;

/// An object.
pub(super) struct Node {
    pub(super) kind: &'static Kind,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) owners: Vec<OwnerReference>,
    pub(super) finalizers: Vec<String>,
    /// Whether it is to be deleted.
    pub(super) is_deleted: bool,
    pub(super) revision: Revision,
}

impl Node {
    /// The node of an object.
    pub(super) fn of(kind: &'static Kind, object: &SharedObject) -> Node {
        let metadata = object.metadata();
        Node {
            kind,
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
            owners: metadata.owner_references.clone().unwrap_or_default(),
            finalizers: metadata.finalizers.clone().unwrap_or_default(),
            is_deleted: metadata.deletion_timestamp.is_some(),
            revision: object.resource_version().parse().unwrap_or_default(),
        }
    }

    pub(super) fn has_finalizer(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|held| held == finalizer)
    }
}

/// All objects by uid.
#[derive(Default)]
pub(super) struct Graph {
    nodes: BTreeMap<String, Node>,
    /// The uids of what belongs to an object, which need not be there.
    dependents: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    pub(super) fn get(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(uid)
    }

    /// What belongs to an object.
    pub(super) fn dependents<'a>(&'a self, uid: &str) -> impl Iterator<Item = (&'a str, &'a Node)> + use<'a> {
        let uids = self.dependents.get(uid).into_iter().flatten();
        uids.filter_map(|uid| Some((uid.as_str(), self.nodes.get(uid)?)))
    }

    /// Takes in a revision of an object; false where a newer one is known.
    pub(super) fn insert(&mut self, uid: &str, node: Node) -> bool {
        if self.nodes.get(uid).is_some_and(|known| known.revision > node.revision) {
            return false;
        }
        self.remove(uid);
        for owner in &node.owners {
            self.dependents.entry(owner.uid.clone()).or_default().insert(uid.to_owned());
        }
        self.nodes.insert(uid.to_owned(), node);
        true
    }

    pub(super) fn remove(&mut self, uid: &str) {
        let Some(node) = self.nodes.remove(uid) else { return };
        for owner in node.owners {
            if let Some(dependents) = self.dependents.get_mut(&owner.uid) {
                dependents.remove(uid);
                if dependents.is_empty() {
                    self.dependents.remove(&owner.uid);
                }
            }
        }
    }
}
