//! The image that `nginx` and `httpd` resolve to: a web server for the files of one folder.
//!
//! The logic does no network I/O: a [`Connection`] takes the bytes that arrived and says which bytes to send, so it
//! is tested without a socket, and one poll loop serves any number of clients on the one thread a guest has.

mod access_log;
mod connection;
mod content_type;
mod options;
mod page;
mod request;
mod response;
mod service;
mod site;

pub use access_log::{Log, StandardStreams};
pub use connection::Connection;
pub use options::{Command, Options};
pub use request::{Parsed, Request};
pub use response::{Body, Response};
pub use service::Service;
pub use site::Site;

/// How this server names itself in `Server:` headers and in its log.
pub const SERVER: &str = concat!("kijabi-nginx/", env!("CARGO_PKG_VERSION"));
