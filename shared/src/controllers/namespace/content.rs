//! What is left in a namespace that is being deleted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::object::SharedObject;
use crate::api::scheme::Kind;

/// How long something with a finalizer is supposed to take, in seconds.
const FINALIZER_SECONDS: i64 = 15;

/// What one look at a namespace found.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Content {
    /// How many kinds were not counted yet.
    pub open: usize,
    /// How many objects of a resource remain, by `resource.group`.
    pub remaining: BTreeMap<String, usize>,
    /// On how many objects each finalizer lies.
    pub finalizers: BTreeMap<String, usize>,
    /// What could not be deleted or listed, and why.
    pub errors: Vec<String>,
    /// How long the slowest may take from the namespace's deletion on, in seconds.
    grace_seconds: i64,
}

impl Content {
    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.remaining.is_empty()
    }

    /// Takes in what is left of a kind.
    pub(super) fn count(&mut self, kind: &Kind, items: &[SharedObject]) {
        if items.is_empty() {
            return;
        }
        // Upstream writes the dot also where the group is empty.
        self.remaining.insert(format!("{}.{}", kind.plural, kind.group), items.len());
        for object in items {
            for finalizer in object.metadata().finalizers.iter().flatten() {
                *self.finalizers.entry(finalizer.clone()).or_default() += 1;
                self.grace_seconds = self.grace_seconds.max(FINALIZER_SECONDS);
            }
            let grace = object.downcast_ref::<Pod>().and_then(super::grace_seconds);
            self.grace_seconds = self.grace_seconds.max(grace.unwrap_or(0));
        }
    }

    /// How long the rest is supposed to take, in seconds.
    pub(super) fn seconds_left(&self, namespace: &ObjectMeta, now: Timestamp) -> i64 {
        let deleted_at = namespace.deletion_timestamp.as_ref().map_or(now, |time| time.0);
        let passed = now.duration_since(deleted_at).as_secs();
        match passed < self.grace_seconds {
            true => self.grace_seconds,
            false if self.finalizers.is_empty() => 0,
            false => FINALIZER_SECONDS,
        }
    }
}
