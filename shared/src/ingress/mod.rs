//! Ingresses: which request goes to which Service.
//!
//! Follows <https://kubernetes.io/docs/concepts/services-networking/ingress/> and, where that leaves it to the
//! controller, kubernetes/ingress-nginx (`internal/ingress/controller`): a path that is
//! `ImplementationSpecific` is a prefix, the older of two Ingresses has a path that both want, and what no rule
//! of a host is about goes to the default backend of the host's own Ingress, then of an Ingress without hosts.

pub mod table;
#[cfg(test)]
mod tests;

/// The class of the Ingresses that this cluster serves.
pub const CLASS: &str = "kijabi";
/// Who serves them.
pub const CONTROLLER: &str = "kijabi.dev/ingress";
/// The name under which this machine reaches them.
pub const ADDRESS: &str = "localhost";
