//! A container's log: a file in the CRI format, one line a record,
//! `2026-01-02T03:04:05.123456789Z stdout F text`, as containerd writes and upstream's kubelet reads it.
//! See <https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md>.

mod follow;
mod reader;
mod record;
mod tail;
mod writer;

#[cfg(test)]
mod tests;

pub use follow::LogFollow;
pub use reader::{LogOptions, LogReader};
pub use record::Source;
pub use writer::{LogConfig, LogWriter};
