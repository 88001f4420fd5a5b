//! A controller's copy of the objects that it writes itself, in which what it wrote counts at once.
//!
//! A watch may tell of a write long after its answer, and a controller that looked at the watch alone
//! would make the same object twice. Upstream holds back until its informer has caught up
//! (`staging/src/k8s.io/endpointslice/util/endpointslice_tracker.go` of kubernetes/kubernetes). Here
//! answers go into the copy as well, and news older than what is known is no news.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::api::object::SharedObject;
use crate::informer::Change;
use crate::store::Revision;

/// Namespace and name.
pub(super) type Key = (String, String);

/// How long a write may be known from its answer alone (`ExpectationsTimeout` of upstream's controllers).
/// What the watch has not told of by then was deleted by others before it could.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// The objects, by name and by the owner that each belongs to.
pub(super) struct OwnWrites {
    objects: BTreeMap<Key, SharedObject>,
    by_owner: BTreeMap<Key, BTreeSet<Key>>,
    /// The name of the owner, in the object's namespace; objects without one are not kept.
    owner: fn(&SharedObject) -> Option<String>,
    /// Writes that only their answers told of, and when.
    unseen: BTreeMap<Key, Timestamp>,
    /// Objects that were deleted here, by uid, whose end the watch is yet to tell.
    gone: BTreeSet<String>,
}

impl OwnWrites {
    /// An empty copy of the objects for which `owner` names one.
    pub(super) fn new(owner: fn(&SharedObject) -> Option<String>) -> OwnWrites {
        OwnWrites {
            objects: BTreeMap::new(),
            by_owner: BTreeMap::new(),
            owner,
            unseen: BTreeMap::new(),
            gone: BTreeSet::new(),
        }
    }

    /// The object of that key.
    pub(super) fn get(&self, key: &Key) -> Option<&SharedObject> {
        self.objects.get(key)
    }

    /// The keys of all objects.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.objects.keys()
    }

    /// What belongs to an owner, by name.
    pub(super) fn of<'a>(&'a self, owner: &Key) -> impl Iterator<Item = &'a SharedObject> + use<'a> {
        self.by_owner.get(owner).into_iter().flatten().filter_map(|key| self.objects.get(key))
    }

    /// Takes in a change; the owners of what it says that was not known from an answer.
    pub(super) fn told(&mut self, change: Change, object: &SharedObject) -> BTreeSet<Key> {
        let key = key_of(object);
        let known = self.objects.get(&key);
        if change == Change::Deleted {
            let same = known.is_some_and(|known| uid_of(known) == uid_of(object));
            self.gone.remove(uid_of(object));
            return if same { self.remove(&key) } else { BTreeSet::new() };
        }
        if self.gone.contains(uid_of(object)) {
            return BTreeSet::new();
        }
        if known.is_some_and(|known| revision_of(known) >= revision_of(object)) {
            if known.is_some_and(|known| revision_of(known) == revision_of(object)) {
                self.unseen.remove(&key);
            }
            return BTreeSet::new();
        }
        self.unseen.remove(&key);
        self.insert(key, object)
    }

    /// Takes in what a write was answered with.
    pub(super) fn wrote(&mut self, object: &SharedObject, now: Timestamp) {
        let key = key_of(object);
        let is_old = self.get(&key).is_some_and(|known| revision_of(known) >= revision_of(object));
        if !is_old && !self.gone.contains(uid_of(object)) {
            self.unseen.insert(key.clone(), now);
            self.insert(key, object);
        }
    }

    /// The object was deleted here.
    pub(super) fn deleted(&mut self, key: &Key, uid: &str) {
        if self.get(key).is_some_and(|known| uid_of(known) == uid) {
            self.remove(key);
            self.gone.insert(uid.to_owned());
        }
    }

    /// The object is not there, and the watch may never tell.
    pub(super) fn lost(&mut self, key: &Key) {
        self.remove(key);
    }

    /// Gives up what no watch has confirmed for too long; whose it was.
    pub(super) fn lapse(&mut self, now: Timestamp) -> BTreeSet<Key> {
        let late = |since: &Timestamp| *since <= now.checked_sub(PATIENCE).unwrap_or(Timestamp::MIN);
        let late: Vec<Key> =
            self.unseen.iter().filter(|(_, since)| late(since)).map(|(key, _)| key.clone()).collect();
        late.iter().flat_map(|key| self.remove(key)).collect()
    }

    /// When something may be to be given up; `None` where nothing is unconfirmed.
    pub(super) fn next_lapse(&self) -> Option<Timestamp> {
        let first = self.unseen.values().min()?;
        first.checked_add(PATIENCE).ok()
    }

    fn insert(&mut self, key: Key, object: &SharedObject) -> BTreeSet<Key> {
        let mut owners = self.unlink(&key);
        match self.owner_of(object) {
            Some(owner) => {
                self.by_owner.entry(owner.clone()).or_default().insert(key.clone());
                self.objects.insert(key, object.clone());
                owners.insert(owner);
            }
            None => drop(self.unseen.remove(&key)),
        }
        owners
    }

    fn remove(&mut self, key: &Key) -> BTreeSet<Key> {
        self.unseen.remove(key);
        self.unlink(key)
    }

    /// Takes the object out; whose it was.
    fn unlink(&mut self, key: &Key) -> BTreeSet<Key> {
        let Some(owner) = self.objects.remove(key).and_then(|object| self.owner_of(&object)) else {
            return BTreeSet::new();
        };
        if let Some(keys) = self.by_owner.get_mut(&owner) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_owner.remove(&owner);
            }
        }
        BTreeSet::from([owner])
    }

    fn owner_of(&self, object: &SharedObject) -> Option<Key> {
        Some((object.namespace().to_owned(), (self.owner)(object)?))
    }
}

