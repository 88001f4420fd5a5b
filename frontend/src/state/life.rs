//! The life of a pod, told in seven steps from what the cluster recorded: audit events say who
//! wrote when, the pod's own events say what the kubelet did, and the page's watch says when it
//! was heard.

use std::rc::Rc;

use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use shared::topology::PodState;

use super::audit::AuditRecord;
use super::cluster::Sighting;
use super::event::{first_seen, reporter};
use super::object::{items, moment, text};
use super::pod::{columns, is_trouble, node_name};

/// The user name of the scheduler.
const SCHEDULER: &str = "system:kube-scheduler";
/// The prefix of the user names of kubelets.
const NODE_PREFIX: &str = "system:node:";

/// A part of the cluster that acts in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Whoever asked for the pod: a person, or a controller.
    User,
    /// kube-apiserver.
    ApiServer,
    /// etcd, or the engine in its place.
    Store,
    /// kube-scheduler.
    Scheduler,
    /// The kubelet of the pod's node.
    Kubelet,
}

impl Actor {
    /// The actor's name in style sheets and translations.
    pub fn slug(self) -> &'static str {
        match self {
            Actor::User => "user",
            Actor::ApiServer => "api-server",
            Actor::Store => "store",
            Actor::Scheduler => "scheduler",
            Actor::Kubelet => "kubelet",
        }
    }
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It happened.
    Done,
    /// It is what the pod waits for.
    Current,
    /// It was tried and did not work; it will be tried again.
    Troubled,
    /// Its turn has not come.
    Ahead,
}

/// One of the seven steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The step's name in translations.
    pub slug: &'static str,
    /// Who acts.
    pub from: Actor,
    /// Upon whom.
    pub to: Actor,
    /// When it happened, if it is known.
    pub at: Option<Timestamp>,
    /// How far it is.
    pub progress: Progress,
    /// What was recorded, as labels (translated) and values (not).
    pub facts: Vec<(&'static str, String)>,
}

/// What is known of one pod.
pub struct Sources<'a> {
    /// The pod as it is now.
    pub pod: &'a Value,
    /// The writes of it, oldest first.
    pub audit: Vec<&'a AuditRecord>,
    /// The events about it, oldest first.
    pub events: &'a [Rc<Value>],
    /// How the page saw it change.
    pub sightings: &'a [Sighting],
}

/// Tells the life of a pod.
pub fn tell(sources: &Sources) -> Vec<Step> {
    let mut steps = vec![
        requested(sources),
        stored(sources),
        decided(sources),
        bound(sources),
        started(sources),
        reported(sources),
        published(sources),
    ];
    date_writes(&mut steps);
    mark_progress(&mut steps, is_in_trouble(sources));
    steps
}

/// A write is dated by its answer, and others may hear of it before its answer is out: it was done when
/// the next step began at the latest.
fn date_writes(steps: &mut [Step]) {
    for write in 1..steps.len() {
        let next = steps.get(write + 1).and_then(|next| next.at);
        let is_write = matches!(steps[write].slug, "stored" | "bound");
        if let (true, Some(at), Some(next)) = (is_write, steps[write].at, next) {
            steps[write].at = Some(at.min(next));
        }
    }
}

/// The first step without a moment is the one the pod waits for; whatever has a later one is done.
fn mark_progress(steps: &mut [Step], in_trouble: bool) {
    let reached = steps.iter().rposition(|step| step.at.is_some()).map_or(0, |last| last + 1);
    for (index, step) in steps.iter_mut().enumerate() {
        step.progress = match index {
            _ if index < reached => Progress::Done,
            _ if index == reached && in_trouble => Progress::Troubled,
            _ if index == reached => Progress::Current,
            _ => Progress::Ahead,
        };
    }
}

fn is_in_trouble(sources: &Sources) -> bool {
    is_trouble(PodState::of(&columns(sources.pod))) || is_unschedulable(sources)
}

fn step(slug: &'static str, from: Actor, to: Actor, at: Option<Timestamp>) -> Step {
    Step { slug, from, to, at, progress: Progress::Ahead, facts: Vec::new() }
}

impl Step {
    fn fact(mut self, label: &'static str, value: impl Into<String>) -> Step {
        let value = value.into();
        if !value.is_empty() {
            self.facts.push((label, value));
        }
        self
    }
}

/// The create that made this very pod: an older one of the same name does not count.
fn creation<'a>(sources: &Sources<'a>) -> Option<&'a AuditRecord> {
    let created = moment(sources.pod, "/metadata/creationTimestamp")?;
    let is_creation = |record: &&&AuditRecord| {
        record.verb == "create"
            && record.subresource.is_empty()
            && record.succeeded()
            && record.answered >= created
    };
    sources.audit.iter().find(is_creation).copied()
}

fn binding<'a>(sources: &Sources<'a>) -> Option<&'a AuditRecord> {
    let created = moment(sources.pod, "/metadata/creationTimestamp")?;
    let is_binding = |record: &&&AuditRecord| {
        record.subresource == "binding" && record.succeeded() && record.answered >= created
    };
    sources.audit.iter().find(is_binding).copied()
}

fn requested(sources: &Sources) -> Step {
    let creation = creation(sources);
    let at =
        creation.map(|record| record.received).or_else(|| moment(sources.pod, "/metadata/creationTimestamp"));
    let who = creation.map(|record| record.user.clone()).unwrap_or_default();
    let with = creation.map(|record| program(&record.user_agent)).unwrap_or_default();
    step("requested", Actor::User, Actor::ApiServer, at).fact("who", who).fact("with", with)
}

