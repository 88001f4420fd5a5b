//! Objects become nodes, pods in slots, and services.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Node, Pod, Service};
use serde::Serialize;

use super::node_box::{NodeBox, rank};
use super::pod_state::PodState;
use super::pod_status::pod_columns;
use super::slots::{OldSlots, assign, slots_of};
use crate::scheduler::snapshot::{assigned_node, pod_uid};

/// The objects of one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Objects<'a> {
    /// The nodes, in any order.
    pub nodes: &'a [&'a Node],
    /// The pods to show, in any order.
    pub pods: &'a [&'a Pod],
    /// The services; empty if they are not shown.
    pub services: &'a [&'a Service],
    /// Equal pods on one node are stacked when there are more of them than this.
    pub stack_above: usize,
}

/// A pod as the picture shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodView {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The state that picks icon and colour.
    pub state: PodState,
    /// The STATUS column.
    pub status: String,
    /// Why it has no node, if the scheduler said so.
    pub waiting: Option<WaitingReason>,
}

/// Why a pod has no node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitingReason {
    /// `Unschedulable`, `SchedulingGated` or `SchedulerError`.
    pub reason: String,
    /// The scheduler's sentence.
    pub message: String,
}

/// What takes one slot: a pod, or several equal ones stacked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// The uid of the pod, or of the owner of the stacked pods.
    pub key: String,
    /// One pod, or the pods of the stack, oldest first; never empty.
    pub pods: Vec<PodView>,
}

impl Item {
    /// How many pods it stands for.
    pub fn count(&self) -> usize {
        self.pods.len()
    }

    /// How many of its pods are in each state.
    pub fn states(&self) -> BTreeMap<PodState, usize> {
        let mut states = BTreeMap::new();
        for pod in &self.pods {
            *states.entry(pod.state).or_default() += 1;
        }
        states
    }
}

/// A service and the pods that it selects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceView {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The uids of the pods, in order.
    pub pods: Vec<String>,
}

/// The cluster as the picture shows it, without coordinates.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Topology {
    /// The nodes: the control plane first, then by name.
    pub nodes: Vec<NodeBox>,
    /// The pods without a node, and those whose node is not known, at their slots.
    pub waiting: Vec<Option<Item>>,
    /// The services, by namespace and name.
    pub services: Vec<ServiceView>,
}

impl Topology {
    /// The picture after this one: pods that stay where they are keep their slots.
    pub fn next(&self, objects: &Objects) -> Topology {
        let mut nodes: Vec<&Node> = objects.nodes.to_vec();
        nodes.sort_by_cached_key(|node| rank(node));
        let mut by_place = pods_by_place(&nodes, objects.pods);
        let waiting = by_place.remove("").unwrap_or_default();
        let boxes = nodes.into_iter().map(|node| {
            let name = node.metadata.name.as_deref().unwrap_or_default();
            let pods = by_place.remove(name).unwrap_or_default();
            let slots = assign(items(&pods, objects.stack_above), &self.slots_on(name));
            NodeBox::new(node, &pods, slots)
        });
        Topology {
            nodes: boxes.collect(),
            waiting: assign(items(&waiting, objects.stack_above), &slots_of(&self.waiting)),
            services: services(objects),
        }
    }

    fn slots_on(&self, node: &str) -> OldSlots {
        let old = self.nodes.iter().find(|old| old.name == node);
        old.map(|old| slots_of(&old.slots)).unwrap_or_default()
    }
}

/// The pods by the name of their node, oldest first; under no name those that have none here.
fn pods_by_place<'a>(nodes: &[&Node], pods: &[&'a Pod]) -> BTreeMap<String, Vec<&'a Pod>> {
    let mut sorted: Vec<&Pod> = pods.to_vec();
    sorted.sort_by_cached_key(|pod| {
        let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        (created, pod.metadata.namespace.clone(), pod.metadata.name.clone())
    });
    let names: BTreeSet<&str> = nodes.iter().filter_map(|node| node.metadata.name.as_deref()).collect();
    let mut by_place: BTreeMap<String, Vec<&Pod>> = BTreeMap::new();
    for pod in sorted {
        let place = assigned_node(pod).filter(|name| names.contains(name)).unwrap_or_default();
        by_place.entry(place.to_owned()).or_default().push(pod);
    }
    by_place
}

/// Pods as items: those of one owner together, if they are more than `stack_above`.
fn items(pods: &[&Pod], stack_above: usize) -> Vec<Item> {
    let mut of_owner: BTreeMap<&str, usize> = BTreeMap::new();
    for owner in pods.iter().filter_map(|pod| controller(pod)) {
        *of_owner.entry(owner).or_default() += 1;
    }
    of_owner.retain(|_, count| *count > stack_above);
    let mut stacks: BTreeMap<&str, usize> = BTreeMap::new();
    let mut items: Vec<Item> = Vec::new();
    for pod in pods {
        let owner = controller(pod).filter(|owner| of_owner.contains_key(owner));
        if let Some(stack) = owner.and_then(|owner| items.get_mut(*stacks.get(owner)?)) {
            stack.pods.push(pod_view(pod));
            continue;
        }
        stacks.extend(owner.map(|owner| (owner, items.len())));
        let key = owner.map_or_else(|| pod_uid(pod), str::to_owned);
        items.push(Item { key, pods: vec![pod_view(pod)] });
    }
    items
}

/// The uid of what controls the pod and made others like it: not the node, whose static pods are each another.
fn controller(pod: &Pod) -> Option<&str> {
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    let controller = owners.iter().find(|owner| owner.controller == Some(true));
    controller.filter(|owner| owner.kind != "Node").map(|owner| owner.uid.as_str())
}

fn pod_view(pod: &Pod) -> PodView {
    let columns = pod_columns(pod);
    PodView {
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        name: pod.metadata.name.clone().unwrap_or_default(),
        uid: pod_uid(pod),
        state: PodState::of(&columns),
        status: columns.status,
        waiting: waiting_reason(pod),
    }
}

fn waiting_reason(pod: &Pod) -> Option<WaitingReason> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    let scheduled = conditions.iter().find(|each| each.type_ == "PodScheduled" && each.status == "False")?;
    Some(WaitingReason {
        reason: scheduled.reason.clone().unwrap_or_default(),
        message: scheduled.message.clone().unwrap_or_default(),
    })
}

fn services(objects: &Objects) -> Vec<ServiceView> {
    let view = |service: &&Service| ServiceView {
        namespace: service.metadata.namespace.clone().unwrap_or_default(),
        name: service.metadata.name.clone().unwrap_or_default(),
        pods: objects.pods.iter().filter(|pod| selects(service, pod)).map(|pod| pod_uid(pod)).collect(),
    };
    let mut views: Vec<ServiceView> = objects.services.iter().map(view).collect();
    views.iter_mut().for_each(|view| view.pods.sort());
    views.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    views
}

/// Whether the service's selector matches; a service without selector selects nothing.
fn selects(service: &Service, pod: &Pod) -> bool {
    let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    let labels = pod.metadata.labels.as_ref();
    service.metadata.namespace == pod.metadata.namespace
        && selector.is_some_and(|selector| {
            !selector.is_empty()
                && selector
                    .iter()
                    .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
        })
}
