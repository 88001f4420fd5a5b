//! A cluster for tests: the one of CoreDNS's own tests (`plugin/kubernetes/handler_test.go`), as objects.

use serde_json::{Value, json};

use super::*;
use crate::api::object::Object;

/// The time of the zone's last change.
pub(crate) const SERIAL: u32 = 1_499_347_823;

/// An object of a kind, from YAML's JSON.
pub(crate) fn object(value: Value) -> SharedObject {
    match value["kind"].as_str().unwrap() {
        "Namespace" => Object::of(serde_json::from_value::<Namespace>(value).unwrap()),
        "Service" => Object::of(serde_json::from_value::<ApiService>(value).unwrap()),
        "EndpointSlice" => Object::of(serde_json::from_value::<EndpointSlice>(value).unwrap()),
        kind => panic!("{kind} is not for the zone"),
    }
}

pub(crate) fn namespace(name: &str) -> SharedObject {
    object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
}

pub(crate) fn service(name: &str, spec: Value) -> SharedObject {
    let metadata = json!({"name": name, "namespace": "testns"});
    object(json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}))
}

/// A Service with addresses of its own and a port `http`.
pub(crate) fn with_addresses(name: &str, addresses: &[&str]) -> SharedObject {
    let ports = json!([{"name": "http", "protocol": "TCP", "port": 80}]);
    service(name, json!({"clusterIP": addresses[0], "clusterIPs": addresses, "ports": ports}))
}

pub(crate) fn slice(name: &str, service: &str, endpoints: Value, ports: Value) -> SharedObject {
    object(json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": "testns", "labels": {SERVICE_NAME: service}},
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": ports,
    }))
}

/// The zone of the cluster, served at 10.244.0.2.
pub(crate) fn zone() -> Zone {
    let http = json!([{"name": "http", "protocol": "TCP", "port": 80}]);
    let of_dns = json!([{"name": "dns-tcp", "protocol": "TCP", "port": 53}]);
    let mut zone = Zone::new(Ipv4Addr::new(10, 244, 0, 2));
    let objects = [
        namespace("testns"),
        with_addresses("svc1", &["10.0.0.1"]),
        with_addresses("svcempty", &["10.0.0.2"]),
        with_addresses("svc6", &["1234:abcd::1"]),
        with_addresses("svc-dual-stack", &["10.0.0.3", "10::3"]),
        with_addresses("dns", &["10.96.0.10"]),
        service("portless", json!({"clusterIP": "10.0.0.9"})),
        service("hdls1", json!({"clusterIP": "None", "ports": http})),
        service("hdlsprtls", json!({"clusterIP": "None"})),
        service("hdlsempty", json!({"clusterIP": "None", "ports": http})),
        service("external", json!({"type": "ExternalName", "externalName": "ext.interwebs.test"})),
        service("external-address", json!({"type": "ExternalName", "externalName": "10.1.1.1"})),
        service(
            "external-to-service",
            json!({"type": "ExternalName", "externalName": "svc1.testns.svc.cluster.local."}),
        ),
        service(
            "external-to-nothing",
            json!({"type": "ExternalName", "externalName": "svc0.testns.svc.cluster.local"}),
        ),
        service(
            "external-to-itself",
            json!({"type": "ExternalName", "externalName": "external-to-itself.testns.svc.cluster.local"}),
        ),
        slice("svc1-a", "svc1", json!([{"addresses": ["172.0.1.2"]}]), http.clone()),
        slice("dns-a", "dns", json!([{"addresses": ["10.244.0.2"]}]), of_dns),
        slice(
            "hdls1-a",
            "hdls1",
            json!([
                {"addresses": ["172.0.0.2"]},
                {"addresses": ["172.0.0.3"], "conditions": {"ready": true}},
                {"addresses": ["172.0.0.4"], "hostname": "dup-name"},
                {"addresses": ["172.0.0.66"], "conditions": {"ready": false}, "hostname": "not-ready"},
            ]),
            http.clone(),
        ),
        slice(
            "hdls1-b",
            "hdls1",
            json!([{"addresses": ["172.0.0.5"], "hostname": "dup-name"}]),
            http.clone(),
        ),
        slice(
            "hdls1-6",
            "hdls1",
            json!([{"addresses": ["5678:abcd::1"]}, {"addresses": ["5678:abcd::2"]}]),
            http,
        ),
        slice("hdlsprtls-a", "hdlsprtls", json!([{"addresses": ["172.0.0.20"]}]), Value::Null),
    ];
    for object in &objects {
        zone.apply(Change::Added, object, SERIAL);
    }
    zone
}