/// The program that a `User-Agent` names: the first product, and of a browser's long list the one that is it.
fn program(agent: &str) -> &str {
    let products = || agent.split(' ').filter(|product| product.contains('/'));
    let browser = ["Edg/", "OPR/", "Firefox/", "Chrome/", "Safari/"]
        .iter()
        .find_map(|name| products().find(|product| product.contains(name)));
    browser.or_else(|| products().next()).unwrap_or(agent)
}

fn stored(sources: &Sources) -> Step {
    let creation = creation(sources);
    let at =
        creation.map(|record| record.answered).or_else(|| moment(sources.pod, "/metadata/creationTimestamp"));
    step("stored", Actor::ApiServer, Actor::Store, at)
        .fact("answer", creation.map(|record| record.code.to_string()).unwrap_or_default())
        .fact("revision", creation.map(|record| record.revision.clone()).unwrap_or_default())
}

fn is_unschedulable(sources: &Sources) -> bool {
    node_name(sources.pod).is_empty()
        && sources.events.iter().any(|event| text(event, "/reason") == "FailedScheduling")
}

/// A pod that names its node itself (a static pod, a daemon of old) has no scheduler to wait for.
fn decided(sources: &Sources) -> Step {
    let node = node_name(sources.pod);
    let failed = sources.events.iter().rev().find(|event| text(event, "/reason") == "FailedScheduling");
    let at = binding(sources).map(|record| record.received).or_else(|| scheduled_at(sources));
    let trouble = failed.filter(|_| node.is_empty()).map(|event| text(event, "/message").to_owned());
    step("decided", Actor::Scheduler, Actor::Scheduler, at)
        .fact("node", node)
        .fact("reason", trouble.unwrap_or_default())
}

fn scheduled_at(sources: &Sources) -> Option<Timestamp> {
    let condition =
        super::pod::condition(sources.pod, "PodScheduled").filter(|c| text(c, "/status") == "True")?;
    moment(condition, "/lastTransitionTime")
}

fn bound(sources: &Sources) -> Step {
    let binding = binding(sources);
    let at = binding.map(|record| record.answered).or_else(|| scheduled_at(sources));
    let who = binding.map(|record| record.user.clone()).unwrap_or_else(|| SCHEDULER.to_owned());
    let step = step("bound", Actor::Scheduler, Actor::ApiServer, at);
    if at.is_none() { step } else { step.fact("who", who).fact("node", node_name(sources.pod)) }
}

fn started(sources: &Sources) -> Step {
    let is_kubelet = |event: &&Rc<Value>| reporter(event) == "kubelet";
    let own: Vec<_> = sources.events.iter().filter(is_kubelet).collect();
    let at = node_writes(sources).next().map(|record| record.received).or_else(|| first_seen(own.first()?));
    let reasons: Vec<&str> = own.iter().map(|event| text(event, "/reason")).collect();
    let mut step = step("started", Actor::ApiServer, Actor::Kubelet, at).fact("events", reasons.join(" → "));
    for container in items(sources.pod, "/spec/containers") {
        step = step.fact("image", text(container, "/image"));
    }
    step
}

/// The status writes of the pod's node.
fn node_writes<'a>(sources: &Sources<'a>) -> impl Iterator<Item = &'a AuditRecord> {
    let user = format!("{NODE_PREFIX}{}", node_name(sources.pod));
    let created = moment(sources.pod, "/metadata/creationTimestamp");
    sources.audit.clone().into_iter().filter(move |record| {
        record.user == user
            && record.subresource == "status"
            && record.succeeded()
            && Some(record.answered) >= created
    })
}

/// The status write that told that the containers run: the one that made the revision in which the
/// page saw the pod leave its waiting, else the last one answered within the second in which the
/// last container started.
fn report<'a>(sources: &Sources<'a>) -> Option<&'a AuditRecord> {
    let is_begun = |sighting: &&Sighting| {
        !matches!(sighting.status.as_str(), "Pending" | "ContainerCreating" | "PodInitializing")
    };
    let seen = sources.sightings.iter().find(is_begun);
    let made =
        seen.and_then(|seen| node_writes(sources).find(|record| record.revision == seen.resource_version));
    made.or_else(|| {
        let until = container_start(sources.pod)?.checked_add(1.second()).ok()?;
        node_writes(sources).take_while(|record| record.answered <= until).last()
    })
}

fn container_start(pod: &Value) -> Option<Timestamp> {
    let start = |status: &Value| {
        moment(status, "/state/running/startedAt").or_else(|| moment(status, "/state/terminated/startedAt"))
    };
    items(pod, "/status/containerStatuses").iter().filter_map(start).max()
}

fn reported(sources: &Sources) -> Step {
    let start = container_start(sources.pod);
    let report = start.and_then(|_| report(sources));
    let at = report.map(|record| record.received).or(start);
    let step = step("reported", Actor::Kubelet, Actor::ApiServer, at);
    if at.is_none() {
        return step;
    }
    step.fact("who", report.map(|record| record.user.clone()).unwrap_or_default())
        .fact("status", columns(sources.pod).status)
        .fact("pod-ip", text(sources.pod, "/status/podIP"))
}

fn published(sources: &Sources) -> Step {
    let start = container_start(sources.pod);
    let report = start.and_then(|_| report(sources));
    let at = report.map(|record| record.answered).or(start);
    let heard = report.and_then(|record| {
        sources.sightings.iter().find(|sighting| sighting.resource_version == record.revision)
    });
    step("published", Actor::ApiServer, Actor::Store, at)
        .fact("revision", report.map(|record| record.revision.clone()).unwrap_or_default())
        .fact(
            "heard",
            heard.zip(at).map(|(heard, at)| super::time::span(at, heard.at.max(at))).unwrap_or_default(),
        )
}

#[cfg(test)]
mod tests;
