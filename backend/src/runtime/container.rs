//! The life of a container: created, running, exited; and how it is stopped.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Clock;
use super::cgroup::{Cgroup, Process};
use super::cpu::{CpuMeter, Metered};
use super::engine::Runtime;
use super::exit::ExitStatus;
use super::guest::{Guest, Outcome, Stdio};
use super::http_server;
use super::inetd;
use super::input::{Inlet, Input, input};
use super::limits::MemoryMeter;
use super::logs::{LogFollow, LogWriter, Source};
use super::output::{Attached, Output};
use super::process::{ProcessSpec, StartError};
use super::program::Entry;
use super::serve::{Instances, ServeSpec};

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
    /// The main program.
    pub process: ProcessSpec,
    /// Whether clients that attach may write to it.
    pub stdin: bool,
    /// Whether its input ends with that of the first client that attaches.
    pub stdin_once: bool,
    /// What a request to stop means.
    pub stop: StopBehavior,
    /// How it gets to its connections, where its program does not listen itself.
    pub serve: ServeSpec,
    /// Linear memory in bytes beyond which the container is OOMKilled.
    pub memory_limit_bytes: Option<u64>,
    /// Processor time a second, in processors.
    pub cpu_limit_cores: Option<f64>,
    /// Its weight where containers want more processor time than there is, as cgroup's `cpu.shares`.
    pub cpu_shares: u64,
    /// Where standard output and standard error go.
    pub log: LogWriter,
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
    /// How long ago it was started, whether it runs or not.
    pub age: Duration,
    /// Processor time since its start.
    pub cpu: Duration,
    /// Linear memory, in bytes.
    pub memory_bytes: u64,
}

/// What was asked of a running program. The later in the list, the stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Signal {
    None,
    Interrupt,
    Quit,
    Terminate,
    /// By force, after the grace period.
    Overdue,
    Kill,
}

impl Signal {
    /// How a program ends by it.
    pub(super) fn status(self) -> ExitStatus {
        match self {
            Signal::Interrupt => ExitStatus::interrupted(),
            Signal::Quit => ExitStatus::quit(),
            Signal::None | Signal::Terminate => ExitStatus::terminated(),
            Signal::Overdue => ExitStatus::overdue(),
            Signal::Kill => ExitStatus::killed(),
        }
    }
}

/// A container. Clones are the same container; dropping them leaves it running.
#[derive(Clone)]
pub struct ContainerHandle {
    shared: Arc<Shared>,
}

struct Shared {
    id: String,
    process: ProcessSpec,
    stop: StopBehavior,
    state: watch::Receiver<ContainerState>,
    signal: watch::Sender<Signal>,
    /// Feeds the main program, where it reads anything.
    inlet: Option<Inlet>,
    /// There where the runtime serves in the program's place: cancelled to make it stop.
    draining: Option<CancellationToken>,
    /// Whether clients may use it, and whether it ends with the first of them.
    stdin: bool,
    stdin_once: bool,
    /// Those attached to standard output and standard error.
    attached: [Arc<Attached>; 2],
    cgroup: Arc<Cgroup>,
    log: LogFollow,
}

impl Runtime {
    /// Starts a container. Returns as soon as it is accepted; [`ContainerHandle::watch`] tells its life.
    ///
    /// # Errors
    /// When a mount cannot be opened. A program that cannot be started ends with reason `StartError` instead.
    pub fn start(&self, spec: ContainerSpec) -> Result<ContainerHandle, StartError> {
        let memory = MemoryMeter::new(spec.memory_limit_bytes, self.memory.clone());
        let cpu = CpuMeter::new(spec.cpu_limit_cores, spec.cpu_shares, self.processors.clone());
        let cgroup = Cgroup::new(memory, cpu);
        let slot = cgroup.enter()?;
        let attached: [Arc<Attached>; 2] = Default::default();
        let (inlet, stdio) = streams(&spec, &attached);
        let (program, draining) = self.main_program(&spec, stdio, &cgroup)?;
        let (report, state) = watch::channel(ContainerState::Created);
        let (signal, signals) = watch::channel(Signal::None);
        let shared = Shared {
            id: spec.id,
            process: spec.process,
            stop: spec.stop,
            state,
            signal,
            inlet,
            draining,
            stdin: spec.stdin,
            stdin_once: spec.stdin_once,
            attached: attached.clone(),
            cgroup,
            log: spec.log.follow(),
        };
        let life = Life { clock: self.clock.clone(), report, signals, slot, attached, log: spec.log };
        self.threads.handle().spawn(life.run(program));
        Ok(ContainerHandle { shared: Arc::new(shared) })
    }