/// An object's namespace and name.
pub(super) fn key_of(object: &SharedObject) -> Key {
    (object.namespace().to_owned(), object.name().to_owned())
}

/// An object's uid, empty where it has none.
pub(super) fn uid_of(object: &SharedObject) -> &str {
    object.metadata().uid.as_deref().unwrap_or_default()
}

fn revision_of(object: &SharedObject) -> Revision {
    object.resource_version().parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;
    use crate::api::object::Object;

    fn object(uid: &str, revision: Revision, owner: &str) -> SharedObject {
        let metadata = ObjectMeta {
            namespace: Some("team".into()),
            name: Some("a".into()),
            uid: Some(uid.into()),
            resource_version: Some(revision.to_string()),
            labels: Some([("owner".to_owned(), owner.to_owned())].into()),
            ..ObjectMeta::default()
        };
        Object::of(ConfigMap { metadata, ..ConfigMap::default() })
    }

    fn writes() -> OwnWrites {
        OwnWrites::new(|object| {
            let owner = object.metadata().labels.as_ref()?.get("owner")?;
            Some(owner.clone()).filter(|owner| !owner.is_empty())
        })
    }

    fn key(name: &str) -> Key {
        ("team".to_owned(), name.to_owned())
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn what_was_written_should_count_before_the_watch_tells_of_it() {
        let mut writes = writes();
        writes.wrote(&object("u", 5, "web"), at(0));
        assert_eq!(writes.of(&key("web")).count(), 1);
        assert_eq!(writes.told(Change::Added, &object("u", 4, "web")), BTreeSet::new());
        assert_eq!(writes.told(Change::Modified, &object("u", 5, "web")), BTreeSet::new());
        assert_eq!(writes.get(&key("a")).unwrap().resource_version(), "5");
    }

    #[test]
    fn what_others_wrote_should_be_told_to_both_owners() {
        let mut writes = writes();
        assert_eq!(writes.told(Change::Added, &object("u", 1, "web")), [key("web")].into());
        assert_eq!(writes.told(Change::Modified, &object("u", 2, "db")), [key("web"), key("db")].into());
        assert_eq!(writes.told(Change::Modified, &object("u", 3, "")), [key("db")].into());
        assert_eq!(writes.keys().count(), 0);
    }

    #[test]
    fn what_was_deleted_should_not_come_back_by_old_news() {
        let mut writes = writes();
        writes.wrote(&object("u", 5, "web"), at(0));
        writes.deleted(&key("a"), "u");
        assert_eq!(writes.told(Change::Added, &object("u", 5, "web")), BTreeSet::new());
        assert_eq!(writes.of(&key("web")).count(), 0);
        writes.wrote(&object("v", 7, "web"), at(0));
        assert_eq!(writes.told(Change::Deleted, &object("u", 6, "web")), BTreeSet::new());
        assert_eq!(writes.of(&key("web")).count(), 1);
        assert!(writes.gone.is_empty());
    }

    #[test]
    fn what_no_watch_confirms_should_lapse() {
        let mut writes = writes();
        writes.wrote(&object("u", 5, "web"), at(0));
        assert_eq!((writes.lapse(at(4)), writes.next_lapse()), (BTreeSet::new(), Some(at(5))));
        assert_eq!(writes.lapse(at(5)), [key("web")].into());
        assert_eq!((writes.keys().count(), writes.next_lapse()), (0, None));
        writes.wrote(&object("u", 5, "web"), at(6));
        writes.told(Change::Added, &object("u", 5, "web"));
        assert_eq!(writes.next_lapse(), None);
    }
}
