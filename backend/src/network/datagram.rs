//! Datagrams: UDP between pods. They keep their borders, may be lost where a receiver is slow, and reach the
//! pods behind a Service by the same rules as connections.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::error::DialError;
use super::pod::PodNetwork;
use super::pressure::Pressure;

/// Bytes in the largest datagram.
pub const MAX_DATAGRAM_BYTES: usize = 65_507;
/// Bytes that may wait to be received, as Linux's `rmem_default`; what comes on top is lost.
pub(super) const QUEUE_BYTES: usize = 212_992;
/// What a waiting datagram costs beside its bytes, so that empty ones are bounded as well.
const OVERHEAD_BYTES: usize = 256;
/// How long datagrams to a Service go to the same pod after the last one, as Linux's
/// `nf_conntrack_udp_timeout_stream`.
const FLOW_LIMIT: Duration = Duration::from_secs(120);
/// Addresses of Services that are remembered for a port.
const MOST_FLOWS: usize = 1024;

/// A datagram that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Who sent it.
    pub from: SocketAddrV4,
    /// What it says.
    pub data: Bytes,
}

/// Where datagrams are put for a port.
#[derive(Clone)]
pub(super) struct Inbox {
    sender: mpsc::UnboundedSender<Datagram>,
    room: Arc<Room>,
}

/// What may wait for a port, of its own and of all that the network may buffer.
struct Room {
    queued_bytes: AtomicUsize,
    pressure: Arc<Pressure>,
}

fn cost(datagram: &Datagram) -> usize {
    datagram.data.len() + OVERHEAD_BYTES
}

impl Room {
    /// Takes room for a datagram; false where there is none.
    fn take(&self, datagram: &Datagram) -> bool {
        let cost = cost(datagram);
        let before = self.queued_bytes.fetch_add(cost, Ordering::Relaxed);
        if before + cost > self.pressure.allowed(QUEUE_BYTES) {
            self.queued_bytes.fetch_sub(cost, Ordering::Relaxed);
            return false;
        }
        self.pressure.add(cost);
        true
    }

    fn give_back(&self, datagram: &Datagram) {
        self.queued_bytes.fetch_sub(cost(datagram), Ordering::Relaxed);
        self.pressure.remove(cost(datagram));
    }
}

impl Inbox {
    /// Puts a datagram in, or loses it where too many wait.
    pub(super) fn put(&self, datagram: Datagram) {
        if self.room.take(&datagram)
            && let Err(mpsc::error::SendError(datagram)) = self.sender.send(datagram)
        {
            self.room.give_back(&datagram);
        }
    }
}

/// A UDP port of a pod. Dropping it frees the port.
pub struct DatagramPort {
    pod: PodNetwork,
    address: SocketAddrV4,
    id: u64,
    incoming: mpsc::UnboundedReceiver<Datagram>,
    room: Arc<Room>,
    /// A datagram that readiness was announced for.
    next: Option<Datagram>,
    flows: Flows,
}

impl DatagramPort {
    /// A port that was bound under `id`, and where its datagrams are to be put.
    pub(super) fn new(
        pod: PodNetwork,
        address: SocketAddrV4,
        id: u64,
        pressure: Arc<Pressure>,
    ) -> (Self, Inbox) {
        let (sender, incoming) = mpsc::unbounded_channel();
        let room = Arc::new(Room { queued_bytes: AtomicUsize::new(0), pressure });
        let inbox = Inbox { sender, room: room.clone() };
        let (next, flows) = Default::default();
        (Self { pod, address, id, incoming, room, next, flows }, inbox)
    }

    /// The bound address, its port never 0.
    pub fn local_address(&self) -> SocketAddr {
        self.address.into()
    }

    /// Sends a datagram. Success says nothing of its arrival.
    ///
    /// # Errors
    /// Where it is known that nobody is there, which a real network tells later or never.
    pub fn send(&mut self, to: SocketAddr, data: &Bytes) -> Result<(), DialError> {
        let network = self.pod.network().ok_or(DialError::Unreachable)?;
        let now = Instant::now();
        let datagram = |from| Datagram { from, data: data.clone() };
        let (before, answers) = (self.flows.target(to, now), self.flows.has_heard(to, now));
        let Some(target) = network.route_datagram(&self.pod, to, before, answers)? else { return Ok(()) };
        self.flows.remember(to, target, now);
        match network.deliver(&self.pod, self.address, target, datagram) {
            // The pod that had the conversation is gone.
            Err(_) if before == Some(target) => {
                let Some(target) = network.route_datagram(&self.pod, to, None, answers)? else {
                    return Ok(());
                };
                self.flows.remember(to, target, now);
                network.deliver(&self.pod, self.address, target, datagram)
            }
            outcome => outcome,
        }
    }

