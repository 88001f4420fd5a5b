//! The controller over the real chain.

use k8s_openapi::api::core::v1::{EndpointAddress, Event};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::controllers::test_pump::Pump;

fn from_json<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

fn service(spec: Value) -> Service {
    let metadata = json!({ "name": "web", "namespace": "default", "labels": { "team": "a" } });
    from_json(json!({ "metadata": metadata, "spec": spec }))
}

fn pump(spec: Value) -> Pump<EndpointsController> {
    let mut pump = Pump::new(EndpointsController::default());
    // The cluster's own Services have had theirs.
    pump.run();
    pump.create(service(spec));
    pump
}

fn usual() -> Value {
    json!({ "selector": { "app": "web" }, "ports": [
        { "name": "http", "port": 80, "targetPort": "web" },
        { "name": "admin", "port": 81, "targetPort": 90 },
    ] })
}

impl Pump<EndpointsController> {
    /// A pod with a port named `web`.
    fn pod(&self, name: &str, ip: &str, port: i32, ready: bool) {
        self.create(from_json::<Pod>(json!({
            "metadata": { "name": name, "namespace": "default", "labels": { "app": "web" } },
            "spec": { "nodeName": "node-1", "hostname": name, "subdomain": "web", "containers": [{
                "name": "main", "image": "nginx", "ports": [{ "name": "web", "containerPort": port }],
            }] },
        })));
        let ready = json!({ "type": "Ready", "status": if ready { "True" } else { "False" } });
        let status =
            json!({ "phase": "Running", "podIP": ip, "podIPs": [{ "ip": ip }], "conditions": [ready] });
        self.patch_status::<Pod>("default", name, status);
    }

    fn endpoints(&self) -> Endpoints {
        self.get("default", "web").unwrap()
    }

