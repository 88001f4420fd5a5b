//! Faults made on purpose, in force: on the pod network as a rule of every connection, in kubelets as what they
//! wait for. What can be asked for is decided in `shared::faults`. They end with the process.

use std::sync::Arc;
use std::time::Duration;

use shared::faults::{Fault, Faults};
use tokio::sync::watch;

use crate::network::{Arrival, ConnectionRule, Verdict};

/// The faults of a cluster.
#[derive(Default)]
pub struct FaultBoard {
    current: watch::Sender<Faults>,
}

impl FaultBoard {
    /// All that are in force.
    pub fn list(&self) -> Vec<Fault> {
        self.current.borrow().0.values().cloned().collect()
    }

    /// Puts a fault in force; false where there is one of its name.
    pub fn add(&self, fault: Fault) -> bool {
        self.current.send_if_modified(|faults| {
            let is_new = !faults.0.contains_key(&fault.name);
            if is_new {
                faults.0.insert(fault.name.clone(), fault);
            }
            is_new
        })
    }

    /// Ends a fault; false where there is none of that name.
    pub fn remove(&self, name: &str) -> bool {
        self.current.send_if_modified(|faults| faults.0.remove(name).is_some())
    }

    /// Whether something is true of the faults now.
    pub(crate) fn holds(&self, what: impl FnOnce(&Faults) -> bool) -> bool {
        what(&self.current.borrow())
    }

    /// Waits until something is true of the faults.
    pub(crate) async fn until(self: &Arc<Self>, holds: impl FnMut(&Faults) -> bool) {
        // The sender lives as long as this does.
        let _ = self.current.subscribe().wait_for(holds).await;
    }
}

impl ConnectionRule for FaultBoard {
    fn admit(&self, arrival: &Arrival<'_>) -> Verdict {
        let faults = self.current.borrow();
        let (left, entered) = (&arrival.attempt.node, &arrival.server.node);
        let lost = faults.link(left, entered).cut || faults.is_crashed(entered);
        if lost { Verdict::Drop } else { Verdict::Continue }
    }

    fn delay(&self, arrival: &Arrival<'_>) -> Duration {
        self.current.borrow().link(&arrival.attempt.node, &arrival.server.node).delay
    }
}
