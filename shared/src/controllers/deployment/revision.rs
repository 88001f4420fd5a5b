//! The ReplicaSet of the present template: its name, its making, and the revision that it is.
//!
//! Follows `getNewReplicaSet` in `pkg/controller/deployment/sync.go` and `SetNewReplicaSetAnnotations` in
//! `pkg/controller/deployment/util/deployment_util.go` of kubernetes/kubernetes. The hash in a set's name differs
//! from upstream's, which is one of Go's memory layout; it is as long and made of the same letters.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::super::ownership::reference_to;
use super::view::{POD_TEMPLATE_HASH, View, annotate, wanted_by};
use super::{Next, Write, scale, status};

/// The number of the revision.
const REVISION: &str = "deployment.kubernetes.io/revision";
/// The numbers that a set had before it became the newest again.
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// How long that list may become, in characters.
const HISTORY_LIMIT: usize = 2000;
/// Annotations of a Deployment that its sets do not bear.
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];
/// The letters of generated names (`pkg/util/rand` of kubernetes/apimachinery).
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Brings the new set and the revision that the Deployment bears up to date; makes the set where it is missing and
/// `create` allows it.
pub(super) fn sync(view: &View, create: bool) -> Option<Next> {
    match view.new {
        Some(set) => adjust_set(view, set).or_else(|| adjust_deployment(view, set)),
        None if create => Some(make(view)),
        None => None,
    }
}

/// The number of a set's revision.
pub(super) fn number(metadata: &ObjectMeta) -> i64 {
    let annotation = metadata.annotations.as_ref().and_then(|all| all.get(REVISION));
    annotation.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn next_number(view: &View) -> i64 {
    view.old.iter().map(|set| number(&set.metadata)).max().unwrap_or(0) + 1
}

fn adjust_set(view: &View, set: &ReplicaSet) -> Option<Next> {
    let mut changed = set.clone();
    describe(&mut changed, view);
    changed.spec.min_ready_seconds = view.deployment.spec.min_ready_seconds;
    let differs = changed.spec.min_ready_seconds.unwrap_or(0) != set.spec.min_ready_seconds.unwrap_or(0)
        || changed.metadata.annotations.clone().unwrap_or_default()
            != set.metadata.annotations.clone().unwrap_or_default();
    differs.then(|| Next::write(Write::Update(Box::new(changed))))
}

/// The Deployment bears the number of its newest set, and tells that this is there.
fn adjust_deployment(view: &View, set: &ReplicaSet) -> Option<Next> {
    let mut deployment = view.deployment.clone();
    let annotations = deployment.metadata.annotations.get_or_insert_default();
    let revision = number(&set.metadata).to_string();
    let before = annotations.insert(REVISION.to_owned(), revision.clone());
    let is_told = status::tell_of_set(&mut deployment, view, set);
    (is_told || before != Some(revision)).then(|| Next::write(Write::Status(Box::new(deployment))))
}

/// Copies the Deployment's annotations to the set, and counts it up where it is older than another.
fn describe(set: &mut ReplicaSet, view: &View) {
    let from = view.deployment.metadata.annotations.iter().flatten();
    let copied: Vec<_> = from.filter(|(key, _)| !NOT_COPIED.contains(&key.as_str())).collect();
    let before = number(&set.metadata);
    let revision = next_number(view);
    let annotations = set.metadata.annotations.get_or_insert_default();
    for (key, value) in copied {
        annotations.insert(key.clone(), value.clone());
    }
    if before >= revision {
        return;
    }
    if let Some(before) = annotations.insert(REVISION.to_owned(), revision.to_string()) {
        remember(annotations, &before);
    }
}

/// Adds a number to those that the set had, as long as the list is not too long for it.
fn remember(annotations: &mut BTreeMap<String, String>, before: &str) {
    let history = annotations.entry(REVISION_HISTORY.to_owned()).or_default();
    while !history.is_empty() && history.len() + before.len() + 1 > HISTORY_LIMIT {
        *history = history.split_once(',').map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    }
    if !history.is_empty() {
        history.push(',');
    }
    history.push_str(before);
}

/// The set is to be made: another set that bears its name leads to another name.
fn make(view: &View) -> Next {
    if view.name_is_taken {
        let mut deployment = view.deployment.clone();
        let status = deployment.status.get_or_insert_default();
        status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
        return Next::write(Write::Status(Box::new(deployment)));
    }
    if let Some(next) = status::refused(view) {
        return next;
    }
    let set = new_set(view);
    let replicas = set.spec.replicas.unwrap_or(0);
    let event = (replicas > 0).then(|| scale::told("up", &view.new_name, 0, replicas));
    Next { event, ..Next::write(Write::Create(Box::new(set))) }
}

fn new_set(view: &View) -> ReplicaSet {
    let deployment = view.deployment;
    let hash = hash(deployment);
    let mut template = deployment.spec.template.clone();
    let metadata = template.metadata.get_or_insert_default();
    metadata.labels.get_or_insert_default().insert(POD_TEMPLATE_HASH.to_owned(), hash.clone());
    let mut selector: LabelSelector = deployment.spec.selector.clone();
    selector.match_labels.get_or_insert_default().insert(POD_TEMPLATE_HASH.to_owned(), hash);
    let mut set = ReplicaSet {
        metadata: ObjectMeta {
            name: Some(view.new_name.clone()),
            namespace: deployment.metadata.namespace.clone(),
            labels: metadata.labels.clone(),
            owner_references: Some(vec![reference_to::<Deployment>(&deployment.metadata)]),
            ..ObjectMeta::default()
        },
        spec: ReplicaSetSpec {
            replicas: Some(replicas_of_new(view, 0)),
            min_ready_seconds: deployment.spec.min_ready_seconds,
            selector,
            template: Some(template),
        },
        status: None,
    };
    describe(&mut set, view);
    annotate(&mut set, view);
    set
}

/// How many pods the new set, which wants this many, may want next (`NewRSNewReplicas`).
pub(super) fn replicas_of_new(view: &View, now: i32) -> i32 {
    if view.recreates() {
        return view.replicas();
    }
    let most = view.replicas() + view.max_surge();
    let there = wanted_by(&view.all());
    if there >= most { now } else { now + (most - there).min(view.replicas() - now) }
}

/// How the set of the present template is named.
pub(super) fn name_of_new(deployment: &Deployment) -> String {
    format!("{}-{}", deployment.metadata.name.as_deref().unwrap_or_default(), hash(deployment))
}

/// The hash of the template, and of how often its name was taken (`ComputeHash`): FNV-1a of 32 bits.
fn hash(deployment: &Deployment) -> String {
    let template = serde_json::to_vec(&deployment.spec.template).unwrap_or_default();
    let collisions = deployment.status.as_ref().and_then(|status| status.collision_count);
    let collisions = collisions.map(|count| i64::from(count).to_le_bytes());
    let bytes = template.iter().chain(collisions.iter().flatten());
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    let letter = |digit: u8| char::from(LETTERS[usize::from(digit) % LETTERS.len()]);
    hash.to_string().bytes().map(letter).collect()
}
