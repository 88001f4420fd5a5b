//! The variables by which a container finds Services: `DB_SERVICE_HOST`, `DB_PORT_6379_TCP_ADDR`, …
//!
//! Follows `pkg/kubelet/envvars/envvars.go` and `getServiceEnvVarMap` in `pkg/kubelet/kubelet_pods.go` of
//! kubernetes/kubernetes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServicePort};

/// The Service that every pod is told of, wherever it is.
const MASTER: (&str, &str) = ("default", "kubernetes");

/// The variables of a pod in `namespace`: of the Service `kubernetes`, and where `links` are wanted of those
/// in its own namespace. Services without an address have none.
pub fn service_variables<'a>(
    services: impl Iterator<Item = &'a Service>,
    namespace: &str,
    links: bool,
) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    for service in services.filter(|service| address(service).is_some()) {
        let place = |text: &'a Option<String>| text.as_deref().unwrap_or_default();
        let (within, name) = (place(&service.metadata.namespace), place(&service.metadata.name));
        if within == namespace && links {
            told.insert(name, service);
        } else if (within, name) == MASTER {
            told.entry(name).or_insert(service);
        }
    }
    told.into_iter().flat_map(|(name, service)| variables(name, service)).collect()
}

fn address(service: &Service) -> Option<&str> {
    let address = service.spec.as_ref()?.cluster_ip.as_deref()?;
    Some(address).filter(|address| !address.is_empty() && *address != "None")
}

fn variables(name: &str, service: &Service) -> Vec<(String, String)> {
    let (prefix, address) = (variable_name(name), address(service).unwrap_or_default());
    let ports: Vec<&ServicePort> = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten()).collect();
    let mut variables = vec![(format!("{prefix}_SERVICE_HOST"), address.to_owned())];
    if let Some(first) = ports.first() {
        variables.push((format!("{prefix}_SERVICE_PORT"), first.port.to_string()));
        variables.push((format!("{prefix}_PORT"), link(first, address)));
    }
    for port in ports {
        if let Some(name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            variables.push((format!("{prefix}_SERVICE_PORT_{}", variable_name(name)), port.port.to_string()));
        }
        let protocol = protocol(port);
        let port_prefix = format!("{prefix}_PORT_{}_{}", port.port, protocol.to_ascii_uppercase());
        variables.push((port_prefix.clone(), link(port, address)));
        variables.push((format!("{port_prefix}_PROTO"), protocol));
        variables.push((format!("{port_prefix}_PORT"), port.port.to_string()));
        variables.push((format!("{port_prefix}_ADDR"), address.to_owned()));
    }
    variables
}

/// As Docker linked containers: `tcp://10.96.0.7:6379`.
fn link(port: &ServicePort, address: &str) -> String {
    format!("{}://{address}:{}", protocol(port), port.port)
}

fn protocol(port: &ServicePort) -> String {
    port.protocol.as_deref().unwrap_or("TCP").to_ascii_lowercase()
}

fn variable_name(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn service(namespace: &str, name: &str, spec: Value) -> Service {
        let whole = json!({ "metadata": { "namespace": namespace, "name": name }, "spec": spec });
        serde_json::from_value(whole).unwrap()
    }

    fn services() -> [Service; 4] {
        [
            service("default", "kubernetes", json!({ "clusterIP": "10.96.0.1", "ports": [{ "port": 443 }] })),
            service(
                "shop",
                "my-db",
                json!({
                    "clusterIP": "10.96.0.7",
                    "ports": [
                        { "name": "redis", "port": 6379, "protocol": "TCP" },
                        { "name": "gossip-in", "port": 7946, "protocol": "UDP" },
                    ],
                }),
            ),
            service("shop", "headless", json!({ "clusterIP": "None", "ports": [{ "port": 1 }] })),
            service("other", "far", json!({ "clusterIP": "10.96.0.9", "ports": [{ "port": 1 }] })),
        ]
    }

    #[test]
    fn services_should_be_told_in_upstreams_names() {
        let found = service_variables(services().iter(), "shop", true);
        let own = found.iter().filter(|(name, _)| name.starts_with("MY_DB"));
        let own: Vec<String> = own.map(|(name, value)| format!("{name}={value}")).collect();
        let expected = "MY_DB_PORT=tcp://10.96.0.7:6379
MY_DB_PORT_6379_TCP=tcp://10.96.0.7:6379
MY_DB_PORT_6379_TCP_ADDR=10.96.0.7
MY_DB_PORT_6379_TCP_PORT=6379
MY_DB_PORT_6379_TCP_PROTO=tcp
MY_DB_PORT_7946_UDP=udp://10.96.0.7:7946
MY_DB_PORT_7946_UDP_ADDR=10.96.0.7
MY_DB_PORT_7946_UDP_PORT=7946
MY_DB_PORT_7946_UDP_PROTO=udp
MY_DB_SERVICE_HOST=10.96.0.7
MY_DB_SERVICE_PORT=6379
MY_DB_SERVICE_PORT_GOSSIP_IN=7946
MY_DB_SERVICE_PORT_REDIS=6379";
        assert_eq!(own.join("\n"), expected);
        assert_eq!(found.get("KUBERNETES_SERVICE_HOST").map(String::as_str), Some("10.96.0.1"));
        assert!(!found.keys().any(|name| name.starts_with("HEADLESS") || name.starts_with("FAR")));
    }

    #[test]
    fn pod_without_links_should_be_told_of_the_api_alone() {
        let found = service_variables(services().iter(), "shop", false);
        assert!(found.keys().all(|name| name.starts_with("KUBERNETES_")), "{found:?}");
        assert_eq!(found.get("KUBERNETES_PORT_443_TCP_PROTO").map(String::as_str), Some("tcp"));
    }
}
