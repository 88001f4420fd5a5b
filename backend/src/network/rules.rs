//! What happens to a connection on its way: rules that translate its target, forbid it, delay it, count it.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::error::DialError;

/// A connection that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Where it comes from; the port is not chosen yet and 0.
    pub source: SocketAddr,
    /// What was dialled, for example a Service's address.
    pub dialled: SocketAddr,
    /// Where it goes; a rule of [`Stage::Translate`] may change it.
    pub target: SocketAddr,
    /// How long it takes to be made; a rule of [`Stage::Fault`] may add to it.
    pub delay: Duration,
}

/// An open connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The client's address.
    pub source: SocketAddr,
    /// What was dialled.
    pub dialled: SocketAddr,
    /// The listener's address.
    pub target: SocketAddr,
}

/// What a rule says to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on, with what the rule changed.
    Continue,
    /// It fails.
    Fail(DialError),
}

/// When a rule is asked; stages come in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Services: from a cluster IP to a pod IP.
    Translate,
    /// Network policy, on the translated target.
    Policy,
    /// Faults made on purpose.
    Fault,
    /// Counting.
    Observe,
}

/// Takes part in every connection of a network. All methods are called by the dialling task and must not wait.
pub trait ConnectionRule: Send + Sync {
    /// Decides about a connection before its listener is looked up.
    fn decide(&self, attempt: &mut Attempt) -> Verdict;

    /// A connection was accepted into a listener's backlog.
    fn opened(&self, _flow: &Flow) {}

    /// Both ends of a connection are gone.
    fn closed(&self, _flow: &Flow) {}
}

type RuleList = Vec<(Stage, Arc<dyn ConnectionRule>)>;

/// The rules of a network, in the order they are asked.
#[derive(Default)]
pub(super) struct Rules {
    ordered: RwLock<Arc<RuleList>>,
}

impl Rules {
    pub(super) fn add(&self, stage: Stage, rule: Arc<dyn ConnectionRule>) {
        let mut ordered = self.ordered.write().unwrap_or_else(PoisonError::into_inner);
        let rules = Arc::make_mut(&mut ordered);
        let place = rules.partition_point(|(other, _)| *other <= stage);
        rules.insert(place, (stage, rule));
    }

    pub(super) fn decide(&self, attempt: &mut Attempt) -> Result<(), DialError> {
        for (_, rule) in self.current().iter() {
            if let Verdict::Fail(error) = rule.decide(attempt) {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Reports an open connection; dropping what is returned reports its end.
    pub(super) fn open(&self, flow: Flow) -> OpenFlow {
        let rules = self.current();
        rules.iter().for_each(|(_, rule)| rule.opened(&flow));
        OpenFlow { flow, rules }
    }

    fn current(&self) -> Arc<RuleList> {
        self.ordered.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A connection that the rules have been told of.
pub(super) struct OpenFlow {
    flow: Flow,
    rules: Arc<RuleList>,
}

impl Drop for OpenFlow {
    fn drop(&mut self) {
        self.rules.iter().for_each(|(_, rule)| rule.closed(&self.flow));
    }
}
