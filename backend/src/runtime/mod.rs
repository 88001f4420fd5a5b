//! The container runtime: what containerd and runc are to a kubelet, with WebAssembly programs as containers.
//! It knows nothing of the Kubernetes API.
//!
//! In reading order: an image's bytes become a [`Program`] (`engine`, `program`, `linker`); a
//! [`ContainerSpec`] becomes a running guest (`container`, `guest`) that is held to its memory (`limits`), files (`files`)
//! and processor time (`cpu`); how it ended is an [`ExitStatus`] (`exit`); what it wrote is in a log file (`logs`).

mod container;
mod cpu;
mod engine;
mod epoch;
mod exit;
mod files;
mod guest;
mod guest_threads;
mod limits;
mod linker;
pub mod logs;
mod program;
mod session;
mod trusted;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use container::{
    ContainerHandle, ContainerSpec, ContainerState, ContainerStats, Mount, StartError, Stdin, StopBehavior,
};
pub use engine::{Runtime, RuntimeOptions};
pub use exit::{ExitReason, ExitStatus};
pub use program::{CompileError, Program, precompile_for};
pub use session::{Session, TerminalSize};

/// Where timestamps of logs and container states come from: the cluster's clock.
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;
