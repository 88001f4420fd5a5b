//! The pod network of a cluster: real pod IPs inside one process, and nothing of the host's network.
//!
//! Every connection, of a guest or of the cluster itself, goes through [`Network::dial`]: own loopback, rules
//! (service translation, policy, faults, metrics), then the listener of a pod and two byte pipes. Guests come
//! in through `wasi:sockets` (`wasi`).

mod bindings;
mod connection;
pub mod datagram;
mod dial;
mod error;
mod listener;
mod names;
mod outbound;
pub mod pipe;
mod pod;
mod pressure;
mod rules;
pub mod wasi;

#[cfg(test)]
mod tests;

pub use connection::Connection;
pub use datagram::{Datagram, DatagramPort};
pub use dial::Network;
pub use error::{BindError, DialError};
pub use listener::{BoundPort, Listener};
pub use names::{PodNames, ResolveError};
pub use outbound::Outbound;
pub use pod::{PodIdentity, PodNetwork};
pub use rules::{Arrival, Attempt, ConnectionRule, Flow, Origin, Stage, Verdict};
