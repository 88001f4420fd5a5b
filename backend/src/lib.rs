//! The server: what acts where `shared` decides.

pub mod assets;
pub mod store;
pub mod network;
pub mod runtime;
pub mod images;
pub mod kubelet;
pub mod apiserver;
