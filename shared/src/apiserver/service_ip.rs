//! The addresses and node ports that Services are given.
//!
//! Each is claimed by a key of its own below `/registry/ipaddresses/` or `/registry/nodeports/`,
//! created only where it is absent, so that two Services can never hold the same one. The ranges
//! and the preference for their upper part follow `pkg/registry/core/service/{ipallocator,portallocator}`
//! of kubernetes/kubernetes.

use std::any::Any;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use k8s_openapi::api::core::v1::{Service, ServiceSpec};

use crate::api::object::ApiObject;
use crate::api::status;
use crate::store::{Expect, RangeRequest, StoredValue, Write, WriteOutcome};
use crate::validation::field::Error;
use crate::validation::field::ErrorList;
use crate::validation::field::Path;

use super::admission::invalid_unless_empty;
use super::registry::{Target, store_status};
use super::{ApiServer, Result};

/// The first address of the service network, 10.96.0.0/12.
const NETWORK: u32 = u32::from_be_bytes([10, 96, 0, 0]);
/// How many addresses the service network has.
const SIZE: u32 = 1 << 20;
/// Addresses below this offset are given only on request (`calculateRangeOffset` upstream).
const STATIC_BAND: u32 = 256;
/// The node ports that are given, first and last.
const NODE_PORTS: (u16, u16) = (30000, 32767);
/// How often a random address or port is drawn before the search goes in order.
const DRAWS: usize = 16;

/// Keys that were claimed for a Service that is not stored yet.
pub(crate) type Claims = Vec<Arc<str>>;

fn address_key(address: &str) -> Arc<str> {
    format!("/registry/ipaddresses/{address}").into()
}

fn port_key(port: u16) -> Arc<str> {
    format!("/registry/nodeports/{port}").into()
}

/// Whether the kind of Service has an address of its own.
fn wants_address(spec: &ServiceSpec) -> bool {
    spec.type_.as_deref() != Some("ExternalName") && spec.cluster_ip.as_deref() != Some("None")
}

fn wants_node_ports(spec: &ServiceSpec) -> bool {
    match spec.type_.as_deref() {
        Some("NodePort") => true,
        Some("LoadBalancer") => spec.allocate_load_balancer_node_ports.unwrap_or(true),
        _ => false,
    }
}

/// Every key that a stored Service holds.
fn claims_of(object: &dyn ApiObject) -> Claims {
    let Some(spec) = object.downcast_ref::<Service>().and_then(|service| service.spec.as_ref()) else {
        return Claims::new();
    };
    let address = spec.cluster_ip.as_deref().filter(|ip| !ip.is_empty() && *ip != "None").map(address_key);
    let ports = spec.ports.iter().flatten().filter_map(|port| port.node_port).filter(|port| *port > 0);
    let ports = ports.filter_map(|port| u16::try_from(port).ok()).map(port_key);
    address.into_iter().chain(ports).collect()
}

impl ApiServer {
    /// Gives a new Service what it needs; the claims are to be released if it is not stored.
    pub(crate) async fn allocate_addresses(
        &self,
        target: &Target,
        object: &mut dyn ApiObject,
        dry_run: bool,
    ) -> Result<Claims> {
        let Some(spec) = object.downcast_mut::<Service>().and_then(|service| service.spec.as_mut()) else {
            return Ok(Claims::new());
        };
        let mut claims = Claims::new();
        let outcome = self.allocate(target, spec, &Claims::new(), dry_run, &mut claims).await;
        self.or_release(outcome, claims).await
    }

    /// Gives a changed Service what it needs beyond what it has.
    pub(crate) async fn reallocate_addresses(
        &self,
        target: &Target,
        new: &mut dyn ApiObject,
        old: &dyn ApiObject,
        dry_run: bool,
    ) -> Result<Claims> {
        let held = claims_of(old);
        let Some(spec) = new.downcast_mut::<Service>().and_then(|service| service.spec.as_mut()) else {
            return Ok(Claims::new());
        };
        let mut claims = Claims::new();
        let outcome = self.allocate(target, spec, &held, dry_run, &mut claims).await;
        self.or_release(outcome, claims).await
    }