    /// What runs as long as the container does, and what makes it stop by itself if anything does.
    fn main_program(
        &self,
        spec: &ContainerSpec,
        stdio: Stdio,
        cgroup: &Arc<Cgroup>,
    ) -> Result<(BoxFuture<'static, Outcome>, Option<CancellationToken>), StartError> {
        let draining = CancellationToken::new();
        let served = draining.clone();
        let instances = |stdio| Instances::new(self, spec.process.clone(), stdio, cgroup.clone());
        let program = match (&spec.process.program.entry, spec.serve.inetd_port) {
            (_, Some(port)) => {
                let (instances, guard) = instances(stdio);
                inetd::run(instances, port, served).map(|outcome| keep(guard, outcome)).boxed()
            }
            (Entry::Handler(handler), None) => {
                let ((instances, guard), port) = (instances(stdio), spec.serve.http_port);
                let server = http_server::run(handler.clone(), instances, port, served);
                server.map(|outcome| keep(guard, outcome)).boxed()
            }
            _ => {
                let guest = Guest::new(&spec.process, stdio, cgroup.clone())?;
                let program = guest.run(self.engine.clone());
                return Ok((Metered::new(program, self.epoch.clone(), cgroup.clone()).boxed(), None));
            }
        };
        Ok((program, Some(draining)))
    }
}

/// Keeps a guard until an outcome is there.
fn keep(_: DropGuard, outcome: Outcome) -> Outcome {
    outcome
}

/// The main program's ends of its streams, and what feeds it. A program that drains when its input ends has
/// one that only the end of which is ever used; a terminal is there whether somebody may type or not.
fn streams(spec: &ContainerSpec, attached: &[Arc<Attached>; 2]) -> (Option<Inlet>, Stdio) {
    let tty = spec.process.tty;
    let output = |source, attached: &Arc<Attached>| Output::log(&spec.log, source, attached.clone(), tty);
    let stdout = output(Source::Stdout, &attached[0]);
    let stderr = if tty { stdout.clone() } else { output(Source::Stderr, &attached[1]) };
    let screen = tty.then(|| stdout.clone());
    let is_served =
        spec.serve.inetd_port.is_some() || matches!(spec.process.program.entry, Entry::Handler(_));
    if is_served {
        return (None, Stdio { stdin: Input::empty(), stdout, stderr });
    }
    let has_input = spec.stdin || tty || spec.stop == StopBehavior::DrainWhenStdinEnds;
    let (inlet, stdin) = if has_input { Some(input(screen)).unzip() } else { (None, None) };
    (inlet, Stdio { stdin: stdin.unwrap_or_else(Input::empty), stdout, stderr })
}

/// The task of a container.
struct Life {
    clock: Clock,
    report: watch::Sender<ContainerState>,
    signals: watch::Receiver<Signal>,
    slot: Process,
    attached: [Arc<Attached>; 2],
    log: LogWriter,
}

impl Life {
    async fn run(mut self, program: impl Future<Output = Outcome>) {
        let started_at = (self.clock)();
        self.report.send_replace(ContainerState::Running { started_at });
        let status = tokio::select! {
            biased;
            signal = last_signal(&mut self.signals) => signal,
            status = status_of(program, &self.slot.cgroup) => status,
        };
        self.log.close();
        let finished_at = (self.clock)();
        self.report.send_replace(ContainerState::Exited { status, started_at, finished_at });
        self.attached.iter().for_each(|attached| attached.clear());
    }
}

