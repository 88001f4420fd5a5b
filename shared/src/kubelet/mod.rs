//! What a kubelet decides: what a pod needs next, what its status is, what the node says of itself.
//!
//! Follows `pkg/kubelet` of kubernetes/kubernetes. The acting is the backend's: it carries out each
//! [`action::Action`] and reports what came of it to the [`pod_worker::PodWorker`].

pub mod action;
pub mod backoff;
pub mod container;
pub mod pod_worker;
mod pod_steps;
pub mod status;
pub mod conditions;
pub mod environment;
pub mod mirror;
pub mod node_status;
pub mod pod_ip;
pub mod quality_of_service;
