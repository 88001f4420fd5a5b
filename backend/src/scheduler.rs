//! The scheduler's task: watches nodes and pods, lets `shared::scheduler` decide, and does what it says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream::{self, BoxStream, StreamExt};
use k8s_openapi::api::core::v1::{
    Binding, Node, ObjectReference, PersistentVolume, PersistentVolumeClaim, Pod,
};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;
use shared::apiserver::request::{ListOptions, Request};
use shared::client::Client;
use shared::persistent_volume::{BOUND_BY_CONTROLLER, SELECTED_NODE};
use shared::recorder::Note;
use shared::scheduler::{Action, ClaimWrite, Decision, PodReference, Scheduler};
use tokio::sync::{mpsc, watch};

use crate::clock::ClusterClock;
use crate::component_log::ComponentLog;
use crate::pump::{EventSink, Tasks, Told, inform};

/// How many collections are followed: nodes, pods, volumes, claims and classes.
const COLLECTIONS: usize = 5;
/// How many decisions are kept.
const KEPT: usize = 1024;

/// The newest decision for each pod, for whoever wants to know why.
pub struct DecisionLog {
    kept: Mutex<Kept>,
    published: watch::Sender<u64>,
}

#[derive(Default)]
struct Kept {
    /// By the number of the decision.
    decisions: BTreeMap<u64, Arc<Decision>>,
    by_uid: BTreeMap<String, u64>,
    last: u64,
}

impl Default for DecisionLog {
    fn default() -> DecisionLog {
        DecisionLog { kept: Mutex::default(), published: watch::Sender::new(0) }
    }
}

impl DecisionLog {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a decision in place of the one before it for the same pod.
    fn keep(&self, decision: Decision) {
        let number = {
            let mut kept = self.kept();
            kept.last += 1;
            let number = kept.last;
            if let Some(before) = kept.by_uid.insert(decision.pod.uid.clone(), number) {
                kept.decisions.remove(&before);
            }
            kept.decisions.insert(number, Arc::new(decision));
            if kept.decisions.len() > KEPT
                && let Some((_, oldest)) = kept.decisions.pop_first()
            {
                kept.by_uid.remove(&oldest.pod.uid);
            }
            number
        };
        self.published.send_replace(number);
    }

    /// What is kept, oldest first.
    pub fn newest(&self) -> Vec<Arc<Decision>> {
        self.kept().decisions.values().cloned().collect()
    }

    /// What is kept, then new decisions as they come.
    pub fn follow(self: &Arc<Self>) -> BoxStream<'static, Arc<Decision>> {
        let start = (self.clone(), self.published.subscribe(), 0);
        stream::unfold(start, |(log, mut published, seen)| async move {
            loop {
                let (decisions, last) = log.after(seen);
                if !decisions.is_empty() {
                    return Some((stream::iter(decisions), (log, published, last)));
                }
                published.changed().await.ok()?;
            }
        })
        .flatten()
        .boxed()
    }

    fn after(&self, seen: u64) -> (Vec<Arc<Decision>>, u64) {
        let kept = self.kept();
        (kept.decisions.range(seen + 1..).map(|(_, decision)| decision.clone()).collect(), kept.last)
    }
}

enum Input {
    Node(Told),
    Pod(Told),
    Storage(Told),
    Bound(PodReference, Result<(), String>),
}

/// The running scheduler.
struct Task {
    scheduler: Scheduler,
    client: Client,
    events: EventSink,
    decisions: Arc<DecisionLog>,
    log: ComponentLog,
    inputs: mpsc::UnboundedSender<Input>,
    tasks: Tasks,
    /// How many of the collections were read whole.
    synced: usize,
}

/// Schedules until the task is dropped.
pub async fn run(client: Client, clock: Arc<ClusterClock>, decisions: Arc<DecisionLog>, log: ComponentLog) {
    let (inputs, mut received) = mpsc::unbounded_channel();
    let everything = ListOptions::default;
    let mut tasks = Tasks::default();
    tasks.spawn(inform::<Node, _>(client.clone(), everything(), inputs.clone(), Input::Node));
    tasks.spawn(inform::<Pod, _>(client.clone(), everything(), inputs.clone(), Input::Pod));
    let (of_volumes, of_claims, of_classes) = (inputs.clone(), inputs.clone(), inputs.clone());
    tasks.spawn(inform::<PersistentVolume, _>(client.clone(), everything(), of_volumes, Input::Storage));
    tasks.spawn(inform::<PersistentVolumeClaim, _>(client.clone(), everything(), of_claims, Input::Storage));
    tasks.spawn(inform::<StorageClass, _>(client.clone(), everything(), of_classes, Input::Storage));
    let events = EventSink::new(client.clone(), "default-scheduler", "");
    log.info("Starting Kubernetes Scheduler");
    let scheduler = Scheduler::new();
    let mut task = Task { scheduler, client, events, decisions, log, inputs, tasks, synced: 0 };
    loop {
        let wake_at = task.scheduler.next_wakeup(task.now());
        tokio::select! {
            input = received.recv() => match input {
                Some(input) => task.take(input),
                None => return,
            },
            () = sleep_until(&clock, wake_at) => {}
            never = task.tasks.watch() => match never {},
        }
        while let Ok(input) = received.try_recv() {
            task.take(input);
        }
        task.step();
    }
}

