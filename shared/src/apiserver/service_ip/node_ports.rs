//! The ports of every node that Services are given.
//!
//! Follows `initNodePorts`, `updateNodePorts` and `allocHealthCheckNodePort` in `pkg/registry/core/service/storage/alloc.go` of
//! kubernetes/kubernetes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use k8s_openapi::api::core::v1::ServiceSpec;

use crate::api::status;
use crate::validation::field::{Error, Path};

use super::super::Result;
use super::claims::port_key;
use super::{Allocation, invalid};

/// The node ports that are given.
const NODE_PORTS: RangeInclusive<i32> = 30000..=32767;

/// Whether ports that name no node port get one.
fn are_given(spec: &ServiceSpec) -> bool {
    spec.type_.as_deref() == Some("NodePort") || spec.allocate_load_balancer_node_ports.unwrap_or(true)
}

impl Allocation<'_> {
    /// Node ports of a new Service: one for all of its ports that have the same number.
    pub(super) async fn init_node_ports(&mut self, spec: &mut ServiceSpec) -> Result<()> {
        let given = are_given(spec);
        let requested = requested(spec);
        let mut shared = BTreeMap::new();
        for (index, port) in spec.ports.iter_mut().flatten().enumerate() {
            let wanted = port.node_port.unwrap_or(0);
            if wanted == 0 && !given {
                continue;
            }
            port.node_port = Some(match (shared.get(&port.port), requested.get(&port.port)) {
                (Some(&number), _) if wanted == 0 || wanted == number => number,
                (Some(_), _) => self.take_node_port(index, wanted).await?,
                (None, Some(&number)) => self.take_node_port(index, number).await?,
                (None, None) => self.any_node_port().await?,
            });
            if let Some(number) = port.node_port {
                shared.entry(port.port).or_insert(number);
            }
        }
        Ok(())
    }

    /// Node ports of a changed Service: what it held it may keep, for whichever of its ports.
    pub(super) async fn update_node_ports(&mut self, spec: &mut ServiceSpec) -> Result<()> {
        let given = are_given(spec);
        let mut taken = BTreeSet::new();
        for (index, port) in spec.ports.iter_mut().flatten().enumerate() {
            let wanted = port.node_port.unwrap_or(0);
            if wanted == 0 && given {
                port.node_port = Some(self.any_node_port().await?);
            } else if wanted != 0 && !self.held.contains(&port_key(wanted)) && taken.insert(wanted) {
                self.take_node_port(index, wanted).await?;
            }
        }
        Ok(())
    }

    /// The port at which load balancers ask for a node's health.
    pub(super) async fn init_health_check(&mut self, spec: &mut ServiceSpec) -> Result<()> {
        let number = match spec.health_check_node_port.unwrap_or(0) {
            0 => self.any_node_port().await?,
            wanted => match self.refusal(wanted).await? {
                None => wanted,
                Some(why) => {
                    let message =
                        format!("failed to allocate requested HealthCheck NodePort {wanted}: {why}");
                    return Err(Box::new(status::internal(message)));
                }
            },
        };
        spec.health_check_node_port = Some(number);
        Ok(())
    }

    async fn take_node_port(&mut self, index: usize, wanted: i32) -> Result<i32> {
        let Some(why) = self.refusal(wanted).await? else { return Ok(wanted) };
        let field = Path::root("spec").child("ports").index(index).child("nodePort");
        Err(invalid(self.target, Error::invalid(&field, wanted, why)))
    }

    /// Claims a node port; why it cannot be had, if so.
    async fn refusal(&mut self, wanted: i32) -> Result<Option<String>> {
        if !NODE_PORTS.contains(&wanted) {
            let (first, last) = (NODE_PORTS.start(), NODE_PORTS.end());
            return Ok(Some(format!(
                "provided port is not in the valid range. The range of valid ports is {first}-{last}"
            )));
        }
        let free = self.claim(port_key(wanted)).await?;
        Ok((!free).then(|| "provided port is already allocated".to_owned()))
    }

    async fn any_node_port(&mut self) -> Result<i32> {
        let numbers: Vec<i32> = NODE_PORTS.collect();
        let start = (self.server.entropy.next_u64() % numbers.len() as u64) as usize;
        for &number in numbers[start..].iter().chain(&numbers[..start]) {
            if self.claim(port_key(number)).await? {
                return Ok(number);
            }
        }
        Err(Box::new(status::internal("failed to allocate a nodePort: range is full")))
    }
}

/// The first node port that is asked for, by the number of the Service's port.
fn requested(spec: &ServiceSpec) -> BTreeMap<i32, i32> {
    let mut requested = BTreeMap::new();
    for port in spec.ports.iter().flatten() {
        if let Some(number) = port.node_port.filter(|number| *number != 0) {
            requested.entry(port.port).or_insert(number);
        }
    }
    requested
}
