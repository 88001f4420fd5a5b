//! `get` and `list` of what is measured and never stored: the group `metrics.k8s.io`.
//!
//! Follows `pkg/api/pod.go` and `pkg/api/node.go` of kubernetes-sigs/metrics-server, and the API server's aggregator,
//! which answers 503 while there is nobody behind the group.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::api::metrics::GROUP;
use crate::api::object::{Object, SharedObject};
use crate::api::scheme::{GroupResource, Kind};
use crate::api::status;
use crate::metrics::Measured;

use super::list::Selection;
use super::registry::Target;
use super::request::{List, ListOptions};
use super::{ApiServer, Result};

/// What was measured last.
#[derive(Default)]
pub struct Measures {
    last: Mutex<Option<Last>>,
}

struct Last {
    pods: Vec<SharedObject>,
    nodes: Vec<SharedObject>,
}

impl Measures {
    fn lock(&self) -> MutexGuard<'_, Option<Last>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this is served.
    pub fn publish(&self, measured: Measured) {
        let pods = measured.pods.into_iter().map(Object::of).collect();
        let nodes = measured.nodes.into_iter().map(Object::of).collect();
        *self.lock() = Some(Last { pods, nodes });
    }

    /// From now on nothing is served, as nobody measures.
    pub fn withdraw(&self) {
        *self.lock() = None;
    }

    /// All of a kind; 503 while nobody measures.
    fn all(&self, kind: &Kind) -> Result<Vec<SharedObject>> {
        match &*self.lock() {
            Some(last) => Ok(if kind.namespaced { last.pods.clone() } else { last.nodes.clone() }),
            None => Err(Box::new(status::service_unavailable("service unavailable"))),
        }
    }
}

impl ApiServer {
    /// What was measured of one pod or node.
    pub(super) fn get_measured(&self, target: &Target) -> Result<SharedObject> {
        let is_meant =
            |object: &SharedObject| object.name() == target.name && object.namespace() == target.namespace;
        let found = self.measures.all(target.kind)?.into_iter().find(is_meant);
        found.ok_or_else(|| {
            let (resource, name) = match target.kind.namespaced {
                true => ("podmetrics", format!("{}/{}", target.namespace, target.name)),
                false => ("nodemetrics", target.name.clone()),
            };
            Box::new(status::not_found(GroupResource { group: GROUP, resource }, &name))
        })
    }

    /// What was measured of those that are selected; it has no revision.
    pub(super) fn list_measured(&self, target: &Target, options: &ListOptions) -> Result<List> {
        let selection = Selection::new(target, options)?;
        let is_meant = |object: &SharedObject| {
            (target.namespace.is_empty() || object.namespace() == target.namespace)
                && selection.matches(object.body())
        };
        let items = self.measures.all(target.kind)?.into_iter().filter(is_meant).collect();
        Ok(List { items, ..List::default() })
    }
}
