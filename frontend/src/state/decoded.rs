//! Nodes and pods as types, for the rooms of `shared` that judge them: each revision is decoded once.

use std::collections::BTreeMap;
use std::rc::Rc;

use k8s_openapi::api::core::v1::{Node, Pod};
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::api::object::{ApiObject, Object, SharedObject};
use shared::scheduler::Snapshot;

use super::collection::Collection;
use super::object::ObjectKey;

/// The decoded objects of one kind, kept from one state of its collection to the next.
#[derive(Default)]
struct Kept(BTreeMap<ObjectKey, (Rc<Value>, SharedObject)>);

impl Kept {
    /// All objects of the collection; what does not decode is left out.
    fn follow<K: ApiObject + DeserializeOwned>(&mut self, collection: &Collection) -> Vec<SharedObject> {
        let mut before = std::mem::take(&mut self.0);
        for (key, value) in collection.iter() {
            let same = before.remove(key).filter(|(old, _)| Rc::ptr_eq(old, value)).map(|(_, object)| object);
            if let Some(object) = same.or_else(|| Some(Object::of(K::deserialize(&**value).ok()?))) {
                self.0.insert(key.clone(), (value.clone(), object));
            }
        }
        self.0.values().map(|(_, object)| object.clone()).collect()
    }
}

/// Decodes nodes and pods, and remembers.
#[derive(Default)]
pub struct Decoder {
    nodes: Kept,
    pods: Kept,
}

/// Nodes and pods as types, and as the scheduler sees them.
pub struct Decoded {
    /// The nodes, by name.
    pub nodes: Vec<SharedObject>,
    /// The pods, by namespace and name.
    pub pods: Vec<SharedObject>,
    /// The scheduler's view of them.
    pub snapshot: Snapshot,
}

impl Decoder {
    /// The objects of these collections.
    pub fn decode(&mut self, nodes: &Collection, pods: &Collection) -> Decoded {
        let (nodes, pods) = (self.nodes.follow::<Node>(nodes), self.pods.follow::<Pod>(pods));
        let snapshot = Snapshot::of(nodes.iter().chain(&pods).cloned());
        Decoded { nodes, pods, snapshot }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::state::collection::Change;

    #[test]
    fn an_unchanged_pod_should_be_decoded_once() {
        let pod = |name: &str, revision: &str| json!({"metadata": {"name": name, "uid": name, "resourceVersion": revision}});
        let (mut decoder, nodes, mut pods) =
            (Decoder::default(), Collection::default(), Collection::default());
        pods.apply(Change::Listed(vec![pod("a", "1"), pod("b", "1")]));
        let before = decoder.decode(&nodes, &pods).pods;
        pods.apply(Change::Stored(pod("b", "2")));
        let after = decoder.decode(&nodes, &pods).pods;
        assert!(Arc::ptr_eq(&before[0], &after[0]));
        assert_eq!(after[1].resource_version(), "2");
    }
}
