//! What a program of a container is started with: the `process` of an OCI runtime's configuration, and the
//! mounts and the network that all programs of the container see.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::disk::DiskMeter;
use super::program::Program;
use crate::network::PodNetwork;

/// A directory of the host that a container sees.
#[derive(Clone, Debug)]
pub struct Mount {
    /// The directory on the host; it must exist.
    pub host_dir: PathBuf,
    /// Where the guest sees it, absolute; `/` for the image's own files.
    pub guest_path: String,
    /// Whether writing is refused.
    pub read_only: bool,
}

/// A program and its surroundings.
#[derive(Clone)]
pub struct ProcessSpec {
    /// The program, see [`super::Runtime::compile`].
    pub program: Arc<Program>,
    /// The arguments, the program's name first.
    pub args: Vec<String>,
    /// The environment; `HOSTNAME` is added unless it is there, and `TERM` for a terminal.
    pub env: Vec<(String, String)>,
    /// Directory that relative paths start from, which is made where it is not there; `None` for the root.
    pub working_dir: Option<String>,
    /// The image's files and the volumes.
    pub mounts: Vec<Mount>,
    /// What is written to these mounts, by the paths that the guest knows, is held to these.
    pub meters: BTreeMap<String, Arc<DiskMeter>>,
    /// Whether its streams are a terminal.
    pub tty: bool,
    /// The pod's host name.
    pub hostname: String,
    /// The network that the containers of the pod share.
    pub pod: PodNetwork,
}

/// Why a program could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A mount's directory could not be opened.
    #[error("failed to mount {guest_path}: {error:#}")]
    Mount {
        /// Where the guest would have seen it.
        guest_path: String,
        /// What the host said.
        error: wasmtime::Error,
    },
    /// The working directory is none that a program can start in.
    #[error("failed to change to working directory {path:?}: {error}")]
    WorkingDir {
        /// The directory, as the guest names it.
        path: String,
        /// What is wrong with it.
        error: std::io::Error,
    },
    /// The container runs as many programs as it may.
    #[error("resource temporarily unavailable: the container runs {0} programs, as many as it may")]
    TooManyProcesses(usize),
    /// The container ended, and nothing is started in it any more.
    #[error("cannot exec in a stopped state")]
    NotRunning,
}
