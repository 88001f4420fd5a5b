//! The way to the cluster and to the browser: the only room that knows gloo and web-sys.

pub mod apply;
pub mod audit;
pub mod clock;
pub mod decisions;
pub mod discovery;
pub mod document;
pub mod editor;
pub mod http;
pub mod location;
pub mod log;
pub mod metrics;
pub mod openapi;
pub mod preferences;
pub mod session;
pub mod socket;
pub mod task;
pub mod terminal;
pub mod watch;
