//! All objects of one kind, as far as the page has heard.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;

use super::object::{ObjectKey, resource_version, uid};

/// What a list or a watch says about one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A list: these objects and no others.
    Listed(Vec<Value>),
    /// An object was added or changed.
    Stored(Value),
    /// An object is gone; its last state.
    Deleted(Value),
}

/// The objects of one kind by namespace and name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collection {
    items: BTreeMap<ObjectKey, Rc<Value>>,
    listed: bool,
}

impl Collection {
    /// Takes in what a list or a watch said.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Listed(objects) => self.replace(objects),
            Change::Stored(object) => {
                self.items.insert(ObjectKey::of(&object), Rc::new(object));
            }
            Change::Deleted(object) => {
                self.items.remove(&ObjectKey::of(&object));
            }
        }
    }

    /// Unchanged objects keep their allocation, so that a repeated list redraws nothing.
    fn replace(&mut self, objects: Vec<Value>) {
        let mut before = std::mem::take(&mut self.items);
        self.listed = true;
        for object in objects {
            let key = ObjectKey::of(&object);
            let same = before.remove(&key).filter(|old| is_same_revision(old, &object));
            self.items.insert(key, same.unwrap_or_else(|| Rc::new(object)));
        }
    }

    /// The object at a key.
    pub fn get(&self, key: &ObjectKey) -> Option<&Rc<Value>> {
        self.items.get(key)
    }

    /// All objects, by namespace and name.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectKey, &Rc<Value>)> {
        self.items.iter()
    }

    /// All objects, by namespace and name.
    pub fn values(&self) -> impl Iterator<Item = &Rc<Value>> {
        self.items.values()
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether a list has arrived: before that, empty means unknown.
    pub fn is_listed(&self) -> bool {
        self.listed
    }
}

fn is_same_revision(old: &Value, new: &Value) -> bool {
    uid(old) == uid(new)
        && resource_version(old) == resource_version(new)
        && !resource_version(new).is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, revision: &str) -> Value {
        json!({"metadata": {"namespace": "default", "name": name, "uid": name, "resourceVersion": revision}})
    }

    #[test]
    fn a_list_should_remove_what_it_does_not_name() {
        let mut pods = Collection::default();
        pods.apply(Change::Stored(pod("gone", "1")));
        pods.apply(Change::Listed(vec![pod("a", "2")]));
        assert_eq!(pods.iter().map(|(key, _)| key.name.clone()).collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn a_repeated_list_should_keep_the_allocation_of_unchanged_objects() {
        let mut pods = Collection::default();
        pods.apply(Change::Listed(vec![pod("a", "1"), pod("b", "1")]));
        let before = pods.clone();
        pods.apply(Change::Listed(vec![pod("a", "1"), pod("b", "2")]));
        let same = |name: &str| {
            let key = ObjectKey::new("default", name);
            Rc::ptr_eq(before.get(&key).unwrap(), pods.get(&key).unwrap())
        };
        assert!(same("a"));
        assert!(!same("b"));
    }

    #[test]
    fn a_deleted_object_should_be_forgotten() {
        let mut pods = Collection::default();
        pods.apply(Change::Listed(vec![pod("a", "1")]));
        pods.apply(Change::Deleted(pod("a", "2")));
        assert!(pods.is_empty() && pods.is_listed());
    }
}
