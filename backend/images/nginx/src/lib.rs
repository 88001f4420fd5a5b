//! The image that `nginx` and `httpd` resolve to: a web server that reads nginx's configuration, and of Apache's what
//! a site needs.
//!
//! The logic does no network I/O: a [`Connection`] takes the bytes that arrived and says which bytes to send, so it
//! is tested without a socket, and one poll loop serves any number of clients on the one thread a guest has. A
//! request goes through [`Exchange`], the rules and location of its [`config`], and ends in a file, a text or a
//! question to another server.

mod access_log;
mod answer;
mod choice;
mod chunks;
pub mod config;
mod connection;
mod exchange;
pub mod httpd;
mod listing;
mod options;
mod page;
mod path;
mod proxy;
mod relay;
mod request;
mod response;
mod rules;
mod script;
mod service;
mod site;

pub use access_log::{LEVELS, Log, StandardStreams, error as log_line};
pub use connection::Connection;
pub use exchange::{Client, Exchange};
pub use options::{Command, Options, Source};
pub use request::{Parsed, Request};
pub use response::{Body, Response};
pub use service::Service;

/// How this server names itself in `Server:` headers and in its log.
pub const SERVER: &str = concat!("kijabi-nginx/", env!("CARGO_PKG_VERSION"));
