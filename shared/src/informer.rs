//! A component's copy of a collection, kept true by list and watch.
//!
//! Follows `tools/cache/reflector.go` and `tools/cache/delta_fifo.go` of kubernetes/client-go: the
//! copy is a plain value, its owner lists and watches and hands in what comes.

use std::collections::BTreeMap;

use crate::api::object::SharedObject;
use crate::apiserver::request::WatchEvent;
use crate::store::Revision;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new, or was there when the watch began.
    Added,
    /// There is a new revision of it.
    Modified,
    /// It is gone; the object is the last revision that is known.
    Deleted,
}

/// A change with its object.
pub type Delta = (Change, SharedObject);

/// The copy of one collection.
#[derive(Default)]
pub struct Informer {
    objects: BTreeMap<(String, String), SharedObject>,
    revision: Revision,
    synced: bool,
}

impl Informer {
    /// Whether a list was taken in: until then the copy says nothing.
    pub fn has_synced(&self) -> bool {
        self.synced
    }

    /// The revision from which to watch on.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The object of that name; `namespace` empty for cluster-scoped kinds.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&SharedObject> {
        self.objects.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// All objects, by namespace and name.
    pub fn objects(&self) -> impl ExactSizeIterator<Item = &SharedObject> {
        self.objects.values()
    }

    /// Takes in a list that was read at `revision`; tells what differs from what was known.
    pub fn replace(&mut self, items: Vec<SharedObject>, revision: Revision) -> Vec<Delta> {
        let mut before = std::mem::take(&mut self.objects);
        let mut deltas = Vec::new();
        for object in items {
            match before.remove(&key(&object)) {
                None => deltas.push((Change::Added, object.clone())),
                Some(old) if old.resource_version() != object.resource_version() => {
                    deltas.push((Change::Modified, object.clone()));
                }
                Some(_) => {}
            }
            self.objects.insert(key(&object), object);
        }
        deltas.extend(before.into_values().map(|object| (Change::Deleted, object)));
        self.revision = revision;
        self.synced = true;
        deltas
    }

    /// Takes in an event of the watch; tells what it changed. An error leaves the copy as it is: the
    /// owner lists again.
    pub fn apply(&mut self, event: &WatchEvent) -> Option<Delta> {
        let (object, gone) = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, false),
            WatchEvent::Deleted(object) => (object, true),
            WatchEvent::Bookmark { revision, .. } => {
                self.revision = *revision;
                return None;
            }
            WatchEvent::Error(_) => return None,
        };
        self.revision = object.resource_version().parse().unwrap_or(self.revision);
        if gone {
            self.objects.remove(&key(object));
            return Some((Change::Deleted, object.clone()));
        }
        let old = self.objects.insert(key(object), object.clone());
        let change = if old.is_some() { Change::Modified } else { Change::Added };
        Some((change, object.clone()))
    }
}

fn key(object: &SharedObject) -> (String, String) {
    (object.namespace().to_owned(), object.name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::object::Object;
    use k8s_openapi::api::core::v1::ConfigMap;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    fn object(name: &str, revision: u64) -> SharedObject {
        let metadata = ObjectMeta {
            name: Some(name.into()),
            resource_version: Some(revision.to_string()),
            ..ObjectMeta::default()
        };
        Object::of(ConfigMap { metadata, ..ConfigMap::default() })
    }

    fn told(deltas: &[Delta]) -> Vec<(Change, &str)> {
        deltas.iter().map(|(change, object)| (*change, object.name())).collect()
    }

    #[test]
    fn second_list_should_tell_what_was_missed() {
        let mut informer = Informer::default();
        informer.replace(vec![object("a", 1), object("b", 2), object("c", 3)], 3);
        let deltas = informer.replace(vec![object("a", 1), object("b", 5), object("d", 6)], 7);
        let expected = [(Change::Modified, "b"), (Change::Added, "d"), (Change::Deleted, "c")];
        assert_eq!(told(&deltas), expected);
        assert_eq!(informer.revision(), 7);
    }

    #[test]
    fn watch_should_go_on_where_the_last_event_was() {
        let mut informer = Informer::default();
        informer.replace(Vec::new(), 3);
        assert_eq!(informer.apply(&WatchEvent::Added(object("a", 4))).unwrap().0, Change::Added);
        assert_eq!(informer.apply(&WatchEvent::Modified(object("a", 5))).unwrap().0, Change::Modified);
        assert_eq!(informer.apply(&WatchEvent::Deleted(object("a", 6))).unwrap().0, Change::Deleted);
        assert_eq!(informer.revision(), 6);
        assert_eq!(informer.objects().len(), 0);
    }
}
