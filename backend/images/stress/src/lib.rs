//! The image `stress`: puts load on a pod's CPU and memory, with the options and messages of the `stress` tool,
//! so that limits, OOM kills and autoscaling can be watched.
//!
//! A WebAssembly program has one thread, so the hogs take turns on it: one container loads at most one core.
//! For more, run more pods.

mod hogs;
mod options;
mod run;

pub use hogs::{Hog, OutOfMemory};
pub use options::{Options, Refusal};
pub use run::{Console, run};
