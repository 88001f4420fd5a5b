//! Services, and the pods that each selects.
//!
//! Both are found by the pairs of their labels and selectors: neither a change of a pod nor one of a
//! Service looks through a whole namespace. What counts as a change follows `podEndpointsChanged` and
//! `GetServicesToUpdate` of `staging/src/k8s.io/endpointslice/util/controller_utils.go` in
//! kubernetes/kubernetes.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Pod, Service};

use crate::api::object::SharedObject;
use crate::informer::Change;

use super::own_writes::{Key, key_of};
use super::pod_endpoint::{self, node_name};

/// Namespace, and key and value of a label.
type Pair = (String, String, String);

/// All Services and pods that are known.
#[derive(Default)]
pub(super) struct Selection {
    services: BTreeMap<Key, SharedObject>,
    pods: BTreeMap<Key, SharedObject>,
    /// Services by the first pair of their selectors: a pod that lacks it is none of theirs.
    services_by_pair: BTreeMap<Pair, BTreeSet<Key>>,
    pods_by_pair: BTreeMap<Pair, BTreeSet<Key>>,
    pods_by_node: BTreeMap<String, BTreeSet<Key>>,
}

impl Selection {
    /// The Service of that key.
    pub(super) fn service(&self, key: &Key) -> Option<&Service> {
        self.services.get(key)?.downcast_ref()
    }

    /// Takes in a change of a Service.
    pub(super) fn on_service(&mut self, change: Change, object: &SharedObject) {
        let key = key_of(object);
        let old = match change {
            Change::Deleted => self.services.remove(&key),
            _ => self.services.insert(key.clone(), object.clone()),
        };
        if let Some(pair) = old.as_ref().and_then(first_pair) {
            unlink(&mut self.services_by_pair, &pair, &key);
        }
        if let Some(pair) = first_pair(object).filter(|_| change != Change::Deleted) {
            self.services_by_pair.entry(pair).or_default().insert(key);
        }
    }

    /// Takes in a change of a pod; the Services whose endpoints it may change.
    pub(super) fn on_pod(&mut self, change: Change, object: &SharedObject) -> BTreeSet<Key> {
        let key = key_of(object);
        let old = self.remove_pod(&key);
        let before = old.as_ref().map(|old| self.services_of(old)).unwrap_or_default();
        if change == Change::Deleted {
            return before;
        }
        let after = self.services_of(object);
        let changed = match (old.as_ref().and_then(typed), typed(object)) {
            (Some(old), Some(new)) => endpoint_changed(old, new),
            _ => true,
        };
        self.insert_pod(key, object);
        match changed {
            true => before.union(&after).cloned().collect(),
            false => before.symmetric_difference(&after).cloned().collect(),
        }
    }

    /// The pods that a Service selects, by name.
    pub(super) fn pods_of(&self, service: &Service) -> Vec<&Pod> {
        let Some(selector) = service.spec.as_ref().and_then(pod_endpoint::selector) else {
            return Vec::new();
        };
        let namespace = service.metadata.namespace.clone().unwrap_or_default();
        let pairs = selector.iter().map(|(key, value)| (namespace.clone(), key.clone(), value.clone()));
        let sets = pairs.map(|pair| self.pods_by_pair.get(&pair));
        let fewest = sets.min_by_key(|set| set.map_or(0, BTreeSet::len)).flatten();
        let pods = fewest.into_iter().flatten().filter_map(|key| typed(self.pods.get(key)?));
        pods.filter(|pod| matches(service, pod)).collect()
    }

    /// The Services that select a pod of a node.
    pub(super) fn services_on_node(&self, node: &str) -> BTreeSet<Key> {
        let pods = self.pods_by_node.get(node).into_iter().flatten();
        pods.filter_map(|key| self.pods.get(key)).flat_map(|pod| self.services_of(pod)).collect()
    }

    fn services_of(&self, pod: &SharedObject) -> BTreeSet<Key> {
        let Some(pod) = typed(pod) else { return BTreeSet::new() };
        let keys = pairs(pod).filter_map(|pair| self.services_by_pair.get(&pair)).flatten();
        let selects = |key: &&Key| self.service(key).is_some_and(|service| matches(service, pod));
        keys.filter(selects).cloned().collect()
    }

    fn insert_pod(&mut self, key: Key, object: &SharedObject) {
        let Some(pod) = typed(object) else { return };
        for pair in pairs(pod) {
            self.pods_by_pair.entry(pair).or_default().insert(key.clone());
        }
        if let Some(node) = node_name(pod) {
            self.pods_by_node.entry(node.to_owned()).or_default().insert(key.clone());
        }
        self.pods.insert(key, object.clone());
    }

    fn remove_pod(&mut self, key: &Key) -> Option<SharedObject> {
        let object = self.pods.remove(key)?;
        let pod = typed(&object)?;
        for pair in pairs(pod) {
            unlink(&mut self.pods_by_pair, &pair, key);
        }
        if let Some(node) = node_name(pod) {
            unlink(&mut self.pods_by_node, &node.to_owned(), key);
        }
        Some(object)
    }
}

fn unlink<K: Ord>(index: &mut BTreeMap<K, BTreeSet<Key>>, at: &K, key: &Key) {
    if let Some(keys) = index.get_mut(at) {
        keys.remove(key);
        if keys.is_empty() {
            index.remove(at);
        }
    }
}

fn typed(object: &SharedObject) -> Option<&Pod> {
    object.downcast_ref()
}

