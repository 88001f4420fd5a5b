//! The image `redis`: a server that speaks Redis' protocol, and `redis-cli`.
//!
//! [`Server`] does no I/O: it takes the bytes of its clients and says which bytes to send, and what to append to its
//! file. [`Service`] joins it to the clock and the files; the poll loop is that of all built-in servers.

pub mod append_file;
pub mod call;
pub mod cli;
mod client;
pub mod commands;
pub mod config;
pub mod database;
mod eviction;
pub mod fault;
mod float;
pub mod options;
mod pattern;
mod random;
pub mod resp;
mod server;
mod service;
pub mod value;

pub use server::Server;
pub use service::Service;

/// The version whose commands and answers these are; clients ask for it.
pub const REDIS_VERSION: &str = "7.2.0";
