//! The cluster as the page has heard of it: one reducer over plain data.

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;
use serde_json::Value;

use super::audit::AuditLog;
use super::collection::{Change, Collection};
use super::connection::{Connection, Link, Links};
use super::measured::Measured;
use super::object::{resource_version, uid};
use super::pod::columns;

/// The kinds the page keeps up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watched {
    /// Nodes.
    Nodes,
    /// Pods of all namespaces.
    Pods,
    /// Namespaces.
    Namespaces,
    /// Events of all namespaces.
    Events,
    /// Services of all namespaces.
    Services,
    /// EndpointSlices of all namespaces.
    EndpointSlices,
}

impl Watched {
    /// All of them.
    pub const ALL: [Watched; 6] = [
        Watched::Nodes,
        Watched::Pods,
        Watched::Namespaces,
        Watched::Events,
        Watched::Services,
        Watched::EndpointSlices,
    ];

    /// Where the API server lists them.
    pub fn path(self) -> &'static str {
        match self {
            Watched::Nodes => "/api/v1/nodes",
            Watched::Pods => "/api/v1/pods",
            Watched::Namespaces => "/api/v1/namespaces",
            Watched::Events => "/api/v1/events",
            Watched::Services => "/api/v1/services",
            Watched::EndpointSlices => "/apis/discovery.k8s.io/v1/endpointslices",
        }
    }
}

/// A pod as the page saw it at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When the watch event reached the page, by the browser's clock.
    pub at: Timestamp,
    /// The revision it showed.
    pub resource_version: String,
    /// The STATUS word it showed.
    pub status: String,
}

/// The most sightings kept of one pod, and the most pods of which sightings are kept.
const SIGHTINGS: (usize, usize) = (64, 512);

/// Everything the page knows of the cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    collections: BTreeMap<Watched, Rc<Collection>>,
    sightings: Rc<BTreeMap<String, Vec<Sighting>>>,
    /// Writes of pods.
    pub audit: Rc<AuditLog>,
    /// What nodes and containers use.
    pub measured: Rc<Measured>,
    links: Links,
}

/// Something the page heard.
#[derive(Clone, Debug, PartialEq)]
pub enum ClusterAction {
    /// Changes of one kind, in order, at a moment of the browser's clock.
    Changes(Watched, Vec<Change>, Timestamp),
    /// Audit events.
    Audit(Vec<Value>),
    /// What nodes and containers use.
    Measured(Measured),
    /// A stream is up or down.
    Link(&'static str, Link),
}

impl Cluster {
    /// The state after hearing something.
    pub fn after(&self, action: ClusterAction) -> Cluster {
        let mut next = self.clone();
        match action {
            ClusterAction::Changes(kind, changes, at) => next.change(kind, changes, at),
            ClusterAction::Audit(events) => Rc::make_mut(&mut next.audit).extend(&events),
            ClusterAction::Measured(measured) if measured == *next.measured => {}
            ClusterAction::Measured(measured) => next.measured = Rc::new(measured),
            ClusterAction::Link(stream, link) => next.links.report(stream, link),
        }
        next
    }

    fn change(&mut self, kind: Watched, changes: Vec<Change>, at: Timestamp) {
        let collection = Rc::make_mut(self.collections.entry(kind).or_default());
        for change in changes {
            if let (Watched::Pods, Change::Stored(pod)) = (kind, &change) {
                see(Rc::make_mut(&mut self.sightings), pod, at);
            }
            collection.apply(change);
        }
    }

    /// The objects of a kind.
    pub fn of(&self, kind: Watched) -> Rc<Collection> {
        self.collections.get(&kind).cloned().unwrap_or_default()
    }

    /// How the page saw the pod of a uid change, oldest first; only what its watch told, nothing
    /// from before the page was opened.
    pub fn sightings(&self, uid: &str) -> &[Sighting] {
        self.sightings.get(uid).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether the page hears the cluster.
    pub fn connection(&self) -> Connection {
        self.links.connection(Watched::ALL.len())
    }
}

fn see(sightings: &mut BTreeMap<String, Vec<Sighting>>, pod: &Value, at: Timestamp) {
    if sightings.len() >= SIGHTINGS.1 && !sightings.contains_key(uid(pod)) {
        sightings.pop_first();
    }
    let seen = sightings.entry(uid(pod).to_owned()).or_default();
    let resource_version = resource_version(pod).to_owned();
    if seen.len() < SIGHTINGS.0 && seen.iter().all(|sighting| sighting.resource_version != resource_version) {
        seen.push(Sighting { at, resource_version, status: columns(pod).status });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(revision: &str, phase: &str) -> Value {
        json!({"metadata": {"namespace": "default", "name": "web", "uid": "u", "resourceVersion": revision}, "status": {"phase": phase}})
    }

    #[test]
    fn the_page_should_remember_how_it_saw_a_pod_change() {
        let at = Timestamp::UNIX_EPOCH;
        let changes = vec![
            Change::Stored(pod("1", "Pending")),
            Change::Stored(pod("2", "Running")),
            Change::Stored(pod("2", "Running")),
        ];
        let cluster = Cluster::default().after(ClusterAction::Changes(Watched::Pods, changes, at));
        let words: Vec<_> = cluster.sightings("u").iter().map(|sighting| sighting.status.as_str()).collect();
        assert_eq!(words, ["Pending", "Running"]);
        assert_eq!(cluster.of(Watched::Pods).len(), 1);
    }

    #[test]
    fn what_did_not_change_should_keep_its_allocation() {
        let list = |kind| ClusterAction::Changes(kind, vec![Change::Listed(vec![])], Timestamp::UNIX_EPOCH);
        let before = Cluster::default().after(list(Watched::Nodes));
        let after = before.after(list(Watched::Pods));
        assert!(Rc::ptr_eq(&before.of(Watched::Nodes), &after.of(Watched::Nodes)));
    }
}
