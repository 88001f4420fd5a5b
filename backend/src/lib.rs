//! The server: what acts where `shared` decides. See ARCHITECTURE.md for the way of a request, of a pod
//! and of a packet through these rooms.

pub mod apiserver;
pub mod assets;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod component_log;
mod control_plane;
mod controller_manager;
mod dns;
pub mod faults;
pub mod images;
pub mod ingress;
pub mod kubelet;
mod local_provisioner;
pub mod machine;
mod metrics_server;
pub mod network;
pub mod network_policy;
pub mod proxy;
mod pump;
pub mod runtime;
pub mod scheduler;
mod small_http;
pub mod store;
mod ways_in;
mod web;
