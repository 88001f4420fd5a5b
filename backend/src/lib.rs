//! The server: what acts where `shared` decides. See ARCHITECTURE.md for the way of a request, of a pod
//! and of a packet through these rooms.

pub mod cli;
pub mod cluster;
mod control_plane;
mod machine;
pub mod clock;
mod pump;
pub mod component_log;
pub mod store;
pub mod apiserver;
mod controller_manager;
pub mod scheduler;
pub mod kubelet;
pub mod images;
pub mod runtime;
pub mod network;
mod web;
pub mod assets;
