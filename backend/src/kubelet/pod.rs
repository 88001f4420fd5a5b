//! One pod of a node: its worker, and the carrying out of what the worker decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, ContainerStateTerminated, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use shared::images::pull::{self, Decision, Presence};
use shared::kubelet::action::Action;
use shared::kubelet::eviction;
use shared::kubelet::hook::HookKind;
use shared::kubelet::pod_worker::PodWorker;
use shared::kubelet::probe::ProbeKind;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::runtime::{ContainerState, ExitStatus};

use super::component::ended;
use super::disk_usage::{self, PodMeters};
use super::hooks;
use super::image::Source;
use super::launch::{Order, Running};
use super::logs;
use super::node::Kubelet;
use super::prober;
use super::pulling;
use super::reach::Reach;
use super::reporter::{self, Identity, Report};
use super::sandbox::{self, SharedSandbox};
use super::sync_loop::{Input, Outcome};
use super::volumes;

/// What the node has of a pod.
pub(super) struct PodOnNode {
    pub(super) worker: PodWorker,
    pub(super) wake_at: Option<Timestamp>,
    kubelet: Arc<Kubelet>,
    /// The key of the pod in the loop: the uid under which the node runs it.
    uid: String,
    /// The uid under which the API has it: of a static pod, its mirror's.
    api_uid: String,
    source: Source,
    /// Keeps the pod's volumes.
    keeper: Option<volumes::Keeper>,
    /// Where they lie.
    places: Arc<volumes::Places>,
    sandbox: Option<SharedSandbox>,
    running: BTreeMap<String, Running>,
    orphaned: bool,
    /// Whether the sandbox waits for the node's block of addresses.
    awaits_addresses: bool,
    /// Cancelled when the pod's images are wanted no more.
    unwanted: CancellationToken,
    reports: mpsc::UnboundedSender<Report>,
    inputs: mpsc::UnboundedSender<Input>,
}

impl PodOnNode {
    /// A pod that was just seen; `api_uid` is the one under which the API has it.
    pub(super) fn new(
        kubelet: Arc<Kubelet>,
        pod: Pod,
        source: Source,
        api_uid: String,
        inputs: mpsc::UnboundedSender<Input>,
    ) -> PodOnNode {
        let uid = logs::node_uid(&pod);
        let (reports, received) = mpsc::unbounded_channel();
        let identity = Identity {
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            name: pod.metadata.name.clone().unwrap_or_default(),
            uid: api_uid.clone(),
            worker: uid.clone(),
        };
        kubelet.spawn(reporter::run(kubelet.clone(), identity, received, inputs.clone()));
        let worker = PodWorker::new(pod, &kubelet.address.to_string(), kubelet.now());
        PodOnNode {
            worker,
            wake_at: None,
            kubelet,
            uid,
            api_uid,
            source,
            keeper: None,
            places: Arc::default(),
            sandbox: None,
            running: BTreeMap::new(),
            orphaned: false,
            awaits_addresses: false,
            unwanted: CancellationToken::new(),
            reports,
            inputs,
        }
    }

    /// The API has no such pod any more.
    pub(super) fn orphan(&mut self, now: Timestamp) {
        self.orphaned = true;
        self.worker.on_removed(now);
    }

    /// The mirror has this uid; a mirror that was made anew is told everything again, and the
    /// containers know nothing of it.
    pub(super) fn on_mirror(&mut self, api_uid: &str) {
        if self.api_uid != api_uid {
            self.api_uid = api_uid.to_owned();
            self.report(Report::Mirror(self.api_uid.clone()));
            self.worker.on_status_not_written();
            self.step();
        }
    }

    /// Whether the API has no such pod any more.
    pub(super) fn is_orphan(&self) -> bool {
        self.orphaned
    }

