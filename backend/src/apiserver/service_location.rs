//! Where the proxy of a Service leads: to one of its endpoints.
//!
//! Follows `ResourceLocation` in `pkg/registry/core/service/storage/storage.go` of kubernetes/kubernetes.

use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, Endpoints, Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use shared::api::scheme::Verb;
use shared::api::status;
use shared::apiserver::request_info::ResourcePath;
use shared::apiserver::user::{MASTERS, User};
use shared::client::Client;
use shared::given::Entropy;

use super::connect;
use super::resource::Asking;
use crate::clock::SystemEntropy;

/// The address of one of a Service's endpoints, once the chain lets the caller in.
pub(super) async fn address(
    asking: &Asking<'_>,
    place: &ResourcePath<'_>,
    name: &str,
    port: Option<&str>,
    verb: Verb,
) -> Result<SocketAddr, Box<Status>> {
    let object = connect::object(asking, place, name, verb).await?;
    let Some(service) = object.downcast_ref::<Service>() else {
        return Err(Box::new(status::internal("a service that is none")));
    };
    let port = port_name(service, port.unwrap_or_default())?;
    let server = asking.context.server.clone();
    let own = Client::new(server, User::new("system:apiserver", &[MASTERS]), "kube-apiserver");
    let endpoints = own.get::<Endpoints>(place.namespace, name).await?;
    let candidates = endpoints.downcast_ref::<Endpoints>().map(|all| addresses(all, &port));
    let mut candidates = candidates.unwrap_or_default();
    while !candidates.is_empty() {
        let chosen = SystemEntropy.next_u64() % candidates.len() as u64;
        let (address, pod) = candidates.swap_remove(usize::try_from(chosen).unwrap_or_default());
        if is_of_pod(&own, place.namespace, &pod, address.ip()).await {
            return Ok(address);
        }
    }
    let why = format!("no endpoints available for service {:?}", place.name);
    Err(Box::new(status::service_unavailable(why)))
}

/// Whether an address is that of a pod in the Service's namespace: Endpoints may be written by hand, and must
/// not lead elsewhere.
async fn is_of_pod(own: &Client, namespace: &str, pod: &str, ip: IpAddr) -> bool {
    let Ok(object) = own.get::<Pod>(namespace, pod).await else { return false };
    let status = object.downcast_ref::<Pod>().and_then(|pod| pod.status.as_ref());
    let mut ips = status.into_iter().flat_map(|status| status.pod_ips.iter().flatten());
    ips.any(|own| own.ip == ip.to_string())
}

/// The name of a port that was given by its name or its number.
fn port_name(service: &Service, port: &str) -> Result<String, Box<Status>> {
    let Ok(number) = port.parse::<i32>() else { return Ok(port.to_owned()) };
    let mut ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let found = ports.find(|port| port.port == number);
    let name = service.metadata.name.as_deref().unwrap_or_default();
    match found {
        Some(port) => Ok(port.name.clone().unwrap_or_default()),
        None => Err(Box::new(status::service_unavailable(format!(
            "no service port {number} found for service {name:?}"
        )))),
    }
}

/// The ready addresses that have the port of this name, and the pods that they are said to be.
fn addresses(endpoints: &Endpoints, port: &str) -> Vec<(SocketAddr, String)> {
    let mut found = Vec::new();
    for subset in endpoints.subsets.iter().flatten() {
        let named = |own: &&EndpointPort| own.name.as_deref().unwrap_or_default() == port;
        let number = subset.ports.iter().flatten().find(named).and_then(|own| u16::try_from(own.port).ok());
        let Some(number) = number else { continue };
        let of_pod = |address: &EndpointAddress| {
            let pod = address.target_ref.as_ref()?.name.clone()?;
            Some((SocketAddr::new(address.ip.parse::<IpAddr>().ok()?, number), pod))
        };
        found.extend(subset.addresses.iter().flatten().filter_map(of_pod));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn port_should_be_found_by_name_and_number_and_lead_to_ready_addresses_alone() {
        let service = json!({
            "metadata": { "name": "db" },
            "spec": { "ports": [{ "name": "redis", "port": 6379 }, { "name": "web", "port": 80 }] },
        });
        let service: Service = serde_json::from_value(service).unwrap();
        let found = ["web", "80", "6379"].map(|port| port_name(&service, port).unwrap());
        assert_eq!(found, ["web", "web", "redis"]);
        let refused = port_name(&service, "81").unwrap_err().message.unwrap();
        assert_eq!(refused, "no service port 81 found for service \"db\"");
        let endpoints = json!({
            "subsets": [{
                "addresses": [
                    { "ip": "10.244.1.2", "targetRef": { "kind": "Pod", "name": "web" } },
                    { "ip": "172.18.0.2" },
                ],
                "notReadyAddresses": [{ "ip": "10.244.1.3" }],
                "ports": [{ "name": "web", "port": 8080 }],
            }],
        });
        let endpoints: Endpoints = serde_json::from_value(endpoints).unwrap();
        assert_eq!(addresses(&endpoints, "web"), [("10.244.1.2:8080".parse().unwrap(), "web".to_owned())]);
        assert!(addresses(&endpoints, "redis").is_empty());
    }
}
