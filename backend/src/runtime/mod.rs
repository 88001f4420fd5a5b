//! The container runtime: what containerd and runc are to a kubelet, with WebAssembly programs as containers.
//! It knows nothing of the Kubernetes API.
//!
//! In reading order: an image's bytes become a [`Program`] (`engine`, `program`, `linker`); a
//! [`ContainerSpec`] becomes a running guest (`container`, `process`, `guest`) that is held to its memory
//! (`limits`), files (`files`, `disk`, `disk_bounds`) and processor time (`cpu`, `processors`), with all programs that are started in the container
//! later (`exec`, `cgroup`). A program that does not listen itself is given its connections (`serve`, `http_server`,
//! `inetd`). How it ended is an [`ExitStatus`] (`exit`). What it reads comes from `input`, what
//! it prints goes through `output` to a log file (`logs`), and both to the clients of a [`Session`].

mod cgroup;
mod container;
mod cpu;
mod directories;
mod disk;
mod disk_bounds;
mod engine;
mod epoch;
mod exec;
mod exit;
mod files;
mod guest;
mod guest_threads;
mod http_server;
mod inetd;
mod input;
mod limits;
mod linker;
pub mod logs;
mod module_bounds;
mod output;
mod process;
mod processors;
mod program;
mod serve;
mod session;
mod trusted;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use cgroup::MAX_PROCESSES;
pub use container::{ContainerHandle, ContainerSpec, ContainerState, ContainerStats, StopBehavior};
pub use disk::{DiskMeter, Medium};
pub use engine::{Runtime, RuntimeOptions};
pub use exec::{AttachSpec, ExecSpec};
pub use exit::{ExitReason, ExitStatus};
pub use process::{Mount, ProcessSpec, StartError};
pub use program::{CompileError, Program, precompile_for};
pub use serve::ServeSpec;
pub use session::Session;

/// Where timestamps of logs and container states come from: the cluster's clock.
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;
