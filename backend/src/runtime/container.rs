//! The life of a container: created, running, exited; and how it is stopped.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use jiff::Timestamp;
use tokio::sync::watch;

use super::Clock;
use super::cpu::{CpuMeter, Metered};
use super::engine::Runtime;
use super::exit::ExitStatus;
use super::guest::{Guest, Outcome};
use super::limits::MemoryMeter;
use super::logs::{LogFollow, LogWriter};
use super::program::Program;
use crate::network::PodNetwork;
use crate::network::pipe::{PipeControl, PipeReader, PipeWriter, pipe};

const STDIN_CAPACITY_BYTES: usize = 64 * 1024;

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

/// What a container reads from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdin {
    /// The end of the stream at once.
    Empty,
    /// What is written to [`ContainerHandle::take_stdin`].
    Piped,
}

/// What a request to stop means to a program; an image says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopBehavior {
    /// Ends at once: a guest has no signal handler, and SIGTERM's default is to end.
    Terminate,
    /// Drains when its standard input ends, within the grace period.
    DrainWhenStdinEnds,
}

/// What to run and within which bounds.
pub struct ContainerSpec {
    /// Name of the container in messages.
    pub id: String,
    /// The program, see [`Runtime::compile`].
    pub program: Arc<Program>,
    /// The arguments, the program's name first.
    pub args: Vec<String>,
    /// The environment; `HOSTNAME` is added unless it is there.
    pub env: Vec<(String, String)>,
    /// Directory that relative paths start from; `None` for the root.
    pub working_dir: Option<String>,
    /// The image's files and the volumes.
    pub mounts: Vec<Mount>,
    /// Standard input.
    pub stdin: Stdin,
    /// What a request to stop means.
    pub stop: StopBehavior,
    /// The pod's host name.
    pub hostname: String,
    /// Linear memory in bytes beyond which the container is OOMKilled.
    pub memory_limit_bytes: Option<u64>,
    /// Processor time a second, in processors.
    pub cpu_limit_cores: Option<f64>,
    /// Where standard output and standard error go.
    pub log: LogWriter,
    /// The network that the containers of the pod share.
    pub pod: PodNetwork,
}

/// Why a container could not be created.
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
}

/// Where a container is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// Accepted; its program does not run yet.
    Created,
    /// Its program runs.
    Running {
        /// When it began.
        started_at: Timestamp,
    },
    /// Its program ended.
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// When it began.
        started_at: Timestamp,
        /// When it ended.
        finished_at: Timestamp,
    },
}

/// What a container uses now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContainerStats {
    /// Processor time since its start.
    pub cpu: Duration,
    /// Linear memory, in bytes.
    pub memory_bytes: u64,
}

/// What was asked of a running container. The later in the list, the stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Signal {
    None,
    Terminate,
    Kill,
}

/// A container. Clones are the same container; dropping them leaves it running.
#[derive(Clone)]
pub struct ContainerHandle {
    shared: Arc<Shared>,
}

struct Shared {
    id: String,
    stop: StopBehavior,
    state: watch::Receiver<ContainerState>,
    signal: watch::Sender<Signal>,
    stdin: Mutex<Option<PipeWriter>>,
    /// Ends the standard input, also after its writing end was taken.
    stdin_control: Option<PipeControl>,
    cpu: Arc<CpuMeter>,
    memory: Arc<MemoryMeter>,
    log: LogFollow,
}

impl Runtime {
    /// Starts a container. Returns as soon as it is accepted; [`ContainerHandle::watch`] tells its life.
    ///
    /// # Errors
    /// When a mount cannot be opened. A program that cannot be started ends with reason `StartError` instead.
    pub fn start(&self, spec: ContainerSpec) -> Result<ContainerHandle, StartError> {
        let (cpu, memory) = (Arc::new(CpuMeter::default()), Arc::new(MemoryMeter::default()));
        let (stdin, guest_stdin) = open_stdin(&spec);
        let guest = Guest::new(&spec, guest_stdin, memory.clone(), self.memory.clone())?;
        let (report, state) = watch::channel(ContainerState::Created);
        let (signal, signals) = watch::channel(Signal::None);
        let shared = Shared {
            id: spec.id,
            stop: spec.stop,
            state,
            signal,
            stdin_control: stdin.as_ref().map(PipeWriter::control),
            stdin: Mutex::new(stdin),
            cpu: cpu.clone(),
            memory: memory.clone(),
            log: spec.log.follow(),
        };
        let program =
            Metered::new(guest.run(self.engine.clone()), self.epoch.clone(), cpu, spec.cpu_limit_cores);
        let life = Life { clock: self.clock.clone(), report, signals, memory, log: spec.log };
        self.threads.handle().spawn(life.run(program));
        Ok(ContainerHandle { shared: Arc::new(shared) })
    }
}