fn first_pair(service: &SharedObject) -> Option<Pair> {
    let spec = service.downcast_ref::<Service>()?.spec.as_ref()?;
    let (key, value) = pod_endpoint::selector(spec)?.first_key_value()?;
    Some((service.namespace().to_owned(), key.clone(), value.clone()))
}

fn pairs(pod: &Pod) -> impl Iterator<Item = Pair> {
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let labels = pod.metadata.labels.iter().flatten();
    labels.map(move |(key, value)| (namespace.clone(), key.clone(), value.clone()))
}

fn matches(service: &Service, pod: &Pod) -> bool {
    let selector = service.spec.as_ref().and_then(pod_endpoint::selector);
    let label = |key: &String| pod.metadata.labels.as_ref().and_then(|labels| labels.get(key));
    selector.is_some_and(|selector| selector.iter().all(|(key, value)| label(key) == Some(value)))
}

/// Whether the pod's endpoint may be another now, its labels aside.
fn endpoint_changed(old: &Pod, new: &Pod) -> bool {
    let names = |pod: &Pod| {
        let spec = pod.spec.as_ref();
        spec.map(|spec| (spec.hostname.clone(), spec.subdomain.clone(), spec.node_name.clone()))
    };
    old.metadata.uid != new.metadata.uid
        || old.metadata.deletion_timestamp != new.metadata.deletion_timestamp
        || pod_endpoint::is_ready(old) != pod_endpoint::is_ready(new)
        || pod_endpoint::is_terminal(old) != pod_endpoint::is_terminal(new)
        || pod_endpoint::addresses(old) != pod_endpoint::addresses(new)
        || names(old) != names(new)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ServiceSpec;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use serde_json::json;

    use super::*;
    use crate::api::object::Object;

    fn labels(pairs: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
        Some(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    fn metadata(namespace: &str, name: &str) -> ObjectMeta {
        ObjectMeta { namespace: Some(namespace.into()), name: Some(name.into()), ..ObjectMeta::default() }
    }

    fn service(namespace: &str, name: &str, selector: &[(&str, &str)]) -> SharedObject {
        let spec = ServiceSpec { selector: labels(selector), ..ServiceSpec::default() };
        Object::of(Service { metadata: metadata(namespace, name), spec: Some(spec), status: None })
    }

    fn pod(namespace: &str, name: &str, pairs: &[(&str, &str)], ready: &str) -> SharedObject {
        let status = json!({ "conditions": [{ "type": "Ready", "status": ready }] });
        let metadata = ObjectMeta { labels: labels(pairs), ..metadata(namespace, name) };
        let status = Some(serde_json::from_value(status).unwrap());
        Object::of(Pod { metadata, status, ..Pod::default() })
    }

    fn selection() -> Selection {
        let mut selection = Selection::default();
        for (name, selector) in [("web", &[("app", "web")][..]), ("blue", &[("app", "web"), ("v", "b")])] {
            selection.on_service(Change::Added, &service("team", name, selector));
        }
        selection.on_service(Change::Added, &service("team", "none", &[]));
        selection.on_service(Change::Added, &service("other", "web", &[("app", "web")]));
        selection
    }

    fn names(keys: &BTreeSet<Key>) -> String {
        keys.iter().map(|(namespace, name)| format!("{namespace}/{name}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn change_of_a_pod_should_reach_the_services_that_select_it() {
        let mut selection = selection();
        let mut on = |change, pairs: &[(&str, &str)], ready| {
            names(&selection.on_pod(change, &pod("team", "p", pairs, ready)))
        };
        let (web, blue) = ([("app", "web")], [("app", "web"), ("v", "b")]);
        assert_eq!(on(Change::Added, &web, "False"), "team/web");
        assert_eq!(on(Change::Modified, &web, "False"), "", "nothing changed for endpoints");
        assert_eq!(on(Change::Modified, &blue, "False"), "team/blue", "the labels alone changed");
        assert_eq!(on(Change::Modified, &blue, "True"), "team/blue team/web");
        assert_eq!(on(Change::Modified, &[], "True"), "team/blue team/web");
        assert_eq!(on(Change::Deleted, &[], "True"), "");
    }

    #[test]
    fn service_should_select_the_pods_of_its_namespace_with_all_its_labels() {
        let mut selection = selection();
        for (namespace, name, pairs) in [
            ("team", "a", &[("app", "web")][..]),
            ("team", "b", &[("app", "web"), ("v", "b")]),
            ("team", "c", &[("app", "db"), ("v", "b")]),
            ("other", "d", &[("app", "web")]),
        ] {
            selection.on_pod(Change::Added, &pod(namespace, name, pairs, "True"));
        }
        for (key, expected) in [(("team", "web"), "a b"), (("team", "blue"), "b"), (("team", "none"), "")] {
            let service = selection.service(&(key.0.to_owned(), key.1.to_owned())).unwrap();
            let pods = selection.pods_of(service);
            let found: Vec<_> = pods.iter().map(|pod| pod.metadata.name.as_deref().unwrap()).collect();
            assert_eq!(found.join(" "), expected);
        }
    }

    #[test]
    fn what_is_gone_should_leave_nothing_behind() {
        let mut selection = selection();
        selection.on_pod(Change::Added, &pod("team", "p", &[("app", "web")], "True"));
        selection.on_pod(Change::Deleted, &pod("team", "p", &[("app", "web")], "True"));
        for (namespace, name) in [("team", "web"), ("team", "blue"), ("team", "none"), ("other", "web")] {
            selection.on_service(Change::Deleted, &service(namespace, name, &[]));
        }
        assert!(selection.services.is_empty() && selection.services_by_pair.is_empty());
        assert!(selection.pods.is_empty() && selection.pods_by_pair.is_empty());
    }
}
