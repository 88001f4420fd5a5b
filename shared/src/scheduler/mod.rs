//! The scheduler: which node runs a pod.
//!
//! Follows upstream's `pkg/scheduler`. [`schedule`] is the pure decision, for the server's loop and
//! for the page's look ahead alike; [`Scheduler`] is the loop around it.

pub mod action;
pub mod condition;
pub mod decision;
pub mod fit_error;
pub mod framework;
pub mod hints;
pub mod host_ports;
pub mod plugins;
pub mod queue;
pub mod resources;
mod scheduler_loop;
pub mod snapshot;
pub mod storage;
pub mod typed;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod loop_tests;
#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod storage_tests;
#[cfg(test)]
mod tests;

pub use crate::informer::Change;
pub use action::Action;
pub use decision::{Decision, Outcome, PodReference};
pub use framework::schedule;
pub use scheduler_loop::{PODS_PER_STEP, SCHEDULER_NAME, Scheduler};
pub use snapshot::Snapshot;
pub use storage::ClaimWrite;