    /// The next datagram; `None` when none will ever come again.
    pub async fn receive(&mut self) -> Option<Datagram> {
        std::future::poll_fn(|context| self.poll_receive(context)).await
    }

    /// As [`DatagramPort::receive`], for a poll.
    pub fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Option<Datagram>> {
        ready!(self.poll_receivable(context));
        let Some(mut datagram) = self.next.take() else { return Poll::Ready(None) };
        self.room.give_back(&datagram);
        let now = Instant::now();
        self.flows.heard.note(datagram.from.into(), now);
        datagram.from = self.flows.answered(datagram.from, now);
        Poll::Ready(Some(datagram))
    }

    /// Ready when [`DatagramPort::poll_receive`] would not wait.
    pub fn poll_receivable(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.next.is_none() {
            self.next = ready!(self.incoming.poll_recv(context));
        }
        Poll::Ready(())
    }
}

impl Drop for DatagramPort {
    fn drop(&mut self) {
        self.pod.datagrams().release(self.address.port(), self.id);
        self.incoming.close();
        self.next.take().iter().for_each(|datagram| self.room.give_back(datagram));
        while let Ok(datagram) = self.incoming.try_recv() {
            self.room.give_back(&datagram);
        }
    }
}

/// Where datagrams to a Service go: one pod has the whole conversation, and its answers seem to come from
/// the Service.
#[derive(Default)]
struct Flows {
    by_dialled: BTreeMap<SocketAddr, Flow>,
    /// What was dialled last of those that lead to a pod.
    by_target: BTreeMap<SocketAddr, SocketAddr>,
    /// Whom something came from; what goes to them answers it.
    heard: Heard,
}

/// Senders of the last while, in two halves of which the older one is forgotten at a time.
#[derive(Default)]
struct Heard {
    now: BTreeSet<SocketAddr>,
    before: BTreeSet<SocketAddr>,
    since: Option<Instant>,
}

impl Heard {
    fn note(&mut self, sender: SocketAddr, now: Instant) {
        self.turn(now);
        self.now.insert(sender);
    }

    fn turn(&mut self, now: Instant) {
        let age = now.duration_since(*self.since.get_or_insert(now));
        if age < FLOW_LIMIT && self.now.len() < MOST_FLOWS {
            return;
        }
        self.before = std::mem::take(&mut self.now);
        if age >= 2 * FLOW_LIMIT {
            self.before.clear();
        }
        self.since = Some(now);
    }
}

struct Flow {
    target: SocketAddr,
    used: Instant,
}

impl Flow {
    fn is_fresh(&self, now: Instant) -> bool {
        now.duration_since(self.used) < FLOW_LIMIT
    }
}

impl Flows {
    fn target(&self, dialled: SocketAddr, now: Instant) -> Option<SocketAddr> {
        self.by_dialled.get(&dialled).filter(|flow| flow.is_fresh(now)).map(|flow| flow.target)
    }

    /// Whether something came from there not long ago.
    fn has_heard(&mut self, from: SocketAddr, now: Instant) -> bool {
        self.heard.turn(now);
        self.heard.now.contains(&from) || self.heard.before.contains(&from)
    }

    /// A datagram goes on its way.
    fn remember(&mut self, dialled: SocketAddr, target: SocketAddr, now: Instant) {
        self.by_dialled.remove(&dialled);
        if dialled == target {
            self.by_target.remove(&target);
            return;
        }
        if self.by_dialled.len() >= MOST_FLOWS {
            self.by_dialled.retain(|_, flow| flow.is_fresh(now));
            self.by_target.retain(|_, dialled| self.by_dialled.contains_key(dialled));
        }
        if self.by_dialled.len() < MOST_FLOWS {
            self.by_dialled.insert(dialled, Flow { target, used: now });
            self.by_target.insert(target, dialled);
        }
    }

    /// An answer came; whom it seems to come from.
    fn answered(&mut self, from: SocketAddrV4, now: Instant) -> SocketAddrV4 {
        let target = SocketAddr::V4(from);
        let Some(SocketAddr::V4(dialled)) = self.by_target.get(&target).copied() else { return from };
        match self.by_dialled.get_mut(&dialled.into()).filter(|flow| flow.is_fresh(now)) {
            Some(flow) if flow.target == target => {
                flow.used = now;
                dialled
            }
            _ => from,
        }
    }
}

#[cfg(test)]
mod tests;