    async fn or_release(&self, outcome: Result<()>, claims: Claims) -> Result<Claims> {
        match outcome {
            Ok(()) => Ok(claims),
            Err(error) => {
                self.release_addresses(&claims).await?;
                Err(error)
            }
        }
    }

    async fn allocate(
        &self,
        target: &Target,
        spec: &mut ServiceSpec,
        held: &Claims,
        dry_run: bool,
        claims: &mut Claims,
    ) -> Result<()> {
        if wants_address(spec) {
            let address = self.address(target, spec, held, dry_run, claims).await?;
            spec.cluster_ips = Some(vec![address.clone()]);
            spec.cluster_ip = Some(address);
            spec.ip_families.get_or_insert_with(|| vec!["IPv4".into()]);
            spec.ip_family_policy.get_or_insert_with(|| "SingleStack".into());
        } else if spec.cluster_ip.as_deref() == Some("None") {
            spec.cluster_ips = Some(vec!["None".into()]);
            spec.ip_families.get_or_insert_with(|| vec!["IPv4".into()]);
            spec.ip_family_policy.get_or_insert_with(|| "SingleStack".into());
        }
        if !wants_node_ports(spec) {
            return Ok(());
        }
        for index in 0..spec.ports.as_ref().map_or(0, Vec::len) {
            let wanted =
                spec.ports.as_ref().and_then(|ports| ports[index].node_port).filter(|port| *port > 0);
            let port = self.node_port(target, index, wanted, held, dry_run, claims).await?;
            if let Some(ports) = &mut spec.ports {
                ports[index].node_port = Some(i32::from(port));
            }
        }
        Ok(())
    }

    async fn address(
        &self,
        target: &Target,
        spec: &ServiceSpec,
        held: &Claims,
        dry_run: bool,
        claims: &mut Claims,
    ) -> Result<String> {
        if let Some(wanted) = spec.cluster_ip.clone().filter(|ip| !ip.is_empty()) {
            let inside =
                wanted.parse::<Ipv4Addr>().is_ok_and(|ip| u32::from(ip).wrapping_sub(NETWORK) < SIZE);
            let key = address_key(&wanted);
            let free = inside && (held.contains(&key) || self.claim(key, dry_run, claims).await?);
            return match free {
                true => Ok(wanted),
                false => Err(self.refused_address(target, &wanted, inside)),
            };
        }
        for _ in 0..DRAWS {
            let offset = STATIC_BAND + (self.entropy.next_u64() % u64::from(SIZE - STATIC_BAND - 1)) as u32;
            let address = Ipv4Addr::from(NETWORK + offset).to_string();
            if self.claim(address_key(&address), dry_run, claims).await? {
                return Ok(address);
            }
        }
        for offset in (STATIC_BAND..SIZE - 1).chain(1..STATIC_BAND) {
            let address = Ipv4Addr::from(NETWORK + offset).to_string();
            if self.claim(address_key(&address), dry_run, claims).await? {
                return Ok(address);
            }
        }
        Err(Box::new(status::internal("failed to allocate a serviceIP: range is full")))
    }

    fn refused_address(
        &self,
        target: &Target,
        wanted: &str,
        inside: bool,
    ) -> Box<k8s_openapi::apimachinery::pkg::apis::meta::v1::Status> {
        let why = match inside {
            true => "failed to allocate IP {}: provided IP is already allocated",
            false => {
                "failed to allocate IP {}: the provided IP is not in the valid range. The range of valid IPs is 10.96.0.0/12"
            }
        };
        let path = Path::root("spec").child("clusterIPs");
        let error = Error::invalid(&path, serde_json::json!([wanted]), why.replace("{}", wanted));
        invalid(target, error)
    }

