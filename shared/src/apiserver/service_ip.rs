//! The addresses and node ports that Services are given.
//!
//! Each is claimed by a key of its own below `/registry/ipaddresses/` or `/registry/nodeports/`,
//! created only where it is absent, so that two Services can never hold the same one. The ranges
//! and the preference for their upper part follow `pkg/registry/core/service/{ipallocator,portallocator}`,
//! what is allocated when `pkg/registry/core/service/storage/alloc.go` of kubernetes/kubernetes.

use std::net::Ipv4Addr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;

use crate::api::object::ApiObject;
use crate::api::status;
use crate::validation::field::Error;
use crate::validation::field::ErrorList;
use crate::validation::field::Path;
use crate::validation::validate_cluster_ips;

use super::admission::invalid_unless_empty;
use super::registry::strategy::service::{needs_cluster_ip, needs_health_check, needs_node_ports};
use super::registry::{Target, store_status};
use super::{ApiServer, Result};

mod claims;
mod node_ports;

pub(crate) use claims::Claims;
use claims::address_key;

/// The first address of the service network, 10.96.0.0/12.
const NETWORK: u32 = u32::from_be_bytes([10, 96, 0, 0]);
/// How many addresses the service network has.
const SIZE: u32 = 1 << 20;
/// Addresses below this offset are given only on request (`calculateRangeOffset` upstream).
const STATIC_BAND: u32 = 256;
/// How often a random address or port is drawn before the search goes in order.
const DRAWS: usize = 16;

/// One Service's way to what it needs.
struct Allocation<'a> {
    server: &'a ApiServer,
    target: &'a Target,
    /// What it has already.
    held: Claims,
    dry_run: bool,
    /// What was claimed for it on the way.
    claimed: Claims,
}

impl ApiServer {
    /// Gives a new Service what it needs; the claims are to be released if it is not stored.
    pub(crate) async fn allocate_addresses(
        &self,
        target: &Target,
        object: &mut dyn ApiObject,
        dry_run: bool,
    ) -> Result<Claims> {
        let Some(service) = object.downcast_mut::<Service>() else { return Ok(Claims::default()) };
        let (held, claimed) = (Claims::default(), Claims::none_of(service));
        let Some(spec) = &mut service.spec else { return Ok(claimed) };
        let mut allocation = Allocation { server: self, target, held, dry_run, claimed };
        let outcome = allocation.create(spec).await;
        allocation.end(outcome).await
    }

    /// Gives a changed Service what it needs beyond what it has.
    pub(crate) async fn reallocate_addresses(
        &self,
        target: &Target,
        new: &mut dyn ApiObject,
        old: &dyn ApiObject,
        dry_run: bool,
    ) -> Result<Claims> {
        let before = old.downcast_ref::<Service>().and_then(|service| service.spec.as_ref());
        let spec = new.downcast_mut::<Service>().and_then(|service| service.spec.as_mut());
        let (Some(spec), Some(before)) = (spec, before) else { return Ok(Claims::default()) };
        let (held, claimed) = (Claims::of(old), Claims::none_of(old));
        let mut allocation = Allocation { server: self, target, held, dry_run, claimed };
        let outcome = allocation.update(spec, before).await;
        allocation.end(outcome).await
    }
}

