//! Runs the test guest in containers: built once, compiled once, each container with its own log.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use tempfile::TempDir;

use super::logs::{LogConfig, LogOptions, LogReader, LogWriter};
use super::*;
use crate::network::{Network, PodIdentity, PodNetwork};

/// The bytes of a test program for one target.
fn wasm(name: &str, target: &str) -> Bytes {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guests = workspace.join("target/guests");
    let build = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--profile", "guest", "--package"])
        .arg(format!("image-{name}"))
        .args(["--target", target, "--target-dir"])
        .arg(&guests)
        .current_dir(&workspace)
        .status()
        .unwrap();
    assert!(build.success(), "the test program {name} does not build: is the target {target} installed?");
    std::fs::read(guests.join(target).join(format!("guest/{name}.wasm"))).unwrap().into()
}

/// The test guest as a component.
pub(super) fn component() -> Bytes {
    static WASM: OnceLock<Bytes> = OnceLock::new();
    WASM.get_or_init(|| wasm("testguest", "wasm32-wasip2")).clone()
}

/// The test program that handles HTTP requests, a component.
pub(super) fn handler() -> Bytes {
    static WASM: OnceLock<Bytes> = OnceLock::new();
    WASM.get_or_init(|| wasm("testproxy", "wasm32-wasip2")).clone()
}

/// The test guest as a WASI 0.1 module.
pub(super) fn module() -> Bytes {
    static WASM: OnceLock<Bytes> = OnceLock::new();
    WASM.get_or_init(|| wasm("testguest", "wasm32-wasip1")).clone()
}

/// A runtime with two guest threads, a network, and a directory for logs.
pub(super) struct Cluster {
    pub(super) runtime: Runtime,
    pub(super) network: Network,
    pub(super) program: Arc<Program>,
    pub(super) directory: TempDir,
    runs: AtomicUsize,
}

/// A started container and its log.
pub(super) struct Started {
    pub(super) handle: ContainerHandle,
    log: PathBuf,
}

/// Where compiled programs are kept, see [`RuntimeOptions`].
pub(super) fn compiled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests/compiled")
}

impl Cluster {
    pub(super) async fn new() -> Self {
        Self::with(component()).await
    }

    pub(super) async fn with(wasm: Bytes) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // The cache is shared by the tests of one build, as compiling takes seconds.
        let cache_dir = Some(compiled());
        let options = RuntimeOptions { cache_dir, threads: 2, ..RuntimeOptions::default() };
        let runtime = Runtime::new(options).unwrap();
        let program = runtime.compile(wasm).await.unwrap();
        Self { runtime, network: Network::new(), program, directory, runs: AtomicUsize::new(0) }
    }

    /// A pod with the address 10.244.1.`last`.
    pub(super) fn pod(&self, last: u8) -> PodNetwork {
        let (hostname, node) = (format!("pod-{last}"), "node-1".to_owned());
        let identity = PodIdentity { hostname, node, ..PodIdentity::default() };
        self.network.add_pod(identity, Ipv4Addr::new(10, 244, 1, last)).unwrap()
    }

    /// A node of the cluster.
    pub(super) fn node(&self) -> PodNetwork {
        let node = Ipv4Addr::new(172, 18, 0, 3);
        self.network.pod(node).unwrap_or_else(|| self.network.add_node("node-1", node).unwrap())
    }

    /// A container that runs the test guest with `arguments`, separated by spaces.
    pub(super) fn spec(&self, id: &str, pod: &PodNetwork, arguments: &str) -> ContainerSpec {
        let clock = RuntimeOptions::default().clock;
        let log = LogWriter::create(self.log(id), LogConfig::default(), clock).unwrap();
        let process = ProcessSpec {
            program: self.program.clone(),
            args: words(arguments),
            env: Vec::new(),
            working_dir: None,
            mounts: Vec::new(),
            meters: Default::default(),
            tty: false,
            hostname: pod.identity().hostname.clone(),
            pod: pod.clone(),
        };
        ContainerSpec {
            id: id.to_owned(),
            process,
            stdin: false,
            stdin_once: false,
            stop: StopBehavior::Terminate,
            serve: ServeSpec { http_port: 8080, inetd_port: None },
            memory_limit_bytes: None,
            cpu_limit_cores: None,
            cpu_shares: 1024,
            log,
        }
    }

    /// The test guest with `arguments` as a further program, all its streams wanted.
    pub(super) fn exec(&self, container: &Started, arguments: &str, tty: bool) -> Session {
        self.runtime.exec(&container.handle, self.exec_spec(arguments, tty)).unwrap()
    }

    pub(super) fn exec_spec(&self, arguments: &str, tty: bool) -> ExecSpec {
        ExecSpec {
            program: self.program.clone(),
            args: words(arguments),
            drains_on_stdin_close: false,
            stdin: true,
            stdout: true,
            stderr: true,
            tty,
        }
    }

    pub(super) fn start(&self, spec: ContainerSpec) -> Started {
        let log = self.log(&spec.id);
        Started { handle: self.runtime.start(spec).unwrap(), log }
    }

    /// Runs one command in a pod of its own to its end: its exit status and its log.
    pub(super) async fn run(&self, arguments: &str) -> (ExitStatus, String) {
        let pod = self.pod(250);
        let id = format!("run-{}", self.runs.fetch_add(1, Ordering::Relaxed));
        let container = self.start(self.spec(&id, &pod, arguments));
        let status = container.handle.wait().await;
        self.network.remove_pod(&pod);
        (status, container.log().await)
    }

    fn log(&self, id: &str) -> PathBuf {
        self.directory.path().join(id).join("0.log")
    }
}

fn words(arguments: &str) -> Vec<String> {
    std::iter::once("testguest").chain(arguments.split(' ')).map(str::to_owned).collect()
}

impl Started {
    pub(super) async fn log(&self) -> String {
        let reader = LogReader::open(&self.log, LogOptions::default(), None).await.unwrap();
        let chunks: Vec<Bytes> = reader.try_collect().await.unwrap();
        String::from_utf8_lossy(&chunks.concat()).into_owned()
    }

    /// How much of the log was written, in any way that changes when more is.
    pub(super) fn log_bytes(&self) -> Vec<u64> {
        let files = self.log.parent().unwrap().read_dir().unwrap().flatten();
        files.filter_map(|file| Some(file.metadata().ok()?.len())).collect()
    }

    /// Waits until the log holds a text.
    pub(super) async fn logged(&self, text: &str) {
        let found = async {
            while !self.log().await.contains(text) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(20), found).await;
        assert!(found.is_ok(), "{text:?} was not logged, but: {}", self.log().await);
    }
}