    /// Lets the worker decide, and does what it says.
    pub(super) fn step(&mut self) {
        let step = self.worker.step(self.kubelet.now());
        self.wake_at = step.wake_at;
        if let Some(keeper) = &self.keeper {
            keeper.on_pod(self.worker.pod());
        }
        for action in step.actions {
            self.carry_out(action);
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::MountVolumes => self.mount_volumes(),
            Action::CreateSandbox => self.create_sandbox(),
            Action::Pull { container } => self.pull(container),
            Action::Start { container, attempt } => self.start(container, attempt),
            Action::Stop { container, grace } => self.stop(&container, grace),
            Action::Probe { container, attempt, kind } => self.probe(container, attempt, kind),
            Action::RunHook { container, attempt, kind } => self.run_hook(container, attempt, kind),
            Action::RemoveSandbox => self.remove_sandbox(),
            Action::WriteStatus(status) => self.report(Report::Status(status)),
            Action::Record(note) => self.report(Report::Event(Box::new(note))),
            Action::DeletePod => self.report(Report::Gone),
        }
    }

    fn report(&self, report: Report) {
        // The reporter lives as long as this sender.
        let _ = self.reports.send(report);
    }

    fn tell(&self, outcome: Outcome) {
        // Without a receiver the kubelet is gone.
        let _ = self.inputs.send(Input::Outcome { uid: self.uid.clone(), outcome });
    }

    /// The node has its block of addresses.
    pub(super) fn on_addresses(&mut self) {
        if std::mem::take(&mut self.awaits_addresses) {
            self.create_sandbox();
        }
        self.step();
    }

    fn mount_volumes(&mut self) {
        let (inputs, uid) = (self.inputs.clone(), self.uid.clone());
        let tell = move |told| {
            // Without a receiver the kubelet is gone.
            let _ = inputs.send(Input::Outcome { uid: uid.clone(), outcome: Outcome::Volumes(told) });
        };
        let pod = self.worker.pod().clone();
        self.keeper = Some(volumes::Keeper::start(&self.kubelet, pod, self.uid.clone(), tell));
    }

    /// The pod's volumes are there, or some could not be set up.
    pub(super) fn on_volumes(&mut self, told: volumes::Told) {
        let told = told.map(|places| self.places = places);
        self.worker.on_volumes(told);
    }

    /// Looks how much the pod has on the disk, where that is limited.
    pub(super) fn measure_disk(&self) {
        if self.running.is_empty() || !eviction::is_limited(self.worker.pod()) {
            return;
        }
        let (kubelet, pod, uid) = (self.kubelet.clone(), self.worker.pod().clone(), self.uid.clone());
        let meters = self.sandbox.as_ref().map(|sandbox| sandbox.meters.clone());
        self.spawn(async move {
            let measured = blocking(move || {
                let usage = disk_usage::measure(&kubelet, &pod, &uid);
                meters.into_iter().for_each(|meters| meters.measured(&usage));
                usage
            });
            let measured = measured.await;
            Outcome::Measured(measured.unwrap_or_default())
        });
    }

    /// Makes the sandbox, or waits with it: after a restart pods may be known before their node is.
    fn create_sandbox(&mut self) {
        let host_network = self.worker.pod().spec.as_ref().and_then(|spec| spec.host_network);
        if !self.kubelet.has_addresses() && host_network != Some(true) {
            self.awaits_addresses = true;
            return;
        }
        let (kubelet, pod, uid) = (self.kubelet.clone(), self.worker.pod().clone(), self.uid.clone());
        let (places, inputs) = (self.places.clone(), self.inputs.clone());
        let meters = Arc::new(PodMeters::new(&kubelet, &pod, {
            let uid = uid.clone();
            // Without a receiver the kubelet is gone.
            move || drop(inputs.send(Input::Outcome { uid: uid.clone(), outcome: Outcome::Crowded }))
        }));
        self.spawn(async move {
            let made = blocking(move || sandbox::create(&kubelet, &pod, &uid, places, meters)).await;
            Outcome::Sandbox(made.unwrap_or_else(Err).map(Arc::new))
        });
    }

    /// The sandbox was made, or could not be.
    pub(super) fn on_sandbox(&mut self, outcome: Result<SharedSandbox, String>) {
        let told = outcome.as_ref().map(|sandbox| sandbox.ip().to_string()).map_err(Clone::clone);
        self.sandbox = outcome.ok();
        self.worker.on_sandbox(told, self.kubelet.now());
    }

