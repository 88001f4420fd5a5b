//! What the page shows of a Service: its ports, and the endpoints that its EndpointSlices name.

use std::rc::Rc;

use serde_json::Value;

use super::collection::Collection;
use super::object::{entries, integer, items, name, namespace, text, uid};
use super::ui::NamespaceFilter;

/// The label by which a slice names its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// How an endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndpointState {
    /// It gets connections.
    Ready,
    /// It gets none.
    NotReady,
    /// Its pod ends.
    Terminating,
}

impl EndpointState {
    /// The state's name in style sheets and translations.
    pub fn slug(self) -> &'static str {
        match self {
            EndpointState::Ready => "ready",
            EndpointState::NotReady => "not-ready",
            EndpointState::Terminating => "terminating",
        }
    }
}

/// Where a Service leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address.
    pub address: String,
    /// The name and uid of the pod; empty for what is no pod.
    pub pod: (String, String),
    /// The node, empty if none is named.
    pub node: String,
    /// How it is.
    pub state: EndpointState,
}

/// The slices of a Service.
pub fn slices<'a>(all: &'a Collection, service: &'a Value) -> impl Iterator<Item = &'a Rc<Value>> {
    let is_its = |slice: &&Rc<Value>| {
        let label = slice.pointer("/metadata/labels").and_then(|labels| labels.get(SERVICE_NAME));
        namespace(slice) == namespace(service) && label.and_then(Value::as_str) == Some(name(service))
    };
    all.values().filter(is_its)
}

/// The endpoints of a Service, by address, each once.
pub fn endpoints(all: &Collection, service: &Value) -> Vec<Endpoint> {
    let found = slices(all, service).flat_map(|slice| items(slice, "/endpoints"));
    let mut endpoints: Vec<_> = found.map(endpoint).collect();
    endpoints.sort_by(|a, b| (&a.address, a.state).cmp(&(&b.address, b.state)));
    endpoints.dedup_by(|a, b| a.address == b.address);
    endpoints
}

fn endpoint(endpoint: &Value) -> Endpoint {
    let condition = |name: &str| endpoint.pointer(&format!("/conditions/{name}")).and_then(Value::as_bool);
    let state = match (condition("terminating"), condition("ready")) {
        (Some(true), _) => EndpointState::Terminating,
        (_, Some(false)) => EndpointState::NotReady,
        _ => EndpointState::Ready,
    };
    let is_pod = text(endpoint, "/targetRef/kind") == "Pod";
    let of_pod = |pointer| if is_pod { text(endpoint, pointer).to_owned() } else { String::new() };
    Endpoint {
        address: text(endpoint, "/addresses/0").to_owned(),
        pod: (of_pod("/targetRef/name"), of_pod("/targetRef/uid")),
        node: text(endpoint, "/nodeName").to_owned(),
        state,
    }
}

/// How many of the endpoints are ready.
pub fn ready(endpoints: &[Endpoint]) -> usize {
    endpoints.iter().filter(|endpoint| endpoint.state == EndpointState::Ready).count()
}

/// Ports as `kubectl get services` prints them: `80:30080/TCP`.
pub fn ports(service: &Value) -> Vec<String> {
    let print = |port: &Value| {
        let node_port = match integer(port, "/nodePort") {
            0 => String::new(),
            node_port => format!(":{node_port}"),
        };
        format!("{}{node_port}/{}", integer(port, "/port"), protocol(port))
    };
    items(service, "/spec/ports").iter().map(print).collect()
}

fn protocol(port: &Value) -> &str {
    let protocol = text(port, "/protocol");
    if protocol.is_empty() { "TCP" } else { protocol }
}

/// The ports that a browser may open.
pub fn open_ports(service: &Value) -> Vec<i64> {
    if text(service, "/spec/type") == "ExternalName" || namespace(service) == "kube-system" {
        return Vec::new();
    }
    let ports = items(service, "/spec/ports").iter().filter(|port| protocol(port) == "TCP");
    ports.map(|port| integer(port, "/port")).collect()
}

