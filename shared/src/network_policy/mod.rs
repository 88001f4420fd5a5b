//! NetworkPolicies: which connections a pod may make and take, as one node holds to them.
//!
//! Follows <https://kubernetes.io/docs/concepts/services-networking/network-policies/> and, where that
//! leaves something open, kubernetes-sigs/kube-network-policies (`pkg/networkpolicy/networkpolicy.go`). In
//! reading order: [`rule`] is one policy made ready, [`table`] what a node knows and which rules each of its
//! pods is under, kept as policies, pods and namespaces change, and [`passage`] decides about one connection.

pub mod passage;
pub mod rule;
pub mod table;

#[cfg(test)]
mod tests;
