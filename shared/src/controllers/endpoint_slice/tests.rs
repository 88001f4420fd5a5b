//! The controller over the real chain.

use k8s_openapi::api::core::v1::{Event, Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::controllers::test_pump::Pump;

pub(super) fn from_json<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

/// A Service `web` with more of a spec.
pub(super) fn service(more: &Value) -> Service {
    let mut service = json!({
        "metadata": { "name": "web", "namespace": "default", "labels": { "team": "a" } },
        "spec": { "selector": { "app": "web" }, "ports": [{ "name": "http", "port": 80, "targetPort": 8080 }] },
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        service["spec"][name] = value.clone();
    }
    from_json(service)
}

pub(super) fn node(name: &str, zone: &str) -> Node {
    from_json(json!({ "metadata": { "name": name, "labels": { "topology.kubernetes.io/zone": zone } } }))
}

impl Pump<EndpointSliceController> {
    /// A pod on `node-1`, which has an address and is ready or not.
    pub(super) fn pod(&self, name: &str, ip: &str, ready: bool, more: &Value) {
        let mut pod = json!({
            "metadata": { "name": name, "namespace": "default", "labels": { "app": "web" } },
            "spec": { "nodeName": "node-1", "containers": [{ "name": "main", "image": "nginx" }] },
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            pod["spec"][name] = value.clone();
        }
        self.create(from_json::<Pod>(pod));
        self.set(name, ip, ready);
    }

    pub(super) fn set(&self, name: &str, ip: &str, ready: bool) {
        let condition = json!({
            "type": "Ready", "status": if ready { "True" } else { "False" },
            "lastTransitionTime": "2026-01-01T00:00:07Z",
        });
        let status = json!({
            "phase": "Running", "podIP": ip, "podIPs": [{ "ip": ip }], "conditions": [condition],
        });
        self.patch_status::<Pod>("default", name, status);
    }

    pub(super) fn slices(&self) -> Vec<EndpointSlice> {
        let all = self.list::<EndpointSlice>("default");
        let ours = |slice: &EndpointSlice| slice.metadata.name.as_deref() != Some("kubernetes");
        all.into_iter().filter(ours).collect()
    }

    /// The addresses in each slice, with a mark for what is ready, serving and terminating.
    fn shown(&self) -> Vec<String> {
        let slices = self.slices();
        let shown = slices.iter().map(|slice| {
            let endpoints = slice::endpoints(slice).iter().map(|endpoint| {
                let conditions = endpoint.conditions.clone().unwrap();
                let marks =
                    [("r", conditions.ready), ("s", conditions.serving), ("t", conditions.terminating)];
                let marks = marks.into_iter().filter(|(_, is)| *is == Some(true)).map(|(mark, _)| mark);
                format!("{}:{}", endpoint.addresses.join("+"), marks.collect::<String>())
            });
            endpoints.collect::<Vec<_>>().join(" ")
        });
        let mut shown: Vec<String> = shown.collect();
        shown.sort();
        shown
    }
}

/// A cluster with a Service, and slices of at most so many endpoints.
pub(super) fn pump(max: usize, more: &Value) -> Pump<EndpointSliceController> {
    let mut pump = Pump::new(EndpointSliceController { max, ..EndpointSliceController::default() });
    pump.create(node("node-1", "a"));
    // The cluster's own Services have had theirs.
    pump.run();
    pump.create(service(more));
    pump
}

const NONE: Value = Value::Null;

#[test]
fn endpoint_slice_should_name_pods_and_say_whose_it_is() {
    let mut pump = pump(100, &NONE);
    pump.pod("web-a", "10.244.1.2", true, &NONE);
    pump.run();
    let service = pump.get::<Service>("default", "web").unwrap();
    let pod = pump.get::<Pod>("default", "web-a").unwrap();
    let [slice] = &pump.slices()[..] else { panic!("not one slice") };
    let mut found = serde_json::to_value(slice).unwrap();
    let name = found["metadata"]["name"].take();
    assert!(name.as_str().is_some_and(|name| name.starts_with("web-") && name.len() == 9), "{name}");
    for field in ["uid", "creationTimestamp", "resourceVersion", "name"] {
        found["metadata"].as_object_mut().unwrap().remove(field);
    }
    let expected = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": "default",
            "generateName": "web-",
            "generation": 1,
            "annotations": { "endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T00:00:00Z" },
            "labels": {
                "team": "a",
                "kubernetes.io/service-name": "web",
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            },
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "Service", "name": "web", "uid": service.metadata.uid,
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "addressType": "IPv4",
        "endpoints": [{
            "addresses": ["10.244.1.2"],
            "conditions": { "ready": true, "serving": true, "terminating": false },
            "nodeName": "node-1",
            "zone": "a",
            "targetRef": {
                "kind": "Pod", "namespace": "default", "name": "web-a", "uid": pod.metadata.uid,
            },
        }],
        "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
    });
    assert_eq!(found, expected);
}

#[test]
fn service_without_pods_should_have_one_empty_slice_that_is_used_later() {
    let mut pump = pump(100, &NONE);
    pump.run();
    assert_eq!(pump.shown(), [""]);
    let name = pump.slices()[0].metadata.name.clone();
    assert_eq!(pump.run(), 0);
    pump.pod("web-a", "10.244.1.2", true, &NONE);
    assert_eq!(pump.run(), 1, "one update");
    assert_eq!(pump.slices()[0].metadata.name, name);
    assert_eq!(pump.shown(), ["10.244.1.2:rs"]);
    pump.delete_now::<Pod>("default", "web-a");
    assert_eq!(pump.run(), 1);
    assert_eq!((pump.shown(), pump.slices()[0].metadata.name.clone()), (vec![String::new()], name));
}

#[test]
fn conditions_of_endpoints_should_follow_their_pods() {
    let mut pump = pump(100, &NONE);
    for (name, ip, ready) in
        [("a", "10.244.1.2", true), ("b", "10.244.1.3", false), ("c", "10.244.1.4", true)]
    {
        pump.pod(name, ip, ready, &NONE);
    }
    pump.create(from_json::<Pod>(json!({
        "metadata": { "name": "d", "namespace": "default", "labels": { "app": "web" } },
        "spec": { "containers": [{ "name": "main", "image": "nginx" }] },
    })));
    pump.pod("e", "10.244.1.5", true, &NONE);
    pump.delete::<Pod>("default", "c");
    pump.patch_status::<Pod>("default", "e", json!({ "phase": "Succeeded" }));
    pump.run();
    assert_eq!(pump.shown(), ["10.244.1.2:rs 10.244.1.3: 10.244.1.4:st"]);
    pump.set("b", "10.244.1.3", true);
    assert_eq!(pump.run(), 1);
    assert_eq!(pump.shown(), ["10.244.1.2:rs 10.244.1.3:rs 10.244.1.4:st"]);
}

#[test]
fn service_may_publish_pods_that_are_not_ready() {
    let mut pump = pump(100, &json!({ "publishNotReadyAddresses": true }));
    pump.pod("a", "10.244.1.2", false, &NONE);
    pump.pod("b", "10.244.1.3", true, &json!({ "nodeName": "node-9" }));
    pump.delete::<Pod>("default", "a");
    pump.run();
    assert_eq!(pump.shown(), ["10.244.1.2:rt 10.244.1.3:rs"]);
}

#[test]
fn pod_should_wait_for_its_node() {
    let mut pump = pump(100, &NONE);
    pump.pod("a", "10.244.1.2", true, &json!({ "nodeName": "node-9" }));
    pump.run();
    assert_eq!(pump.shown(), [""]);
    pump.create(node("node-9", "b"));
    pump.run();
    assert_eq!(slice::endpoints(&pump.slices()[0])[0].zone.as_deref(), Some("b"));
}

#[test]
fn pods_with_other_numbers_for_a_named_port_should_have_slices_of_their_own() {
    let ports = json!([
        { "name": "http", "port": 80, "targetPort": "web" },
        { "name": "admin", "port": 81, "targetPort": "admin" },
    ]);
    let mut pump = pump(100, &json!({ "ports": ports }));
    let container =
        |ports: Value| json!({ "containers": [{ "name": "main", "image": "nginx", "ports": ports }] });
    let named = |name: &str, number: i32| json!({ "name": name, "containerPort": number });
    pump.pod("a", "10.244.1.2", true, &container(json!([named("web", 80), named("admin", 90)])));
    pump.pod("b", "10.244.1.3", true, &container(json!([named("web", 8080)])));
    let sidecar =
        json!([{ "name": "s", "image": "x", "restartPolicy": "Always", "ports": [named("web", 8080)] }]);
    pump.pod("c", "10.244.1.4", true, &json!({ "initContainers": sidecar }));
    pump.run();
    let mut found: Vec<_> = pump
        .slices()
        .iter()
        .map(|slice| {
            let ports: Vec<_> = slice::ports(slice)
                .iter()
                .map(|port| format!("{}={}", port.name.as_deref().unwrap(), port.port.unwrap()))
                .collect();
            format!("{} {}", ports.join(","), slice::endpoints(slice).len())
        })
        .collect();
    found.sort();
    assert_eq!(found, ["http=80,admin=90 1", "http=8080 2"]);
}

#[test]
fn headless_service_should_be_labelled_and_name_its_pods() {
    let more = json!({ "clusterIP": "None", "ports": [] });
    let mut pump = pump(100, &more);
    pump.pod("a", "10.244.1.2", true, &json!({ "hostname": "zero", "subdomain": "web" }));
    pump.pod("b", "10.244.1.3", true, &json!({ "hostname": "one", "subdomain": "other" }));
    pump.run();
    let [slice] = &pump.slices()[..] else { panic!("not one slice") };
    assert!(slice.metadata.labels.as_ref().unwrap().contains_key("service.kubernetes.io/headless"));
    let names: Vec<_> = slice::endpoints(slice).iter().map(|endpoint| endpoint.hostname.as_deref()).collect();
    assert_eq!(names, [Some("zero"), None]);
    assert!(slice::ports(slice).is_empty());
}

#[test]
fn services_that_select_nothing_should_have_no_slices() {
    for more in [json!({ "selector": null }), json!({ "type": "ExternalName", "externalName": "a.b" })] {
        let mut pump = pump(100, &more);
        pump.run();
        assert_eq!(pump.slices(), [], "{more}");
    }
}

#[test]
fn labels_of_the_service_should_be_those_of_its_slices() {
    let mut pump = pump(100, &NONE);
    pump.pod("a", "10.244.1.2", true, &NONE);
    pump.run();
    let labels = json!({ "metadata": { "labels": { "team": "b", "kubernetes.io/service-name": "other" } } });
    pump.merge::<Service>("default", "web", labels);
    assert_eq!(pump.run(), 1);
    let labels = pump.slices()[0].metadata.labels.clone().unwrap();
    assert_eq!((labels["team"].as_str(), labels["kubernetes.io/service-name"].as_str()), ("b", "web"));
}

#[test]
fn slices_should_be_filled_with_the_fewest_writes() {
    let mut pump = pump(3, &NONE);
    for number in 1..=7 {
        pump.pod(&format!("p{number}"), &format!("10.244.1.{number}"), true, &NONE);
    }
    assert_eq!(pump.run(), 3, "three slices for seven endpoints");
    let count = |pump: &Pump<EndpointSliceController>| {
        let mut counts: Vec<_> = pump.slices().iter().map(|slice| slice::endpoints(slice).len()).collect();
        counts.sort_unstable();
        counts
    };
    assert_eq!(count(&pump), [1, 3, 3]);
    pump.pod("p8", "10.244.1.8", true, &NONE);
    assert_eq!((pump.run(), count(&pump)), (1, vec![2, 3, 3]), "the one with room");
    pump.delete_now::<Pod>("default", "p1");
    pump.pod("p9", "10.244.1.9", true, &NONE);
    assert_eq!((pump.run(), count(&pump)), (1, vec![2, 3, 3]), "the one that is written anyway");
    for name in ["p2", "p3", "p9"] {
        pump.delete_now::<Pod>("default", name);
    }
    assert_eq!((pump.run(), count(&pump)), (1, vec![2, 3]), "the empty one goes");
}

#[test]
fn hints_should_say_what_is_near() {
    let mut pump = pump(100, &json!({ "trafficDistribution": "PreferSameZone" }));
    pump.pod("a", "10.244.1.2", true, &NONE);
    pump.pod("b", "10.244.1.3", false, &NONE);
    let hints = |pump: &Pump<EndpointSliceController>| {
        let slices = pump.slices();
        let hints: Vec<_> =
            slice::endpoints(&slices[0]).iter().map(|endpoint| json!(endpoint.hints)).collect();
        json!(hints)
    };
    let zone = json!({ "forZones": [{ "name": "a" }] });
    pump.run();
    assert_eq!(hints(&pump), json!([zone, null]), "one that is not ready is nobody's");
    pump.merge::<Service>("default", "web", json!({ "spec": { "trafficDistribution": "PreferSameNode" } }));
    assert_eq!(pump.run(), 1);
    let both = json!({ "forZones": [{ "name": "a" }], "forNodes": [{ "name": "node-1" }] });
    assert_eq!(hints(&pump), json!([both, null]));
    pump.merge::<Service>("default", "web", json!({ "spec": { "trafficDistribution": "PreferClose" } }));
    pump.merge::<Node>(
        "",
        "node-1",
        json!({ "metadata": { "labels": { "topology.kubernetes.io/zone": "b" } } }),
    );
    pump.run();
    assert_eq!(hints(&pump), json!([{ "forZones": [{ "name": "b" }] }, null]));
    pump.merge::<Service>("default", "web", json!({ "spec": { "trafficDistribution": null } }));
    assert_eq!(pump.run(), 1);
    assert_eq!(hints(&pump), json!([null, null]));
}

#[test]
fn slices_of_a_service_before_of_the_same_name_should_go() {
    let mut pump = pump(100, &NONE);
    pump.pod("a", "10.244.1.2", true, &NONE);
    pump.run();
    let old = pump.slices()[0].metadata.name.clone();
    pump.delete::<Service>("default", "web");
    pump.create(service(&NONE));
    pump.run();
    assert_eq!(pump.shown(), ["10.244.1.2:rs"]);
    assert_ne!(pump.slices()[0].metadata.name, old);
    pump.delete::<Service>("default", "web");
    pump.run();
    assert_eq!(pump.slices(), []);
}

#[test]
fn slice_that_others_change_or_delete_should_be_made_good() {
    let mut pump = pump(100, &NONE);
    pump.pod("a", "10.244.1.2", true, &NONE);
    pump.run();
    let name = pump.slices()[0].metadata.name.clone().unwrap();
    pump.merge::<EndpointSlice>("default", &name, json!({ "endpoints": [] }));
    pump.run();
    assert_eq!(pump.shown(), ["10.244.1.2:rs"]);
    pump.delete::<EndpointSlice>("default", &name);
    pump.run();
    assert_eq!(pump.shown(), ["10.244.1.2:rs"]);
}

#[test]
fn slices_should_not_be_made_twice_while_the_watch_lags() {
    let mut pump = pump(100, &NONE);
    pump.pod("a", "10.244.1.2", true, &NONE);
    (0..4).for_each(|index| pump.look_at(index));
    for round in 3..6 {
        for (token, answer) in pump.send() {
            pump.answer(token, answer);
        }
        pump.pod(&format!("p{round}"), &format!("10.244.1.{round}"), true, &NONE);
        pump.look_at(1);
    }
    assert_eq!(pump.slices().len(), 1, "no event of it was told");
    pump.run();
    assert_eq!(pump.shown(), ["10.244.1.2:rs 10.244.1.3:rs 10.244.1.4:rs 10.244.1.5:rs"]);
}

#[test]
fn event_should_tell_of_slices_that_cannot_be_written() {
    let mut pump = pump(100, &NONE);
    pump.pod("a", "10.244.1.2", true, &NONE);
    pump.run();
    let name = pump.slices()[0].metadata.name.clone().unwrap();
    pump.merge::<EndpointSlice>("default", &name, json!({ "metadata": { "annotations": { "a": "b" } } }));
    pump.pod("b", "10.244.1.3", true, &NONE);
    pump.look_at(1);
    for (token, answer) in pump.send() {
        pump.answer(token, answer);
    }
    pump.run();
    let events = pump.list::<Event>("default");
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!(event.reason.as_deref(), Some("FailedToUpdateEndpointSlices"));
    let expected = format!(
        "Error updating Endpoint Slices for Service default/web: failed to update {name} EndpointSlice for Service default/web: Operation cannot be fulfilled on endpointslices.discovery.k8s.io {name:?}: the object has been modified; please apply your changes to the latest version and try again"
    );
    assert_eq!(event.message.as_deref(), Some(expected.as_str()));
    pump.advance(1);
    pump.run();
    assert_eq!(pump.shown(), ["10.244.1.2:rs 10.244.1.3:rs"]);
}
