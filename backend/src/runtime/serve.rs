//! Containers whose program does not listen itself: each connection to a port of the pod is handed to instances
//! of it, which come and go, while the container runs.
//!
//! A request to stop is understood here, in the program's place: nothing more is accepted, and who is being
//! served has the grace period to the end.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use wasmtime::{Engine, Error};

use super::cgroup::Cgroup;
use super::cpu::Metered;
use super::engine::Runtime;
use super::epoch::EpochClock;
use super::guest::{Guest, Outcome, Stdio};
use super::output::Output;
use super::process::{ProcessSpec, StartError};
use crate::network::{Connection, Listener};

/// Connections that a container holds at once; further ones wait in the backlog.
pub(super) const MAX_CONNECTIONS: usize = 1024;

/// Instances of its program that a container has at once; what else comes waits.
pub(super) const MAX_INSTANCES: usize = 32;

/// How often instances that nobody needs are looked for.
const UPKEEP: Duration = Duration::from_secs(10);

/// How a container gets to its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeSpec {
    /// Port on which an HTTP component is served.
    pub http_port: u16,
    /// Port on which a program that knows no network is started once a connection, as inetd does.
    pub inetd_port: Option<u16>,
}

/// What makes instances of a container's program, and counts them to the container.
pub(super) struct Instances {
    process: ProcessSpec,
    stdout: Output,
    stderr: Output,
    pub(super) cgroup: Arc<Cgroup>,
    pub(super) engine: Engine,
    epoch: Arc<EpochClock>,
    tasks: Tasks,
}

/// Tasks that end with their container.
#[derive(Clone)]
pub(super) struct Tasks {
    tracker: TaskTracker,
    killed: CancellationToken,
}

impl Tasks {
    /// Ends them all when the guard is dropped.
    fn new() -> (Self, DropGuard) {
        let killed = CancellationToken::new();
        (Self { tracker: TaskTracker::new(), killed: killed.clone() }, killed.drop_guard())
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(self.killed.clone().run_until_cancelled_owned(task));
    }
}

impl Instances {
    pub(super) fn new(
        runtime: &Runtime,
        process: ProcessSpec,
        stdio: Stdio,
        cgroup: Arc<Cgroup>,
    ) -> (Self, DropGuard) {
        let (tasks, guard) = Tasks::new();
        let Stdio { stdout, stderr, .. } = stdio;
        let (engine, epoch) = (runtime.engine.clone(), runtime.epoch.clone());
        (Self { process, stdout, stderr, cgroup, engine, epoch, tasks }, guard)
    }

    pub(super) fn process(&self) -> &ProcessSpec {
        &self.process
    }

    pub(super) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// The container's standard output and standard error.
    pub(super) fn outputs(&self) -> (Output, Output) {
        (self.stdout.clone(), self.stderr.clone())
    }

    /// An instance with these streams and, beside those of the container, these variables.
    pub(super) fn guest(&self, stdio: Stdio, variables: Vec<(String, String)>) -> Result<Guest, StartError> {
        let mut process = self.process.clone();
        process.env.extend(variables);
        Guest::new(&process, stdio, self.cgroup.clone())
    }

    /// Runs what an instance does as a task of the container, in its processor time.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.metered(work));
    }

    /// What an instance does, in the container's processor time.
    pub(super) fn metered<F: Future>(&self, work: F) -> Metered<F> {
        Metered::new(work, self.epoch.clone(), self.cgroup.clone())
    }

    /// Says in the container's log what the program cannot say itself.
    pub(super) fn report(&self, text: &str) {
        self.stderr.say(text);
    }
}

/// What is done with the connections of a container.
pub(super) trait Server: Send + Sync + 'static {
    /// Serves one connection to its end.
    fn serve(
        self: Arc<Self>,
        connection: Connection,
        draining: CancellationToken,
    ) -> impl Future<Output = ()> + Send;

    /// Lets go of what was not needed for a while.
    fn tidy(&self) {}
}

/// Takes a port of the container's pod.
pub(super) fn listen(process: &ProcessSpec, port: u16) -> Result<Listener, Error> {
    let listener = process.pod.listen(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port));
    listener.map_err(|error| Error::msg(format!("listen tcp 0.0.0.0:{port}: bind: {error}")))
}

/// Hands out connections until the container is to stop, then waits for those that are served.
pub(super) async fn run<S: Server>(
    server: Arc<S>,
    tasks: Tasks,
    mut listener: Listener,
    draining: CancellationToken,
) -> Outcome {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut upkeep = tokio::time::interval(UPKEEP);
    loop {
        let next = async {
            let slot = slots.clone().acquire_owned().await;
            (slot, listener.accept().await)
        };
        tokio::select! {
            biased;
            () = draining.cancelled() => break,
            _ = upkeep.tick() => server.tidy(),
            (slot, accepted) = next => {
                let Ok(connection) = accepted else { break };
                let served = server.clone().serve(connection, draining.clone());
                tasks.spawn(served.map(|()| drop(slot)));
            }
        }
    }
    drop(listener);
    tasks.tracker.close();
    tasks.tracker.wait().await;
    Outcome::Returned(0)
}
