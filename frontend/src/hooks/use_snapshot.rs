//! The scheduler's view of the cluster, built anew when nodes or pods change.

use std::ops::Deref;
use std::rc::Rc;

use shared::scheduler::Snapshot;
use yew::prelude::*;

use super::use_cluster;
use crate::state::cluster::Watched;
use crate::state::collection::Collection;
use crate::state::forecast;

/// A snapshot that equals another only if it is the same one.
#[derive(Clone)]
pub struct SharedSnapshot(Rc<Snapshot>);

impl PartialEq for SharedSnapshot {
    fn eq(&self, other: &SharedSnapshot) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for SharedSnapshot {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0
    }
}

/// Collections that are compared by allocation: they are replaced, never changed.
struct Inputs(Rc<Collection>, Rc<Collection>);

impl PartialEq for Inputs {
    fn eq(&self, other: &Inputs) -> bool {
        Rc::ptr_eq(&self.0, &other.0) && Rc::ptr_eq(&self.1, &other.1)
    }
}

/// The scheduler's view of what the page knows.
#[hook]
pub fn use_snapshot() -> SharedSnapshot {
    let cluster = use_cluster().cluster;
    let inputs = Inputs(cluster.of(Watched::Nodes), cluster.of(Watched::Pods));
    SharedSnapshot(use_memo(inputs, |Inputs(nodes, pods)| forecast::snapshot(nodes, pods)))
}
