//! The scheduler: which node runs a pod.
//!
//! Follows upstream's `pkg/scheduler`. [`schedule`] is the pure decision, for the server's loop and
//! for the page's look ahead alike.

pub mod decision;
pub mod fit_error;
pub mod framework;
pub mod hints;
pub mod host_ports;
pub mod plugins;
pub mod resources;
pub mod snapshot;
pub mod typed;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

pub use decision::{Decision, Outcome, PodReference};
pub use framework::schedule;
pub use snapshot::Snapshot;
