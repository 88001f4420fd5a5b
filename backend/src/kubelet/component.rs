//! Containers that are parts of this program: the control plane's own. Their image names a task of the
//! process instead of a WebAssembly program; starting the container starts the task.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::component_log::ComponentLog;
use crate::network::PodNetwork;
use crate::runtime::logs::{LogFollow, LogWriter};
use crate::runtime::{Clock, ContainerState, ExitReason, ExitStatus};

/// The registry of upstream's own images.
pub const REGISTRY: &str = "registry.k8s.io";

/// What a task gets that runs as a container.
pub struct ComponentContext {
    /// The container's command line.
    pub args: Vec<String>,
    /// The container's log.
    pub log: ComponentLog,
    /// Its pod's network, which knows the node, too.
    pub network: PodNetwork,
    /// Cancelled when the task is to end.
    pub stop: CancellationToken,
}

/// A task that a container can be. It runs until it is done or was asked to end; the result is the exit
/// code.
pub type Component = Arc<dyn Fn(ComponentContext) -> BoxFuture<'static, i32> + Send + Sync>;

/// The tasks that containers can be, by the name of their image (`kube-scheduler`), each after those
/// that it needs.
#[derive(Default)]
pub struct Components {
    by_image: Vec<(String, Component)>,
}

impl Components {
    /// Adds a task under its image's name, after those that it needs.
    pub fn add(&mut self, image: &str, component: Component) {
        self.by_image.push((format!("{REGISTRY}/{image}"), component));
    }

    /// The task behind an image, whatever its tag.
    pub(super) fn get(&self, image: &str) -> Option<&Component> {
        self.position(image).map(|at| &self.by_image[at].1)
    }

    /// How many of the others the task behind an image may need.
    pub(super) fn position(&self, image: &str) -> Option<usize> {
        let image = image.rsplit_once(':').map_or(image, |(name, _)| name);
        self.by_image.iter().position(|(name, _)| name == image)
    }
}

/// A running task.
#[derive(Clone)]
pub(super) struct ComponentHandle {
    state: watch::Receiver<ContainerState>,
    stop: CancellationToken,
    abort: tokio::task::AbortHandle,
    log: LogFollow,
}

impl ComponentHandle {
    /// Starts the task.
    pub(super) fn start(
        component: &Component,
        args: Vec<String>,
        log: LogWriter,
        network: PodNetwork,
        clock: Clock,
    ) -> ComponentHandle {
        let stop = CancellationToken::new();
        let started_at = clock();
        let (report, state) = watch::channel(ContainerState::Running { started_at });
        let lines = ComponentLog::new(log.clone(), clock.clone());
        let task = component(ComponentContext { args, log: lines, network, stop: stop.clone() });
        let follow = log.follow();
        let work = tokio::spawn(AssertUnwindSafe(task).catch_unwind());
        let abort = work.abort_handle();
        tokio::spawn(async move {
            let status = match work.await {
                Ok(Ok(code)) => ExitStatus::exited(code),
                Ok(Err(_)) => ExitStatus {
                    code: 134,
                    reason: ExitReason::Error,
                    message: "the component panicked".into(),
                },
                Err(_) => ExitStatus::killed(),
            };
            log.close();
            report.send_replace(ContainerState::Exited { status, started_at, finished_at: clock() });
        });
        ComponentHandle { state, stop, abort, log: follow }
    }

    /// Follows the task's life.
    pub(super) fn watch(&self) -> watch::Receiver<ContainerState> {
        self.state.clone()
    }

    /// What a reader needs to follow the log.
    pub(super) fn follow_log(&self) -> LogFollow {
        self.log.clone()
    }

    /// Asks the task to end, ends it when the grace is over, and waits for its end.
    pub(super) async fn kill(&self, grace: Duration) {
        self.stop.cancel();
        if tokio::time::timeout(grace, self.ended()).await.is_err() {
            self.abort.abort();
            self.ended().await;
        }
    }

    async fn ended(&self) {
        let mut state = self.state.clone();
        // Without a sender nobody runs the task any more.
        let _ = state.wait_for(|state| matches!(state, ContainerState::Exited { .. })).await;
    }
}

/// How a container ended and when, or `None` while it runs.
pub(super) fn ended(state: &ContainerState) -> Option<(ExitStatus, Timestamp, Timestamp)> {
    match state {
        ContainerState::Exited { status, started_at, finished_at } => {
            Some((status.clone(), *started_at, *finished_at))
        }
        _ => None,
    }
}
