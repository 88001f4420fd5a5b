//! The cluster's DNS: names, messages, the records of Services and pods, and how a pod looks a name up.
//!
//! What is served follows the specification (`docs/specification.md` of kubernetes/dns) as CoreDNS's
//! `plugin/kubernetes` carries it out with kubeadm's Corefile. Nothing here sends or receives: a server gives
//! [`server::serve`] the bytes it got and sends what it returns; a client steps a [`search::Lookup`].

pub mod hosts;
pub mod message;
pub mod name;
mod question;
pub mod resolv_conf;
pub mod search;
pub mod server;
pub mod zone;

/// The cluster's domain, as kubeadm sets it.
pub const CLUSTER_DOMAIN: &str = "cluster.local";

/// The address of the Service `kube-dns`, the tenth of the Services' range, as kubeadm takes it.
pub const CLUSTER_DNS: &str = "10.96.0.10";

/// The port of DNS.
pub const PORT: u16 = 53;
