//! The audit events the page keeps: writes of pods, from which the life of a pod is told.
//!
//! Fields are those of `audit.k8s.io/v1` Event, see `pkg/apis/audit/v1/types.go` of
//! kubernetes/apiserver.

use std::collections::VecDeque;
use std::rc::Rc;

use jiff::Timestamp;
use serde_json::Value;

use super::object::{integer, moment, text};

/// The most events the page keeps; the oldest go first.
const CAPACITY: usize = 2_000;

/// One finished write of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// The server's name for the request.
    pub id: String,
    /// Who asked.
    pub user: String,
    /// The program that asked.
    pub user_agent: String,
    /// `create`, `update`, `patch` or `delete`.
    pub verb: String,
    /// Empty, or `status`, `binding`, …
    pub subresource: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name; empty for a create that left it to the server.
    pub name: String,
    /// The revision the write left behind; empty where the answer did not tell.
    pub revision: String,
    /// The HTTP status.
    pub code: i64,
    /// When the request arrived.
    pub received: Timestamp,
    /// When it was answered.
    pub answered: Timestamp,
}

impl AuditRecord {
    /// Reads an audit event; `None` for reads, for other resources and for unfinished requests.
    pub fn of(event: &Value) -> Option<AuditRecord> {
        let verb = text(event, "/verb");
        let is_write = matches!(verb, "create" | "update" | "patch" | "delete");
        if !is_write
            || text(event, "/objectRef/resource") != "pods"
            || text(event, "/stage") != "ResponseComplete"
        {
            return None;
        }
        let received = moment(event, "/requestReceivedTimestamp")?;
        let own = |pointer| text(event, pointer).to_owned();
        Some(AuditRecord {
            id: own("/auditID"),
            user: own("/user/username"),
            user_agent: own("/userAgent"),
            verb: verb.to_owned(),
            subresource: own("/objectRef/subresource"),
            namespace: own("/objectRef/namespace"),
            name: own("/objectRef/name"),
            revision: own("/objectRef/resourceVersion"),
            code: integer(event, "/responseStatus/code"),
            received,
            answered: moment(event, "/stageTimestamp").unwrap_or(received),
        })
    }

    /// Whether the server did what was asked.
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.code)
    }
}

/// The newest writes of pods, oldest first, each once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditLog {
    records: VecDeque<Rc<AuditRecord>>,
}

impl AuditLog {
    /// Takes in audit events, new or known.
    pub fn extend<'a>(&mut self, events: impl IntoIterator<Item = &'a Value>) {
        for record in events.into_iter().filter_map(AuditRecord::of) {
            if self.records.iter().rev().all(|known| known.id != record.id) {
                self.records.push_back(Rc::new(record));
            }
        }
        let excess = self.records.len().saturating_sub(CAPACITY);
        self.records.drain(..excess);
    }

    /// The writes of one pod, oldest first.
    pub fn of_pod<'a>(&'a self, namespace: &'a str, name: &'a str) -> impl Iterator<Item = &'a AuditRecord> {
        let is_pod = move |record: &&AuditRecord| record.namespace == namespace && record.name == name;
        self.records.iter().map(Rc::as_ref).filter(is_pod)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(id: &str, verb: &str, resource: &str) -> Value {
        json!({
            "auditID": id, "stage": "ResponseComplete", "verb": verb, "user": {"username": "ann"},
            "objectRef": {"resource": resource, "namespace": "default", "name": "web"},
            "responseStatus": {"code": 201},
            "requestReceivedTimestamp": "2026-01-01T00:00:00.000001Z", "stageTimestamp": "2026-01-01T00:00:00.003Z",
        })
    }

    #[test]
    fn the_log_should_keep_writes_of_pods_and_nothing_else() {
        let mut log = AuditLog::default();
        log.extend(&[event("1", "create", "pods"), event("2", "get", "pods"), event("3", "patch", "nodes")]);
        assert_eq!(log.of_pod("default", "web").map(|record| record.id.as_str()).collect::<Vec<_>>(), ["1"]);
    }

    #[test]
    fn the_log_should_keep_an_event_that_is_told_twice_once() {
        let mut log = AuditLog::default();
        log.extend(&[event("1", "create", "pods")]);
        log.extend(&[event("1", "create", "pods"), event("2", "delete", "pods")]);
        assert_eq!(log.of_pod("default", "web").count(), 2);
    }
}