    async fn node_port(
        &self,
        target: &Target,
        index: usize,
        wanted: Option<i32>,
        held: &Claims,
        dry_run: bool,
        claims: &mut Claims,
    ) -> Result<u16> {
        let (first, last) = NODE_PORTS;
        if let Some(wanted) = wanted {
            let port = u16::try_from(wanted).ok().filter(|port| (first..=last).contains(port));
            let field = Path::root("spec").child("ports").index(index).child("nodePort");
            let Some(port) = port else {
                let why = format!(
                    "provided port is not in the valid range. The range of valid ports is {first}-{last}"
                );
                return Err(invalid(target, Error::invalid(&field, wanted, why)));
            };
            let key = port_key(port);
            if held.contains(&key) || self.claim(key, dry_run, claims).await? {
                return Ok(port);
            }
            return Err(invalid(
                target,
                Error::invalid(&field, wanted, "provided port is already allocated"),
            ));
        }
        let span = u64::from(last - first) + 1;
        let start = self.entropy.next_u64() % span;
        for step in 0..span {
            let port = first + ((start + step) % span) as u16;
            if self.claim(port_key(port), dry_run, claims).await? {
                return Ok(port);
            }
        }
        Err(Box::new(status::internal("failed to allocate a nodePort: range is full")))
    }

    /// Claims a key; false where another Service has it.
    async fn claim(&self, key: Arc<str>, dry_run: bool, claims: &mut Claims) -> Result<bool> {
        if dry_run {
            return Ok(self.store.get(&key).await.map_err(store_status)?.is_none());
        }
        let attachment: Arc<dyn Any + Send + Sync> = Arc::new(());
        let value = StoredValue { bytes: Bytes::from_static(b"{}"), attachment };
        let write = Write { key: key.clone(), value: Some(value), expect: Expect::Absent };
        let done = matches!(self.store.write(write).await.map_err(store_status)?, WriteOutcome::Done(_));
        if done {
            claims.push(key);
        }
        Ok(done)
    }

    /// Gives claims back.
    pub(crate) async fn release_addresses(&self, claims: &[Arc<str>]) -> Result<()> {
        for key in claims {
            if let Some(item) = self.store.get(key).await.map_err(store_status)? {
                let write = Write { key: key.clone(), value: None, expect: Expect::At(item.mod_revision) };
                self.store.write(write).await.map_err(store_status)?;
            }
        }
        Ok(())
    }

    /// Gives back all that a deleted Service held.
    pub(crate) async fn release_of(&self, object: &dyn ApiObject, dry_run: bool) -> Result<()> {
        if dry_run {
            return Ok(());
        }
        self.release_addresses(&claims_of(object)).await
    }

    /// Gives back what a changed Service holds no longer.
    pub(crate) async fn release_replaced(
        &self,
        old: &dyn ApiObject,
        new: &dyn ApiObject,
        dry_run: bool,
    ) -> Result<()> {
        if dry_run || old.downcast_ref::<Service>().is_none() {
            return Ok(());
        }
        let kept = claims_of(new);
        let freed: Claims = claims_of(old).into_iter().filter(|key| !kept.contains(key)).collect();
        self.release_addresses(&freed).await
    }

    /// Gives back what no Service holds: claims of writers that died between claim and Service.
    pub(crate) async fn repair_addresses(&self) -> Result<()> {
        let read = |prefix: &str| {
            self.store.range(RangeRequest { prefix: prefix.into(), ..RangeRequest::default() })
        };
        let Some(kind) = crate::api::scheme::of_type::<Service>() else { return Ok(()) };
        let mut held = Claims::new();
        for item in read("/registry/services/specs/").await.map_err(store_status)?.items {
            held.extend(claims_of(super::registry::object(kind, &item)?.body()));
        }
        for prefix in ["/registry/ipaddresses/", "/registry/nodeports/"] {
            let claimed = read(prefix).await.map_err(store_status)?.items;
            let stray: Claims =
                claimed.into_iter().map(|item| item.key).filter(|key| !held.contains(key)).collect();
            self.release_addresses(&stray).await?;
        }
        Ok(())
    }
}

fn invalid(target: &Target, error: Error) -> Box<k8s_openapi::apimachinery::pkg::apis::meta::v1::Status> {
    match invalid_unless_empty(target, ErrorList::from(error)) {
        Err(status) => status,
        Ok(()) => Box::new(status::internal("an error that is none")),
    }
}
