//! Who holds which address and which node port.
//!
//! A claim is a key of its own, whose value names the Service that holds it; only that Service can give
//! it back.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use k8s_openapi::api::core::v1::Service;
use serde_json::json;

use crate::api::object::ApiObject;
use crate::api::scheme;
use crate::store::{Expect, KeyValue, RangeRequest, StoredValue, Write, WriteOutcome};

use super::super::registry::strategy::service::{needs_cluster_ip, needs_health_check, needs_node_ports};
use super::super::registry::{self, store_status};
use super::super::{ApiServer, Result};

const ADDRESSES: &str = "/registry/ipaddresses/";
const NODE_PORTS: &str = "/registry/nodeports/";

/// Keys that one Service holds.
#[derive(Default)]
pub(crate) struct Claims {
    /// The value of the keys.
    owner: Bytes,
    keys: Vec<Arc<str>>,
}

pub(super) fn address_key(address: &str) -> Arc<str> {
    format!("{ADDRESSES}{address}").into()
}

pub(super) fn port_key(port: i32) -> Arc<str> {
    format!("{NODE_PORTS}{port}").into()
}

impl Claims {
    /// None yet, of the Service that `object` is.
    pub(super) fn none_of(object: &dyn ApiObject) -> Claims {
        let metadata = object.metadata();
        let owner = json!({ "namespace": metadata.namespace, "name": metadata.name, "uid": metadata.uid });
        Claims { owner: owner.to_string().into(), keys: Vec::new() }
    }

    /// All that a stored Service holds: what its type makes use of.
    pub(super) fn of(object: &dyn ApiObject) -> Claims {
        let mut claims = Claims::none_of(object);
        let Some(spec) = object.downcast_ref::<Service>().and_then(|service| service.spec.as_ref()) else {
            return claims;
        };
        let ip = spec.cluster_ip.as_deref().filter(|ip| !ip.is_empty() && *ip != "None");
        claims.keys.extend(ip.filter(|_| needs_cluster_ip(spec)).map(address_key));
        let ports = spec.ports.iter().flatten().filter_map(|port| port.node_port);
        let ports = ports.filter(|_| needs_node_ports(spec));
        let health_check = spec.health_check_node_port.filter(|_| needs_health_check(spec));
        claims.keys.extend(ports.chain(health_check).filter(|port| *port > 0).map(port_key));
        claims
    }

    pub(super) fn contains(&self, key: &Arc<str>) -> bool {
        self.keys.contains(key)
    }

    pub(super) fn push(&mut self, key: Arc<str>) {
        self.keys.push(key);
    }

    /// Forgets the keys: they are the Service's own now.
    pub(crate) fn clear(&mut self) {
        self.keys.clear();
    }

    fn value(&self) -> StoredValue {
        let attachment: Arc<dyn Any + Send + Sync> = Arc::new(());
        StoredValue { bytes: self.owner.clone(), attachment }
    }
}

impl ApiServer {
    /// Claims a key; false where a Service has it.
    pub(super) async fn claim(&self, key: Arc<str>, claims: &Claims) -> Result<bool> {
        let write = Write { key, value: Some(claims.value()), expect: Expect::Absent };
        Ok(matches!(self.store.write(write).await.map_err(store_status)?, WriteOutcome::Done(_)))
    }

    /// Gives claims back, as far as they are held by whose they are said to be.
    pub(crate) async fn release_addresses(&self, claims: &Claims) -> Result<()> {
        for key in &claims.keys {
            let item = self.store.get(key).await.map_err(store_status)?;
            if let Some(item) = item.filter(|item| item.value.bytes == claims.owner) {
                self.rewrite(&item, None).await?;
            }
        }
        Ok(())
    }

    /// Gives back all that a deleted Service held.
    pub(crate) async fn release_of(&self, object: &dyn ApiObject, dry_run: bool) -> Result<()> {
        if dry_run || object.downcast_ref::<Service>().is_none() {
            return Ok(());
        }
        self.release_addresses(&Claims::of(object)).await
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
        let kept = Claims::of(new);
        let mut freed = Claims::of(old);
        freed.keys.retain(|key| !kept.contains(key));
        self.release_addresses(&freed).await
    }

    /// Makes the claims what the Services say: writers may have died between claim and Service.
    pub(crate) async fn repair_addresses(&self) -> Result<()> {
        let Some(kind) = scheme::of_type::<Service>() else { return Ok(()) };
        let mut missing = BTreeMap::new();
        for item in self.below("/registry/services/specs/").await? {
            let claims = Arc::new(Claims::of(registry::object(kind, &item)?.body()));
            missing.extend(claims.keys.iter().map(|key| (key.clone(), claims.clone())));
        }
        for prefix in [ADDRESSES, NODE_PORTS] {
            for item in self.below(prefix).await? {
                let holder = missing.remove(&item.key);
                if holder.as_ref().is_none_or(|claims| claims.owner != item.value.bytes) {
                    self.rewrite(&item, holder.map(|claims| claims.value())).await?;
                }
            }
        }
        for (key, claims) in missing {
            self.claim(key, &claims).await?;
        }
        Ok(())
    }

    async fn below(&self, prefix: &str) -> Result<Vec<KeyValue>> {
        let request = RangeRequest { prefix: prefix.into(), ..RangeRequest::default() };
        Ok(self.store.range(request).await.map_err(store_status)?.items)
    }

    async fn rewrite(&self, item: &KeyValue, value: Option<StoredValue>) -> Result<()> {
        let write = Write { key: item.key.clone(), value, expect: Expect::At(item.mod_revision) };
        self.store.write(write).await.map(drop).map_err(store_status)
    }
}
