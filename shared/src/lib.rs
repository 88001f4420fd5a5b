//! What server and page decide alike: the API's objects and rules, the API server's chain,
//! the scheduler, the controllers, the kubelet's next step and the topology.
//!
//! Nothing here does I/O, reads a clock, draws a random number or starts a task
//! (see "Invariants" in ARCHITECTURE.md); time and entropy are given by the caller.

pub mod api;
pub mod apiserver;
pub mod cidr;
pub mod client;
pub mod controllers;
pub mod defaults;
pub mod dns;
pub mod faults;
pub mod given;
pub mod image_reference;
pub mod images;
pub mod informer;
pub mod ingress;
pub mod kubelet;
pub mod metrics;
pub mod network_policy;
pub mod outbound;
pub mod persistent_volume;
pub mod proxy;
pub mod recorder;
pub mod scheduler;
pub mod spdy;
pub mod store;
pub mod support;
pub mod topology;
pub mod validation;
pub mod ways_in;
pub mod work_queue;
pub mod yaml;
