//! What the scheduler asks its caller to do.

use k8s_openapi::api::core::v1::PodCondition;

use super::decision::{Decision, PodReference};
use super::storage::ClaimWrite;

/// Something to do, in the order in which it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Keep the reasons of a decision for whoever wants to see them.
    Explain(Box<Decision>),
    /// Post a `Binding` of the pod to the node, and report what became of it to
    /// [`super::Scheduler::on_bind_result`].
    Bind {
        /// The pod; the uid belongs into the binding's metadata.
        pod: PodReference,
        /// The node's name.
        node: String,
    },
    /// Write of these claims and volumes what was decided. Refusals go to [`super::Scheduler::on_bind_result`];
    /// what became of it is seen by watching, and leads to [`Action::Bind`].
    BindVolumes {
        /// The pod whose claims they are.
        pod: PodReference,
        /// What is to be written.
        writes: Vec<ClaimWrite>,
    },
    /// Patch this condition into the pod's status.
    MarkUnschedulable {
        /// The pod.
        pod: PodReference,
        /// `PodScheduled` with status `False`.
        condition: PodCondition,
    },
    /// Record an event about the pod, from `default-scheduler`.
    Event {
        /// The pod.
        regarding: PodReference,
        /// `Normal` or `Warning`.
        type_: &'static str,
        /// `Scheduled` or `FailedScheduling`.
        reason: &'static str,
        /// `Binding` or `Scheduling`.
        action: &'static str,
        /// Upstream's sentence.
        message: String,
    },
}

/// The longest message of an event, in bytes; see upstream's `NoteLengthLimit`.
const MAX_MESSAGE_BYTES: usize = 1024;

impl Action {
    /// The pod was bound.
    pub(super) fn scheduled(regarding: PodReference, node: &str) -> Action {
        let message = format!("Successfully assigned {}/{} to {node}", regarding.namespace, regarding.name);
        Action::Event { regarding, type_: "Normal", reason: "Scheduled", action: "Binding", message }
    }

    /// The pod could not be given a node.
    pub(super) fn failed(regarding: PodReference, message: &str) -> Action {
        let message = truncated(message);
        Action::Event {
            regarding,
            type_: "Warning",
            reason: "FailedScheduling",
            action: "Scheduling",
            message,
        }
    }
}

/// Follows `truncateMessage` of upstream's `pkg/scheduler/schedule_one.go`.
fn truncated(message: &str) -> String {
    if message.len() <= MAX_MESSAGE_BYTES {
        return message.to_owned();
    }
    let suffix = " ...";
    let end = message.floor_char_boundary(MAX_MESSAGE_BYTES - suffix.len());
    format!("{}{suffix}", &message[..end])
}
