//! Where the proxy of a Service leads: to one of its endpoints.
//!
//! Follows `ResourceLocation` in `pkg/registry/core/service/storage/storage.go` of kubernetes/kubernetes.

use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1::{Endpoints, Service};
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
    let addresses =
        endpoints.downcast_ref::<Endpoints>().map(|all| addresses(all, &port)).unwrap_or_default();
    let count = u64::try_from(addresses.len()).unwrap_or(u64::MAX).max(1);
    let chosen = usize::try_from(SystemEntropy.next_u64() % count).unwrap_or_default();
    addresses.get(chosen).copied().ok_or_else(|| {
        Box::new(status::service_unavailable(format!("no endpoints available for service {:?}", place.name)))
    })
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

/// The ready addresses that have the port of this name.
fn addresses(endpoints: &Endpoints, port: &str) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for subset in endpoints.subsets.iter().flatten() {
        let named =
            |own: &&k8s_openapi::api::core::v1::EndpointPort| own.name.as_deref().unwrap_or_default() == port;
        let Some(number) =
            subset.ports.iter().flatten().find(named).and_then(|own| u16::try_from(own.port).ok())
        else {
            continue;
        };
        let ips = subset.addresses.iter().flatten().filter_map(|address| address.ip.parse::<IpAddr>().ok());
        found.extend(ips.map(|ip| SocketAddr::new(ip, number)));
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
                "addresses": [{ "ip": "10.244.1.2" }],
                "notReadyAddresses": [{ "ip": "10.244.1.3" }],
                "ports": [{ "name": "web", "port": 8080 }],
            }],
        });
        let endpoints: Endpoints = serde_json::from_value(endpoints).unwrap();
        assert_eq!(addresses(&endpoints, "web"), ["10.244.1.2:8080".parse().unwrap()]);
        assert!(addresses(&endpoints, "redis").is_empty());
    }
}