/// A pipe to write to, kept open for programs that drain when it ends.
fn open_stdin(spec: &ContainerSpec) -> (Option<PipeWriter>, Option<PipeReader>) {
    if spec.stdin == Stdin::Empty && spec.stop == StopBehavior::Terminate {
        return (None, None);
    }
    let (writer, reader) = pipe(STDIN_CAPACITY_BYTES);
    (Some(writer), Some(reader))
}

/// The task of a container.
struct Life {
    clock: Clock,
    report: watch::Sender<ContainerState>,
    signals: watch::Receiver<Signal>,
    memory: Arc<MemoryMeter>,
    log: LogWriter,
}

impl Life {
    async fn run(mut self, program: impl Future<Output = Outcome>) {
        let started_at = (self.clock)();
        self.report.send_replace(ContainerState::Running { started_at });
        let status = self.status(program).await;
        self.log.close();
        let finished_at = (self.clock)();
        self.report.send_replace(ContainerState::Exited { status, started_at, finished_at });
    }

    /// Runs the program until it ends or a signal ends it; either way it is dropped then.
    async fn status(&mut self, program: impl Future<Output = Outcome>) -> ExitStatus {
        let program = AssertUnwindSafe(program).catch_unwind();
        tokio::select! {
            biased;
            signal = last_signal(&mut self.signals) => signal,
            outcome = program => match outcome {
                Ok(outcome) => self.judge(&outcome),
                Err(_) => ExitStatus::host_failed(),
            },
        }
    }

    fn judge(&self, outcome: &Outcome) -> ExitStatus {
        match outcome {
            Outcome::Returned(code) => ExitStatus::exited(*code),
            Outcome::NotStarted(error) | Outcome::Ended(error) if self.memory.exhausted() => {
                ExitStatus::out_of_memory(error)
            }
            Outcome::NotStarted(error) => ExitStatus::not_started(error),
            Outcome::Ended(error) => ExitStatus::of(error),
        }
    }
}

/// Waits for a signal that ends the program from outside. Without anyone who could send one: forever.
async fn last_signal(signals: &mut watch::Receiver<Signal>) -> ExitStatus {
    let signal = signals.wait_for(|signal| *signal != Signal::None).await.map(|signal| *signal);
    match signal {
        Ok(Signal::Kill) => ExitStatus::killed(),
        Ok(_) => ExitStatus::terminated(),
        Err(_) => std::future::pending().await,
    }
}

impl ContainerHandle {
    /// The container's name.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// Where the container is in its life.
    pub fn state(&self) -> ContainerState {
        self.shared.state.borrow().clone()
    }

    /// Follows the container's life.
    pub fn watch(&self) -> watch::Receiver<ContainerState> {
        self.shared.state.clone()
    }

    /// Waits for the end of the container.
    pub async fn wait(&self) -> ExitStatus {
        let mut state = self.shared.state.clone();
        loop {
            if let ContainerState::Exited { status, .. } = &*state.borrow_and_update() {
                return status.clone();
            }
            if state.changed().await.is_err() {
                return ExitStatus::killed();
            }
        }
    }

    /// Asks the container to stop and waits for its end: at once with exit code 143, or, when its image says
    /// that it drains, by ending its standard input and, after `grace`, by force with exit code 137. A grace
    /// of zero is by force.
    pub async fn kill(&self, grace: Duration) -> ExitStatus {
        match self.shared.stop {
            _ if grace.is_zero() => self.send(Signal::Kill),
            StopBehavior::Terminate => self.send(Signal::Terminate),
            StopBehavior::DrainWhenStdinEnds => {
                self.end_stdin();
                if let Ok(status) = tokio::time::timeout(grace, self.wait()).await {
                    return status;
                }
                self.send(Signal::Kill);
            }
        }
        self.wait().await
    }

    /// The writing end of the container's standard input, once. Dropping it ends the input.
    pub fn take_stdin(&self) -> Option<PipeWriter> {
        self.shared.stdin.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What the container uses now; nothing of memory once it ended.
    pub fn stats(&self) -> ContainerStats {
        let ended = matches!(*self.shared.state.borrow(), ContainerState::Exited { .. });
        let memory_bytes = if ended { 0 } else { self.shared.memory.used_bytes() };
        ContainerStats { cpu: self.shared.cpu.used(), memory_bytes }
    }

    /// What tells a reader of this container's log that there is more, and when it is complete.
    pub fn follow_log(&self) -> LogFollow {
        self.shared.log.clone()
    }

    fn end_stdin(&self) {
        self.shared.stdin_control.iter().for_each(PipeControl::finish);
    }

    fn send(&self, signal: Signal) {
        self.shared.signal.send_modify(|current| *current = signal.max(*current));
    }
}
