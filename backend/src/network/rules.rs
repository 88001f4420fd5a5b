//! What happens to a connection on its way: rules that translate its target, forbid it, delay it, count it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use shared::proxy::service_port::Protocol;

use super::error::DialError;
use super::pod::PodIdentity;

/// Where a connection enters the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From a pod with a network of its own.
    Pod,
    /// From a node, or a pod that uses the node's network.
    Node,
    /// From beyond the cluster, by way of a node.
    Outside,
}

/// A connection that is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Who dials; from outside, the node that is entered.
    pub client: Arc<PodIdentity>,
    /// The node whose rules are asked.
    pub node: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it enters the network.
    pub origin: Origin,
    /// Where it comes from; the port is not chosen yet and 0.
    pub source: SocketAddr,
    /// What was dialled, for example a Service's address.
    pub dialled: SocketAddr,
    /// Where it goes; a rule of [`Stage::Translate`] may change it.
    pub target: SocketAddr,
    /// Whether it leaves under the node's address instead of its own; a rule of [`Stage::Translate`] may
    /// say so.
    pub masquerade: bool,
    /// Whether it left another node under that one's address before it came to this one.
    pub masqueraded: bool,
    /// Whether it answers what came from there: a datagram's way back, which needs no permission.
    pub answers: bool,
    /// How long it takes to be made; a rule of [`Stage::Fault`] may add to it.
    pub delay: Duration,
}

/// A connection that comes to a pod, or to a node that it passes.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The connection, as the node that it left from let it go.
    pub attempt: &'a Attempt,
    /// Under which address it comes.
    pub source: IpAddr,
    /// Whether that is an address of the very node that it comes to.
    pub from_own_node: bool,
    /// Who has the target's address.
    pub server: &'a PodIdentity,
    /// Whether that is a pod with a network of its own, or a node.
    pub place: Origin,
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
    /// It fails at once.
    Fail(DialError),
    /// Nothing answers: it fails when the time for connecting is over.
    Drop,
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
    fn decide(&self, _attempt: &mut Attempt) -> Verdict {
        Verdict::Continue
    }

    /// Decides about a connection once more, at the node that it comes to.
    fn admit(&self, _arrival: &Arrival<'_>) -> Verdict {
        Verdict::Continue
    }

    /// How much longer a connection takes to be made for coming to that node.
    fn delay(&self, _arrival: &Arrival<'_>) -> Duration {
        Duration::ZERO
    }

    /// Whether what goes to `attempt.target` may go on to `before`, where this rule sent it earlier: asked for
    /// datagrams, which know no connections.
    fn still_leads(&self, _attempt: &Attempt, _before: SocketAddr) -> bool {
        true
    }

    /// A connection was accepted into a listener's backlog.
    fn opened(&self, _flow: &Flow) {}

    /// Both ends of a connection are gone.
    fn closed(&self, _flow: &Flow) {}
}

type RuleList = Vec<(Stage, Arc<dyn ConnectionRule>)>;

/// The rules of a network, in the order they are asked.
#[derive(Default)]
pub(super) struct Rules {
    installed: RwLock<Installed>,
}

/// All rules, and what each node asks of them.
#[derive(Default)]
struct Installed {
    /// Those that every node asks.
    everywhere: Arc<RuleList>,
    /// By node that has rules of its own: these, with those that every node asks.
    by_node: BTreeMap<String, Arc<RuleList>>,
}

impl Rules {
    /// Adds a rule that every node asks.
    pub(super) fn add(&self, stage: Stage, rule: Arc<dyn ConnectionRule>) {
        let mut installed = self.installed.write().unwrap_or_else(PoisonError::into_inner);
        let Installed { everywhere, by_node } = &mut *installed;
        for rules in by_node.values_mut().chain([everywhere]) {
            insert(rules, stage, rule.clone());
        }
    }

    /// Adds a rule that one node asks.
    pub(super) fn add_to_node(&self, node: &str, stage: Stage, rule: Arc<dyn ConnectionRule>) {
        let mut installed = self.installed.write().unwrap_or_else(PoisonError::into_inner);
        let everywhere = installed.everywhere.clone();
        insert(installed.by_node.entry(node.to_owned()).or_insert(everywhere), stage, rule);
    }

    /// Asks the rules of the node that the connection is at.
    pub(super) fn decide(&self, attempt: &mut Attempt) -> Verdict {
        self.decide_from(Stage::Translate, attempt)
    }

    /// Asks those rules of the node that come with a stage or after it.
    pub(super) fn decide_from(&self, first: Stage, attempt: &mut Attempt) -> Verdict {
        let rules = self.of(&attempt.node);
        let asked = rules.iter().filter(|(stage, _)| *stage >= first);
        first_objection(asked.map(|(_, rule)| rule.decide(attempt)))
    }

    /// Asks the rules of the node that a connection comes to.
    pub(super) fn admit(&self, arrival: &Arrival<'_>) -> Verdict {
        first_objection(self.of(&arrival.server.node).iter().map(|(_, rule)| rule.admit(arrival)))
    }

    /// How much longer a connection takes for coming to a node.
    pub(super) fn delay(&self, arrival: &Arrival<'_>) -> Duration {
        self.of(&arrival.server.node).iter().map(|(_, rule)| rule.delay(arrival)).sum()
    }

    /// Whether no rule of the node minds that datagrams go where they went before.
    pub(super) fn still_lead(&self, attempt: &Attempt, before: SocketAddr) -> bool {
        self.of(&attempt.node).iter().all(|(_, rule)| rule.still_leads(attempt, before))
    }

    /// Reports an open connection; dropping what is returned reports its end.
    pub(super) fn open(&self, node: &str, flow: Flow) -> OpenFlow {
        let rules = self.of(node);
        rules.iter().for_each(|(_, rule)| rule.opened(&flow));
        OpenFlow { flow, rules }
    }

    fn of(&self, node: &str) -> Arc<RuleList> {
        let installed = self.installed.read().unwrap_or_else(PoisonError::into_inner);
        installed.by_node.get(node).unwrap_or(&installed.everywhere).clone()
    }
}

/// The verdict of the first rule that does not let a connection go on; those after it are not asked.
fn first_objection(mut verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    verdicts.find(|verdict| *verdict != Verdict::Continue).unwrap_or(Verdict::Continue)
}

fn insert(rules: &mut Arc<RuleList>, stage: Stage, rule: Arc<dyn ConnectionRule>) {
    let rules = Arc::make_mut(rules);
    let place = rules.partition_point(|(other, _)| *other <= stage);
    rules.insert(place, (stage, rule));
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