    /// Addresses, those that are not ready after a bar, and ports of every subset.
    fn shown(&self) -> String {
        let ips = |list: &Option<Vec<EndpointAddress>>| {
            list.iter().flatten().map(|address| address.ip.clone()).collect::<Vec<_>>().join(",")
        };
        let subsets = self.endpoints().subsets.unwrap_or_default();
        let shown = subsets.iter().map(|subset| {
            let ports = subset.ports.iter().flatten().map(|port| port.port.to_string());
            let ports = ports.collect::<Vec<_>>().join(",");
            format!("{}|{}:{ports}", ips(&subset.addresses), ips(&subset.not_ready_addresses))
        });
        shown.collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn endpoints_should_name_pods_and_say_who_keeps_them() {
    let mut pump = pump(usual());
    pump.pod("a", "10.244.1.2", 8080, true);
    assert_eq!(pump.run(), 1);
    let endpoints = pump.endpoints();
    let labels = [("endpoints.kubernetes.io/managed-by", "endpoint-controller"), ("team", "a")];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(endpoints.metadata.labels, Some(labels.into()));
    let annotations = endpoints.metadata.annotations.clone().unwrap();
    let expected =
        [("endpoints.kubernetes.io/last-change-trigger-time".to_owned(), "2026-01-01T00:00:00Z".to_owned())];
    assert_eq!(annotations, expected.into());
    let pod = pump.get::<Pod>("default", "a").unwrap();
    let expected = json!([{
        "addresses": [{
            "ip": "10.244.1.2", "hostname": "a", "nodeName": "node-1",
            "targetRef": { "kind": "Pod", "namespace": "default", "name": "a", "uid": pod.metadata.uid },
        }],
        "ports": [
            { "name": "admin", "port": 90, "protocol": "TCP" },
            { "name": "http", "port": 8080, "protocol": "TCP" },
        ],
    }]);
    assert_eq!(json!(endpoints.subsets), expected);
}

#[test]
fn addresses_with_the_same_ports_should_be_one_subset() {
    let mut pump = pump(usual());
    for (name, last, port, ready) in
        [("a", 2, 8080, true), ("b", 3, 8080, false), ("c", 4, 9090, true), ("d", 5, 8080, true)]
    {
        pump.pod(name, &format!("10.244.1.{last}"), port, ready);
    }
    pump.run();
    let all = "10.244.1.2,10.244.1.4,10.244.1.5|10.244.1.3:90";
    assert_eq!(pump.shown(), format!("{all} 10.244.1.2,10.244.1.5|10.244.1.3:8080 10.244.1.4|:9090"));
    pump.delete::<Pod>("default", "a");
    assert_eq!(pump.run(), 1);
    assert_eq!(pump.run(), 0);
    assert_eq!(
        pump.shown(),
        "10.244.1.4,10.244.1.5|10.244.1.3:90 10.244.1.5|10.244.1.3:8080 10.244.1.4|:9090"
    );
}

#[test]
fn headless_service_without_ports_should_have_addresses_alone() {
    let mut pump = pump(json!({ "selector": { "app": "web" }, "clusterIP": "None" }));
    pump.pod("a", "10.244.1.2", 8080, false);
    pump.run();
    assert_eq!(pump.shown(), "|10.244.1.2:");
    assert!(pump.endpoints().metadata.labels.unwrap().contains_key(HEADLESS));
    pump.merge::<Service>("default", "web", json!({ "spec": { "publishNotReadyAddresses": true } }));
    pump.run();
    assert_eq!(pump.shown(), "10.244.1.2|:");
}

#[test]
fn endpoints_of_a_service_should_go_with_it_and_those_of_others_stay() {
    let mut pump = pump(usual());
    let lone = |name: &str| json!({ "metadata": { "name": name, "namespace": "default" } });
    pump.run();
    assert!(pump.exists::<Endpoints>("default", "web"));
    pump.create(from_json::<Endpoints>(lone("lone")));
    pump.create(service_without_selector("mine"));
    pump.create(from_json::<Endpoints>(lone("mine")));
    pump.delete::<Service>("default", "web");
    pump.run();
    assert!(!pump.exists::<Endpoints>("default", "web"));
    assert!(pump.exists::<Endpoints>("default", "lone"));
    assert!(pump.exists::<Endpoints>("default", "mine"));
    let mut pump = pump.with(EndpointsController::default());
    pump.run();
    assert!(!pump.exists::<Endpoints>("default", "lone"), "a new start clears what no Service has");
    assert!(pump.exists::<Endpoints>("default", "mine"));
}

fn service_without_selector(name: &str) -> Service {
    let metadata = json!({ "name": name, "namespace": "default" });
    from_json(json!({ "metadata": metadata, "spec": { "ports": [{ "port": 80 }] } }))
}

#[test]
fn endpoints_should_hold_a_thousand_addresses_and_say_that_there_are_more() {
    let addresses = |prefix: &str, count: usize| -> Vec<Value> {
        (0..count)
            .map(|number| json!({ "ip": format!("10.{prefix}.{}.{}", number / 250, number % 250) }))
            .collect()
    };
    let table = [
        ((600, 400), (0, 0), false, "600+400 0+0"),
        ((600, 300), (300, 300), true, "600+50 300+50"),
        ((900, 10), (600, 10), true, "600+0 400+0"),
    ];
    for (first, second, cut, expected) in table {
        let subset = |prefix: &str, (ready, not_ready)| json!({ "addresses": addresses(prefix, ready), "notReadyAddresses": addresses(prefix, not_ready) });
        let mut endpoints: Endpoints =
            from_json(json!({ "metadata": {}, "subsets": [subset("1", first), subset("2", second)] }));
        assert_eq!(subsets::truncate(&mut endpoints), cut);
        let counts = endpoints.subsets.unwrap().into_iter().map(|subset| {
            let count = |list: Option<Vec<EndpointAddress>>| list.unwrap_or_default().len();
            format!("{}+{}", count(subset.addresses), count(subset.not_ready_addresses))
        });
        assert_eq!(counts.collect::<Vec<_>>().join(" "), expected);
    }
}

#[test]
fn event_should_tell_of_endpoints_that_cannot_be_written() {
    let mut pump = pump(usual());
    pump.run();
    pump.merge::<Endpoints>("default", "web", json!({ "metadata": { "annotations": { "a": "b" } } }));
    pump.pod("a", "10.244.1.2", 8080, true);
    pump.look_at(1);
    for (token, answer) in pump.send() {
        pump.answer(token, answer);
    }
    pump.run();
    let events = pump.list::<Event>("default");
    assert_eq!(events[0].reason.as_deref(), Some("FailedToUpdateEndpoint"));
    pump.advance(1);
    pump.run();
    assert_eq!(pump.shown(), "10.244.1.2|:90,8080");
}