    fn remove_sandbox(&mut self) {
        std::mem::take(&mut self.unwanted).cancel();
        self.running.clear();
        self.keeper = None;
        let (kubelet, sandbox) = (self.kubelet.clone(), self.sandbox.take());
        let directory = self.kubelet.pod_directory(&self.uid);
        self.spawn(async move {
            let removed = blocking(move || match sandbox {
                Some(sandbox) => sandbox::remove(&kubelet, &sandbox),
                None => sandbox::remove_directories(&directory),
            });
            if let Err(error) = removed.await {
                tracing::error!(error, "a pod's sandbox was not removed");
            }
            Outcome::SandboxRemoved
        });
    }

    fn spec(&self, container: &str) -> Option<Container> {
        self.worker.definition(container).cloned()
    }

    /// Runs work beside the loop and hands its outcome in.
    fn spawn(&self, work: impl Future<Output = Outcome> + Send + 'static) {
        let (inputs, uid) = (self.inputs.clone(), self.uid.clone());
        self.kubelet.spawn(async move {
            let outcome = work.await;
            // Without a receiver the kubelet is gone.
            let _ = inputs.send(Input::Outcome { uid, outcome });
        });
    }

    fn pull(&mut self, container: String) {
        let spec = self.spec(&container).unwrap_or_default();
        let (image, policy) = (spec.image.unwrap_or_default(), spec.image_pull_policy);
        let decision = self.kubelet.images.decide(&image, policy.as_deref(), self.source);
        self.obtain(container, image, decision);
    }

    /// It is known whether the pod's Secrets open the image of a container.
    pub(super) fn on_verified(&mut self, container: String, presence: Presence) {
        let spec = self.spec(&container).unwrap_or_default();
        let image = spec.image.unwrap_or_default();
        let decision = pull::decide(&image, spec.image_pull_policy.as_deref(), presence);
        self.obtain(container, image, decision);
    }

    fn obtain(&mut self, container: String, image: String, decision: Decision) {
        let (kubelet, source) = (self.kubelet.clone(), self.source);
        match decision {
            Decision::Refuse(error) => self.tell(Outcome::Pulled(container, Err(error))),
            Decision::Use => self.spawn(async move {
                let pulled = kubelet.images.make_present(&image, source).await;
                Outcome::Pulled(container, pulled)
            }),
            Decision::Verify => {
                let pod = self.worker.pod().clone();
                self.spawn(async move {
                    let presence = pulling::verify(&kubelet, &pod, &image).await;
                    Outcome::Verified(container, presence)
                });
            }
            Decision::Pull => {
                self.worker.on_pulling(&container);
                self.fetch(container, image);
            }
        }
    }

    /// Fetches an image from its registry, unless nobody wants it any more.
    fn fetch(&self, container: String, image: String) {
        let (kubelet, pod) = (self.kubelet.clone(), self.worker.pod().clone());
        let (inputs, uid, unwanted) = (self.inputs.clone(), self.uid.clone(), self.unwanted.clone());
        self.kubelet.spawn(async move {
            let pull = pulling::pull(&kubelet, &pod, &container, &image);
            if let Some(pulled) = unwanted.run_until_cancelled(pull).await {
                // Without a receiver the kubelet is gone.
                let _ = inputs.send(Input::Outcome { uid, outcome: Outcome::Pulled(container, pulled) });
            }
        });
    }

    fn start(&self, container: String, attempt: i32) {
        let (Some(spec), Some(sandbox)) = (self.spec(&container), self.sandbox.clone()) else { return };
        let (kubelet, pod, source) = (self.kubelet.clone(), self.worker.pod().clone(), self.source);
        self.spawn(async move {
            let order =
                Order { kubelet: &kubelet, pod: &pod, source, container: &spec, sandbox: &sandbox, attempt };
            let outcome = order.start().await;
            Outcome::Started { container, attempt, id: container_id(&kubelet), outcome }
        });
    }

    /// What reaches a running container, for what is asked of it beside the loop.
    fn reach(&self, container: &str) -> Option<Reach> {
        Some(Reach {
            kubelet: self.kubelet.clone(),
            address: self.sandbox.as_ref()?.ip(),
            container: self.spec(container)?,
            running: self.running.get(container)?.clone(),
        })
    }

