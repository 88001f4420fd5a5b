//! Datagrams: UDP between pods. They keep their borders, may be lost where a receiver is slow, and reach the
//! pods behind a Service by the same rules as connections.

use std::collections::BTreeMap;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::error::DialError;
use super::pod::PodNetwork;

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
    queued_bytes: Arc<AtomicUsize>,
}

impl Inbox {
    /// Puts a datagram in, or loses it where too many wait.
    pub(super) fn put(&self, datagram: Datagram) {
        let cost = datagram.data.len() + OVERHEAD_BYTES;
        let before = self.queued_bytes.fetch_add(cost, Ordering::Relaxed);
        if before + cost > QUEUE_BYTES || self.sender.send(datagram).is_err() {
            self.queued_bytes.fetch_sub(cost, Ordering::Relaxed);
        }
    }
}

/// A UDP port of a pod. Dropping it frees the port.
pub struct DatagramPort {
    pod: PodNetwork,
    address: SocketAddrV4,
    id: u64,
    incoming: mpsc::UnboundedReceiver<Datagram>,
    queued_bytes: Arc<AtomicUsize>,
    /// A datagram that readiness was announced for.
    next: Option<Datagram>,
    flows: Flows,
}

impl DatagramPort {
    /// A port that was bound under `id`, and where its datagrams are to be put.
    pub(super) fn new(pod: PodNetwork, address: SocketAddrV4, id: u64) -> (Self, Inbox) {
        let (sender, incoming) = mpsc::unbounded_channel();
        let queued_bytes = Arc::<AtomicUsize>::default();
        let inbox = Inbox { sender, queued_bytes: queued_bytes.clone() };
        let (next, flows) = Default::default();
        (Self { pod, address, id, incoming, queued_bytes, next, flows }, inbox)
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
        if let Some(target) = self.flows.target(to, now)
            && network.deliver(&self.pod, self.address, target, datagram).is_ok()
        {
            return Ok(());
        }
        // There was no flow, or the pod at its end is gone.
        self.flows.forget(to);
        let Some(target) = network.route_datagram(&self.pod, to)? else { return Ok(()) };
        self.flows.remember(to, target, now);
        network.deliver(&self.pod, self.address, target, datagram)
    }

    /// The next datagram; `None` when none will ever come again.
    pub async fn receive(&mut self) -> Option<Datagram> {
        std::future::poll_fn(|context| self.poll_receive(context)).await
    }

    /// As [`DatagramPort::receive`], for a poll.
    pub fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Option<Datagram>> {
        ready!(self.poll_receivable(context));
        let Some(mut datagram) = self.next.take() else { return Poll::Ready(None) };
        self.queued_bytes.fetch_sub(datagram.data.len() + OVERHEAD_BYTES, Ordering::Relaxed);
        datagram.from = self.flows.dialled(datagram.from);
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
    }
}

/// Where datagrams to a Service go: one pod has the whole conversation, and its answers seem to come from
/// the Service.
#[derive(Default)]
struct Flows {
    by_dialled: BTreeMap<SocketAddr, Flow>,
}

struct Flow {
    target: SocketAddr,
    used: Instant,
}

impl Flows {
    fn target(&mut self, dialled: SocketAddr, now: Instant) -> Option<SocketAddr> {
        let flow = self.by_dialled.get_mut(&dialled)?;
        let fresh = now.duration_since(flow.used) < FLOW_LIMIT;
        flow.used = now;
        fresh.then_some(flow.target)
    }

    fn remember(&mut self, dialled: SocketAddr, target: SocketAddr, now: Instant) {
        if dialled == target {
            return;
        }
        if self.by_dialled.len() >= MOST_FLOWS {
            self.by_dialled.retain(|_, flow| now.duration_since(flow.used) < FLOW_LIMIT);
        }
        if self.by_dialled.len() < MOST_FLOWS {
            self.by_dialled.insert(dialled, Flow { target, used: now });
        }
    }

    fn forget(&mut self, dialled: SocketAddr) {
        self.by_dialled.remove(&dialled);
    }

    /// Whom an answer seems to come from.
    fn dialled(&self, from: SocketAddrV4) -> SocketAddrV4 {
        let mut flows = self.by_dialled.iter();
        match flows.find(|(_, flow)| flow.target == SocketAddr::V4(from)) {
            Some((SocketAddr::V4(dialled), _)) => *dialled,
            _ => from,
        }
    }
}

#[cfg(test)]
mod tests;
