//! What a kubelet decides: what a pod needs next, what its status is, what the node says of itself.
//!
//! Follows `pkg/kubelet` of kubernetes/kubernetes. The acting is the backend's: it carries out each
//! [`action::Action`] and reports what came of it to the [`pod_worker::PodWorker`].

pub mod action;
pub mod admission;
pub mod backoff;
pub mod conditions;
pub mod container;
pub mod container_status;
pub mod cpu_shares;
pub mod dns;
pub mod env_file;
pub mod environment;
pub mod eviction;
pub mod hook;
pub mod line_discipline;
pub mod mirror;
pub mod node_status;
mod pod_answers;
pub mod pod_ip;
mod pod_steps;
mod pod_volumes;
pub mod pod_worker;
pub mod probe;
pub mod quality_of_service;
pub mod recovery;
pub mod restart;
pub mod serve;
pub mod service_environment;
pub mod status;
#[cfg(test)]
mod tests;
pub mod volume;