    fn probe(&self, container: String, attempt: i32, kind: ProbeKind) {
        let Some(reach) = self.reach(&container) else { return };
        self.spawn(async move {
            let outcome = prober::ask(&reach, kind).await;
            Outcome::Probed { container, attempt, kind, outcome }
        });
    }

    fn run_hook(&self, container: String, attempt: i32, kind: HookKind) {
        let Some(reach) = self.reach(&container) else { return };
        let pod = self.worker.pod().clone();
        self.spawn(async move {
            let outcome = hooks::run(&reach, &pod, kind).await;
            Outcome::Hooked { container, attempt, kind, outcome }
        });
    }

    /// A container was started, as the worker knows: it is kept to be stopped, and its end is told.
    pub(super) fn keep(&mut self, container: &str, attempt: i32, running: Running) {
        self.kubelet.logs.add(&self.uid, container, attempt, running.follow_log());
        let (uid, name, inputs) = (self.uid.clone(), container.to_owned(), self.inputs.clone());
        self.kubelet.running.add(&uid, &name, attempt, running.clone());
        let kubelet = self.kubelet.clone();
        let told = running.clone();
        self.kubelet.spawn(async move {
            let exit = end_of(&told).await;
            if let Running::Guest(guest) = &told {
                kubelet.running.account(guest.handle.stats().cpu);
            }
            kubelet.running.remove(&uid, &name, attempt);
            // Without a receiver the kubelet is gone.
            let _ = inputs.send(Input::Outcome { uid, outcome: Outcome::Exited(name, attempt, exit) });
        });
        self.running.insert(container.to_owned(), running);
    }

    /// The programs that run, without the parts of this program.
    pub(super) fn guests(&self) -> impl Iterator<Item = &Running> {
        self.running.values().filter(|running| matches!(running, Running::Guest(_)))
    }

    /// The parts of this program that run, each with the number of those that it may need.
    pub(super) fn components(&self) -> impl Iterator<Item = (usize, &Running)> {
        let components = self.running.iter().filter(|(_, running)| matches!(running, Running::Component(_)));
        components.map(|(container, running)| {
            let image = self.spec(container).and_then(|spec| spec.image).unwrap_or_default();
            (self.kubelet.components.position(&image).unwrap_or_default(), running)
        })
    }

    fn stop(&self, container: &str, grace: SignedDuration) {
        let Some(running) = self.running.get(container).cloned() else { return };
        let grace = std::time::Duration::try_from(grace).unwrap_or_default();
        self.kubelet.spawn(async move { running.kill(grace).await });
    }
}

/// Does work that waits for the disk on a thread that may wait; the error tells that it panicked.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())
}

/// A container's id, with this runtime's name before it.
fn container_id(kubelet: &Kubelet) -> String {
    format!("kijabi://{}", new_id(kubelet))
}

/// An id as container runtimes give them.
pub(super) fn new_id(kubelet: &Kubelet) -> String {
    let entropy = kubelet.client.server().entropy();
    let words: [u64; 4] = std::array::from_fn(|_| entropy.next_u64());
    format!("{:016x}{:016x}{:016x}{:016x}", words[0], words[1], words[2], words[3])
}

/// Waits for the end of a container.
async fn end_of(running: &Running) -> ContainerStateTerminated {
    let mut state = running.watch();
    // Without a sender nobody runs the container any more.
    let state = match state.wait_for(|state| matches!(state, ContainerState::Exited { .. })).await {
        Ok(state) => Some(state.clone()),
        Err(_) => None,
    };
    match state.as_ref().and_then(ended) {
        Some((status, started_at, finished_at)) => {
            exit(running.with_last_words(status).await, Some(started_at), Some(finished_at))
        }
        None => exit(ExitStatus::killed(), None, None),
    }
}

fn exit(
    status: ExitStatus,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
) -> ContainerStateTerminated {
    ContainerStateTerminated {
        exit_code: status.code,
        reason: Some(status.reason.as_str().to_owned()),
        message: Some(status.message).filter(|message| !message.is_empty()),
        started_at: started_at.map(Time),
        finished_at: finished_at.map(Time),
        ..ContainerStateTerminated::default()
    }
}
