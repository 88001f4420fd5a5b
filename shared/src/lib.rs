//! What server and page decide alike: the API's objects and rules, the API server's chain,
//! the scheduler, the controllers, the kubelet's next step and the topology.
//!
//! Nothing here does I/O, reads a clock, draws a random number or starts a task
//! (see "Invariants" in ARCHITECTURE.md); time and entropy are given by the caller.

pub mod given;
pub mod api;
pub mod yaml;
pub mod defaults;
pub mod validation;
pub mod store;
pub mod apiserver;
pub mod client;
pub mod informer;
pub mod recorder;
pub mod work_queue;
pub mod scheduler;
pub mod controllers;
pub mod kubelet;
pub mod topology;