async fn sleep_until(clock: &ClusterClock, moment: Option<jiff::Timestamp>) {
    match moment {
        Some(moment) => clock.sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

impl Task {
    fn now(&self) -> jiff::Timestamp {
        self.client.server().clock().now()
    }

    fn take(&mut self, input: Input) {
        let now = self.now();
        match input {
            Input::Node(Told::Changed(change, object)) => self.scheduler.on_node(change, object, now),
            Input::Pod(Told::Changed(change, object)) => self.scheduler.on_pod(change, object, now),
            Input::Storage(Told::Changed(change, object)) => self.scheduler.on_storage(change, &object, now),
            Input::Node(Told::Synced) | Input::Pod(Told::Synced) | Input::Storage(Told::Synced) => {
                self.synced += 1;
            }
            Input::Bound(pod, outcome) => {
                let actions = self.scheduler.on_bind_result(&pod, outcome, now);
                self.carry_out(actions);
            }
        }
    }

    /// Decides for the pods that wait, as long as there are any.
    fn step(&mut self) {
        if self.synced < COLLECTIONS {
            return;
        }
        loop {
            let entropy = self.client.server().entropy().next_u64();
            let actions = self.scheduler.step(self.now(), entropy);
            if actions.is_empty() {
                return;
            }
            self.carry_out(actions);
        }
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Explain(decision) => self.decisions.keep(*decision),
                Action::Bind { pod, node } => self.bind(pod, node),
                Action::BindVolumes { pod, writes } => self.bind_volumes(pod, writes),
                Action::MarkUnschedulable { pod, condition } => self.mark(pod, condition),
                Action::Event { regarding, type_, reason, message, .. } => {
                    self.record(&regarding, type_, reason, message);
                }
            }
        }
    }

    fn bind(&mut self, pod: PodReference, node: String) {
        let (client, inputs, log) = (self.client.clone(), self.inputs.clone(), self.log.clone());
        self.tasks.spawn(async move {
            let outcome = bind(&client, &pod, &node).await;
            match &outcome {
                Ok(()) => log.info(&format!(
                    "\"Successfully bound pod to node\" pod=\"{}/{}\" node=\"{node}\"",
                    pod.namespace, pod.name
                )),
                Err(why) => log.error(&format!(
                    "\"Binding rejected\" pod=\"{}/{}\" err={why:?}",
                    pod.namespace, pod.name
                )),
            }
            // Without a receiver the scheduler is gone, and with it whoever would want to know.
            let _ = inputs.send(Input::Bound(pod, outcome));
        });
    }

    /// Writes what was decided of a pod's volumes; that they are bound is seen by watching.
    fn bind_volumes(&mut self, pod: PodReference, writes: Vec<ClaimWrite>) {
        let (client, inputs, log) = (self.client.clone(), self.inputs.clone(), self.log.clone());
        self.tasks.spawn(async move {
            for write in writes {
                if let Err(status) = write_claim(&client, &pod, write).await {
                    let why = status.message.unwrap_or_default();
                    log.error(&format!(
                        "\"Binding volumes failed\" pod=\"{}/{}\" err={why:?}",
                        pod.namespace, pod.name
                    ));
                    let _ = inputs.send(Input::Bound(pod, Err(why)));
                    return;
                }
            }
        });
    }

    fn mark(&mut self, pod: PodReference, condition: k8s_openapi::api::core::v1::PodCondition) {
        let client = self.client.clone();
        self.tasks.spawn(async move {
            let patch = json!({ "metadata": { "uid": pod.uid }, "status": { "conditions": [condition] } });
            if let Err(error) = client.patch_status::<Pod>(&pod.namespace, &pod.name, patch).await {
                tracing::debug!(message = error.message, "a pod's condition was not written");
            }
        });
    }

    fn record(&mut self, pod: &PodReference, type_: &'static str, reason: &str, message: String) {
        let regarding = ObjectReference {
            api_version: Some("v1".into()),
            kind: Some("Pod".into()),
            namespace: Some(pod.namespace.clone()),
            name: Some(pod.name.clone()),
            uid: Some(pod.uid.clone()),
            ..ObjectReference::default()
        };
        let note = Note { regarding, type_, reason: reason.to_owned(), message };
        let events = self.events.clone();
        self.tasks.spawn(async move { events.record(&note).await });
    }
}

/// `BindPodVolumes` of `pkg/scheduler/framework/plugins/volumebinding/binder.go`.
async fn write_claim(
    client: &Client,
    pod: &PodReference,
    write: ClaimWrite,
) -> shared::apiserver::Result<()> {
    let namespace = pod.namespace.as_str();
    match write {
        ClaimWrite::Provision { claim, node } => {
            let patch = json!({ "metadata": { "annotations": { SELECTED_NODE: node } } });
            client.merge::<PersistentVolumeClaim>(namespace, &claim, patch).await.map(drop)
        }
        ClaimWrite::Keep { claim, volume } => {
            let found = client.get::<PersistentVolumeClaim>(namespace, &claim).await?;
            let patch = json!({
                "metadata": { "annotations": { BOUND_BY_CONTROLLER: "yes" } },
                "spec": { "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": namespace,
                    "name": claim,
                    "uid": found.metadata().uid,
                }},
            });
            client.merge::<PersistentVolume>("", &volume, patch).await.map(drop)
        }
    }
}

async fn bind(client: &Client, pod: &PodReference, node: &str) -> Result<(), String> {
    let target = ObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Node".into()),
        name: Some(node.to_owned()),
        ..ObjectReference::default()
    };
    let metadata = ObjectMeta {
        namespace: Some(pod.namespace.clone()),
        name: Some(pod.name.clone()),
        uid: Some(pod.uid.clone()),
        ..ObjectMeta::default()
    };
    let request = Request::bind(Binding { metadata, target });
    let outcome = match request {
        Ok(request) => client.send(request).await.map(drop),
        Err(error) => Err(error),
    };
    outcome.map_err(|status| status.message.unwrap_or_default())
}
