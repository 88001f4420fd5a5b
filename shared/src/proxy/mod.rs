//! kube-proxy's decisions: which connections to Services go where, on one node.
//!
//! Follows `pkg/proxy` of kubernetes/kubernetes, its `iptables` mode. In reading order:
//! [`service_port`] and [`endpoint`] are what a node knows of Services and EndpointSlices, [`table`]
//! keeps it as they change and says who of the endpoints may be used ([`usable`]), [`route`] decides
//! about one connection, with the memory of [`affinity`], and [`iptables`] prints the same as rules.

pub mod affinity;
pub mod endpoint;
pub mod iptables;
pub mod route;
pub mod service_port;
pub mod table;
mod usable;

#[cfg(test)]
mod tests;