/// Runs a program of a container until it ends, or until any of them was denied memory: then all end, as with
/// Linux's `memory.oom.group`, which upstream's kubelet sets.
pub(super) async fn status_of(program: impl Future<Output = Outcome>, cgroup: &Cgroup) -> ExitStatus {
    let program = AssertUnwindSafe(program).catch_unwind();
    let outcome = tokio::select! {
        biased;
        why = cgroup.memory.until_exhausted() => return ExitStatus::out_of_memory(why),
        outcome = program => outcome,
    };
    match (outcome, cgroup.memory.exhausted()) {
        (Err(_), _) => ExitStatus::host_failed(),
        (Ok(Outcome::Returned(code)), _) => ExitStatus::exited(code),
        (Ok(_), Some(why)) => ExitStatus::out_of_memory(why),
        (Ok(Outcome::NotStarted(error)), None) => ExitStatus::not_started(&error),
        (Ok(Outcome::Ended(error)), None) => ExitStatus::of(&error),
    }
}

/// Waits for a signal that ends the program from outside. Without anyone who could send one: forever.
async fn last_signal(signals: &mut watch::Receiver<Signal>) -> ExitStatus {
    let signal = signals.wait_for(|signal| *signal != Signal::None).await.map(|signal| *signal);
    match signal {
        Ok(signal) => signal.status(),
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
    /// that it drains, by ending its standard input and, after `grace`, by force with exit code 137. So it is
    /// where the runtime serves in its program's place. A grace of zero is by force.
    pub async fn kill(&self, grace: Duration) -> ExitStatus {
        match (&self.shared.draining, self.shared.stop) {
            _ if grace.is_zero() => self.send(Signal::Kill),
            (None, StopBehavior::Terminate) => self.send(Signal::Terminate),
            (draining, _) => {
                self.end_stdin();
                draining.iter().for_each(CancellationToken::cancel);
                if let Ok(status) = tokio::time::timeout(grace, self.wait()).await {
                    return status;
                }
                self.send(Signal::Overdue);
            }
        }
        self.wait().await
    }

    /// What the container uses now; nothing of memory once it ended.
    pub fn stats(&self) -> ContainerStats {
        let cgroup = &self.shared.cgroup;
        let memory_bytes = if self.is_ended() { 0 } else { cgroup.memory.used_bytes() };
        ContainerStats { age: cgroup.begun.elapsed(), cpu: cgroup.cpu.used(), memory_bytes }
    }

    /// What tells a reader of this container's log that there is more, and when it is complete.
    pub fn follow_log(&self) -> LogFollow {
        self.shared.log.clone()
    }

    /// Whether it ended.
    pub(super) fn is_ended(&self) -> bool {
        matches!(*self.shared.state.borrow(), ContainerState::Exited { .. })
    }

    pub(super) fn process(&self) -> &ProcessSpec {
        &self.shared.process
    }

    pub(super) fn cgroup(&self) -> &Arc<Cgroup> {
        &self.shared.cgroup
    }

    /// What feeds the main program, where clients may.
    pub(super) fn public_inlet(&self) -> Option<Inlet> {
        let is_private = self.shared.stop == StopBehavior::DrainWhenStdinEnds;
        self.shared.inlet.clone().filter(|_| self.shared.stdin && !is_private)
    }

    pub(super) fn ends_input_with_its_client(&self) -> bool {
        self.shared.stdin_once
    }

    /// Those attached to an output stream.
    pub(super) fn attached(&self, source: Source) -> &Attached {
        &self.shared.attached[source as usize]
    }

    fn end_stdin(&self) {
        self.shared.inlet.iter().for_each(Inlet::end);
    }

    pub(super) fn send(&self, signal: Signal) {
        self.shared.signal.send_modify(|current| *current = signal.max(*current));
    }
}