impl Allocation<'_> {
    async fn create(&mut self, spec: &mut ServiceSpec) -> Result<()> {
        self.check_addresses(spec)?;
        self.init_address(spec).await?;
        if needs_node_ports(spec) {
            self.init_node_ports(spec).await?;
        }
        if needs_health_check(spec) {
            self.init_health_check(spec).await?;
        }
        Ok(())
    }

    /// An address once given stays; validation sees to it.
    async fn update(&mut self, spec: &mut ServiceSpec, old: &ServiceSpec) -> Result<()> {
        self.check_addresses(spec)?;
        match needs_cluster_ip(old) {
            true => complete_families(spec),
            false => self.init_address(spec).await?,
        }
        if needs_node_ports(spec) {
            self.update_node_ports(spec).await?;
        }
        if needs_health_check(spec) && !needs_health_check(old) {
            self.init_health_check(spec).await?;
        }
        Ok(())
    }

    /// What is allocated must make sense before it is; all else is validated after.
    fn check_addresses(&self, spec: &ServiceSpec) -> Result<()> {
        match needs_cluster_ip(spec) {
            true => invalid_unless_empty(self.target, validate_cluster_ips(spec)),
            false => Ok(()),
        }
    }

    /// What was claimed, or nothing where it came to nothing.
    async fn end(mut self, outcome: Result<()>) -> Result<Claims> {
        if self.dry_run {
            self.claimed.clear();
        }
        if outcome.is_err() {
            self.server.release_addresses(&self.claimed).await?;
        }
        outcome.map(|()| self.claimed)
    }

    async fn init_address(&mut self, spec: &mut ServiceSpec) -> Result<()> {
        if !needs_cluster_ip(spec) {
            return Ok(());
        }
        let address = match spec.cluster_ip.as_deref().unwrap_or_default() {
            "" => self.any_address().await?,
            "None" => "None".to_owned(),
            wanted => self.take_address(wanted).await?,
        };
        spec.cluster_ips = Some(vec![address.clone()]);
        spec.cluster_ip = Some(address);
        complete_families(spec);
        Ok(())
    }

    async fn take_address(&mut self, wanted: &str) -> Result<String> {
        let inside = wanted.parse::<Ipv4Addr>().is_ok_and(|ip| u32::from(ip).wrapping_sub(NETWORK) < SIZE);
        match inside && self.claim(address_key(wanted)).await? {
            true => Ok(wanted.to_owned()),
            false => Err(self.refused_address(wanted, inside)),
        }
    }

    async fn any_address(&mut self) -> Result<String> {
        for _ in 0..DRAWS {
            let drawn = self.server.entropy.next_u64() % u64::from(SIZE - STATIC_BAND - 1);
            let address = Ipv4Addr::from(NETWORK + STATIC_BAND + drawn as u32).to_string();
            if self.claim(address_key(&address)).await? {
                return Ok(address);
            }
        }
        for offset in (STATIC_BAND..SIZE - 1).chain(1..STATIC_BAND) {
            let address = Ipv4Addr::from(NETWORK + offset).to_string();
            if self.claim(address_key(&address)).await? {
                return Ok(address);
            }
        }
        Err(Box::new(status::internal("failed to allocate a serviceIP: range is full")))
    }

    fn refused_address(&self, wanted: &str, inside: bool) -> Box<Status> {
        let why = match inside {
            true => "failed to allocate IP {}: provided IP is already allocated",
            false => {
                "failed to allocate IP {}: the provided IP is not in the valid range. The range of valid IPs is 10.96.0.0/12"
            }
        };
        let path = Path::root("spec").child("clusterIPs");
        let error = Error::invalid(&path, serde_json::json!([wanted]), why.replace("{}", wanted));
        invalid(self.target, error)
    }

    /// Claims a key; false where a Service has it, be it this one.
    async fn claim(&mut self, key: Arc<str>) -> Result<bool> {
        let done = match self.dry_run {
            true if self.claimed.contains(&key) => false,
            true => self.server.store.get(&key).await.map_err(store_status)?.is_none(),
            false => self.server.claim(key.clone(), &self.claimed).await?,
        };
        if done {
            self.claimed.push(key);
        }
        Ok(done)
    }
}

/// The families of a Service with an address, where nobody named them.
fn complete_families(spec: &mut ServiceSpec) {
    if needs_cluster_ip(spec) {
        spec.ip_families.get_or_insert_with(|| vec!["IPv4".into()]);
        spec.ip_family_policy.get_or_insert_with(|| "SingleStack".into());
    }
}

fn invalid(target: &Target, error: Error) -> Box<Status> {
    match invalid_unless_empty(target, ErrorList::from(error)) {
        Err(status) => status,
        Ok(()) => Box::new(status::internal("an error that is none")),
    }
}