/// The selector as kubectl prints it.
pub fn selector(service: &Value) -> String {
    let pairs = entries(service, "/spec/selector");
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// The addresses by which it is reached from outside.
pub fn external(service: &Value) -> Vec<String> {
    let balancers = items(service, "/status/loadBalancer/ingress").iter();
    let balancers = balancers.map(|ingress| text(ingress, "/ip").to_owned());
    let own = items(service, "/spec/externalIPs").iter().filter_map(|ip| Some(ip.as_str()?.to_owned()));
    let name = Some(text(service, "/spec/externalName").to_owned());
    balancers.chain(own).chain(name).filter(|address| !address.is_empty()).collect()
}

/// The Services that the picture shows. What every cluster has is only shown to those who ask for its namespace.
pub fn shown(services: &Collection, filter: &NamespaceFilter) -> Vec<Rc<Value>> {
    let is_clusters_own = |service: &Value| {
        namespace(service) == "kube-system"
            || (namespace(service) == "default" && name(service) == "kubernetes")
    };
    let is_shown = |service: &&Rc<Value>| match filter {
        NamespaceFilter::Usual => !is_clusters_own(service),
        NamespaceFilter::Everything | NamespaceFilter::Only(_) => filter.shows(namespace(service), false),
    };
    services.values().filter(is_shown).filter(|service| !uid(service).is_empty()).cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::state::collection::Change;

    fn service(spec: Value) -> Value {
        json!({"metadata": {"namespace": "default", "name": "web", "uid": "s"}, "spec": spec})
    }

    fn collection(objects: Vec<Value>) -> Collection {
        let mut collection = Collection::default();
        collection.apply(Change::Listed(objects));
        collection
    }

    #[test]
    fn endpoints_should_come_from_the_services_own_slices() {
        let slice = |name: &str, namespace: &str, service: &str, endpoints: Value| {
            json!({
                "metadata": {"name": name, "namespace": namespace, "labels": {"kubernetes.io/service-name": service}},
                "endpoints": endpoints,
            })
        };
        let pod = |number: u8, conditions: Value| {
            json!({
                "addresses": [format!("10.244.1.{number}")], "nodeName": "node-1", "conditions": conditions,
                "targetRef": {"kind": "Pod", "name": format!("web-{number}"), "uid": format!("u{number}")},
            })
        };
        let slices = collection(vec![
            slice(
                "a",
                "default",
                "web",
                json!([
                    pod(2, json!({"ready": true})),
                    pod(4, json!({"ready": false, "serving": true, "terminating": true})),
                ]),
            ),
            slice(
                "b",
                "default",
                "web",
                json!([pod(3, json!({"ready": false})), pod(2, json!({"ready": true}))]),
            ),
            slice("c", "other", "web", json!([pod(5, json!({"ready": true}))])),
            slice("d", "default", "db", json!([pod(6, json!({"ready": true}))])),
        ]);
        let found = endpoints(&slices, &service(json!({})));
        let said: Vec<_> =
            found.iter().map(|endpoint| (endpoint.pod.0.as_str(), endpoint.state.slug())).collect();
        assert_eq!(said, [("web-2", "ready"), ("web-3", "not-ready"), ("web-4", "terminating")]);
        assert_eq!(ready(&found), 1);
    }

    #[test]
    fn ports_should_be_printed_as_kubectl_does_and_opened_by_tcp() {
        let ports_of = json!([
            {"port": 80, "nodePort": 30080},
            {"port": 53, "protocol": "UDP"},
            {"port": 443, "protocol": "TCP"},
        ]);
        let web = service(json!({"type": "NodePort", "ports": ports_of}));
        assert_eq!(ports(&web), ["80:30080/TCP", "53/UDP", "443/TCP"]);
        assert_eq!(open_ports(&web), [80, 443]);
        let named =
            service(json!({"type": "ExternalName", "externalName": "db.example.test", "ports": ports_of}));
        assert_eq!(open_ports(&named), Vec::<i64>::new());
        assert_eq!(external(&named), ["db.example.test"]);
        assert_eq!(
            selector(&service(json!({"selector": {"app": "web", "tier": "front"}}))),
            "app=web,tier=front"
        );
    }

    #[test]
    fn services_of_every_cluster_should_be_shown_to_those_who_ask() {
        let of = |namespace: &str, name: &str| json!({"metadata": {"namespace": namespace, "name": name, "uid": name}});
        let all = collection(vec![
            of("default", "kubernetes"),
            of("default", "web"),
            of("kube-system", "kube-dns"),
        ]);
        let names = |filter: &NamespaceFilter| {
            shown(&all, filter).iter().map(|service| name(service).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&NamespaceFilter::Usual), ["web"]);
        assert_eq!(names(&NamespaceFilter::Everything), ["kubernetes", "web", "kube-dns"]);
        assert_eq!(names(&NamespaceFilter::Only("kube-system".into())), ["kube-dns"]);
    }
}
