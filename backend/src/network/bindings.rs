//! Which ports of a pod are taken, and by whom.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::error::BindError;

/// Ports that the system hands out, as Linux's `ip_local_port_range`.
pub(super) const EPHEMERAL_PORTS: std::ops::RangeInclusive<u16> = 32768..=60999;

/// A socket that holds a port; what comes to it goes to its inbox once it has one.
struct Binding<Inbox> {
    id: u64,
    address: Ipv4Addr,
    inbox: Option<Inbox>,
}

/// The port table of a pod, for one protocol.
pub(super) struct Bindings<Inbox> {
    ports: BTreeMap<u16, Vec<Binding<Inbox>>>,
    last_id: u64,
    last_ephemeral: u16,
}

impl<Inbox> Default for Bindings<Inbox> {
    fn default() -> Self {
        Self { ports: BTreeMap::new(), last_id: 0, last_ephemeral: 0 }
    }
}

impl<Inbox: Clone> Bindings<Inbox> {
    /// Takes a port, or any free one for port 0. Returns the port and a number to release it by.
    pub(super) fn bind(&mut self, address: Ipv4Addr, port: u16) -> Result<(u16, u64), BindError> {
        let port = match port {
            0 => self.next_ephemeral(|bindings, port| bindings.is_free(address, port)),
            port => self.is_free(address, port).then_some(port),
        };
        let port = port.ok_or(BindError::AddressInUse)?;
        self.last_id += 1;
        self.ports.entry(port).or_default().push(Binding { id: self.last_id, address, inbox: None });
        Ok((port, self.last_id))
    }

    /// Gives a bound port its inbox: a backlog of connections, or a queue of datagrams.
    pub(super) fn listen(&mut self, port: u16, id: u64, inbox: &Inbox) {
        let bindings = self.ports.get_mut(&port).into_iter().flatten();
        bindings.filter(|binding| binding.id == id).for_each(|binding| binding.inbox = Some(inbox.clone()));
    }

    pub(super) fn release(&mut self, port: u16, id: u64) {
        if let Some(bindings) = self.ports.get_mut(&port) {
            bindings.retain(|binding| binding.id != id);
            if bindings.is_empty() {
                self.ports.remove(&port);
            }
        }
    }

    /// The inbox of whoever listens at this address, itself or by the wildcard.
    pub(super) fn listener(&self, address: Ipv4Addr, port: u16) -> Option<Inbox> {
        let bindings = self.ports.get(&port)?.iter();
        let mut heard = bindings.filter(|binding| overlap(binding.address, address));
        heard.find_map(|binding| binding.inbox.clone())
    }

    /// A port for an outgoing connection that nothing is bound to. Two connections may share one, as their
    /// targets differ or a round of 28232 connections lies between them.
    pub(super) fn client_port(&mut self) -> Option<u16> {
        self.next_ephemeral(|bindings, port| !bindings.ports.contains_key(&port))
    }

    /// Forgets every listener; what waits for them is dropped with them.
    pub(super) fn clear(&mut self) {
        self.ports.clear();
    }

    fn is_free(&self, address: Ipv4Addr, port: u16) -> bool {
        let mut taken = self.ports.get(&port).into_iter().flatten();
        !taken.any(|binding| overlap(binding.address, address))
    }

    fn next_ephemeral(&mut self, usable: impl Fn(&Self, u16) -> bool) -> Option<u16> {
        for _ in EPHEMERAL_PORTS {
            let next = self.last_ephemeral.wrapping_add(1);
            self.last_ephemeral =
                if EPHEMERAL_PORTS.contains(&next) { next } else { *EPHEMERAL_PORTS.start() };
            if usable(self, self.last_ephemeral) {
                return Some(self.last_ephemeral);
            }
        }
        None
    }
}

/// Whether two addresses are the same or one is the wildcard.
fn overlap(one: Ipv4Addr, other: Ipv4Addr) -> bool {
    one == other || one.is_unspecified() || other.is_unspecified()
}
