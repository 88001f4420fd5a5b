//! The controller over the real chain.

use k8s_openapi::api::core::v1::Event;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::controllers::endpoint_slice::slice;
use crate::controllers::test_pump::Pump;

fn from_json<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

/// A cluster with a Service `db` without a selector and Endpoints of its name.
fn pump(subsets: Value) -> Pump<EndpointSliceMirroringController> {
    let pump = Pump::new(EndpointSliceMirroringController::default());
    let metadata = json!({ "name": "db", "namespace": "default" });
    pump.create(from_json::<Service>(
        json!({ "metadata": metadata, "spec": { "ports": [{ "port": 5432 }] } }),
    ));
    let metadata = json!({
        "name": "db", "namespace": "default", "labels": { "tier": "data" },
        "annotations": {
            "note": "mine", "endpoints.kubernetes.io/last-change-trigger-time": "x",
            "kubectl.kubernetes.io/last-applied-configuration": "{}",
        },
    });
    pump.create(from_json::<Endpoints>(json!({ "metadata": metadata, "subsets": subsets })));
    pump
}

fn mirrors(pump: &Pump<EndpointSliceMirroringController>) -> Vec<EndpointSlice> {
    let all = pump.list::<EndpointSlice>("default");
    all.into_iter().filter(|slice| slice.metadata.name.as_deref() != Some("kubernetes")).collect()
}

/// The addresses of each slice, those that are not ready in brackets, and its ports.
fn shown(pump: &Pump<EndpointSliceMirroringController>) -> Vec<String> {
    let slices = mirrors(pump);
    let mut shown: Vec<_> = slices
        .iter()
        .map(|slice| {
            let endpoints = slice::endpoints(slice).iter().map(|endpoint| {
                let ready = endpoint.conditions.as_ref().unwrap().ready == Some(true);
                if ready {
                    endpoint.addresses.join("+")
                } else {
                    format!("({})", endpoint.addresses.join("+"))
                }
            });
            let ports = slice::ports(slice).iter().map(|port| port.port.unwrap().to_string());
            let (endpoints, ports): (Vec<_>, Vec<_>) = (endpoints.collect(), ports.collect());
            format!("{}:{}", endpoints.join(","), ports.join(","))
        })
        .collect();
    shown.sort();
    shown
}

fn subset(addresses: &[&str], not_ready: &[&str], port: i32) -> Value {
    let list = |ips: &[&str]| ips.iter().map(|ip| json!({ "ip": ip })).collect::<Vec<_>>();
    json!({ "addresses": list(addresses), "notReadyAddresses": list(not_ready), "ports": [{ "port": port }] })
}

#[test]
fn mirror_should_say_what_the_endpoints_say() {
    let mut pump = pump(json!([
        subset(&["192.0.2.1", "fd00::1"], &["192.0.2.2"], 5432),
        subset(&["192.0.2.3"], &[], 9187),
    ]));
    assert_eq!(pump.run(), 3);
    assert_eq!(shown(&pump), ["192.0.2.1,(192.0.2.2):5432", "192.0.2.3:9187", "fd00::1:5432"]);
    let slice = &mirrors(&pump)[0];
    let labels = slice.metadata.labels.clone().unwrap();
    assert_eq!(labels["endpointslice.kubernetes.io/managed-by"], "endpointslicemirroring-controller.k8s.io");
    assert_eq!((labels["kubernetes.io/service-name"].as_str(), labels["tier"].as_str()), ("db", "data"));
    let annotations = slice.metadata.annotations.clone().unwrap();
    assert_eq!(annotations, [("note".to_owned(), "mine".to_owned())].into());
    let owner = &slice.metadata.owner_references.as_ref().unwrap()[0];
    assert_eq!((owner.kind.as_str(), owner.name.as_str()), ("Endpoints", "db"));
    assert_eq!(pump.run(), 0);
}

#[test]
fn mirror_should_follow_with_the_fewest_writes() {
    let mut pump = pump(json!([subset(&["192.0.2.1"], &[], 5432), subset(&["192.0.2.3"], &[], 9187)]));
    pump.run();
    let change = |subsets: Value| json!({ "subsets": subsets });
    let more = json!([subset(&["192.0.2.1", "192.0.2.4"], &[], 5432), subset(&["192.0.2.3"], &[], 9187)]);
    pump.merge::<Endpoints>("default", "db", change(more));
    assert_eq!(pump.run(), 1);
    let other = json!([subset(&["192.0.2.1"], &["192.0.2.4"], 5433)]);
    pump.merge::<Endpoints>("default", "db", change(other));
    assert_eq!(pump.run(), 2, "one is written over, one deleted");
    assert_eq!(shown(&pump), ["192.0.2.1,(192.0.2.4):5433"]);
    pump.merge::<Endpoints>("default", "db", json!({ "metadata": { "labels": { "tier": "other" } } }));
    assert_eq!(pump.run(), 1);
    pump.merge::<Endpoints>("default", "db", change(json!([])));
    pump.run();
    assert_eq!(shown(&pump), [""; 0]);
}

#[test]
fn what_is_not_to_be_mirrored_should_have_no_mirror() {
    type Act = fn(&Pump<EndpointSliceMirroringController>);
    let acts: [Act; 4] = [
        |pump| pump.delete::<Endpoints>("default", "db"),
        |pump| pump.delete::<Service>("default", "db"),
        |pump| pump.merge::<Service>("default", "db", json!({ "spec": { "selector": { "app": "db" } } })),
        |pump| {
            pump.merge::<Endpoints>(
                "default",
                "db",
                json!({ "metadata": { "labels": { SKIP_MIRROR: "true" } } }),
            )
        },
    ];
    for act in acts {
        let mut pump = pump(json!([subset(&["192.0.2.1"], &[], 5432)]));
        pump.run();
        assert_eq!(mirrors(&pump).len(), 1);
        act(&pump);
        pump.run();
        assert_eq!(mirrors(&pump), []);
    }
}

#[test]
fn endpoints_of_the_api_server_should_not_be_mirrored() {
    let mut pump = pump(json!([]));
    assert_eq!(pump.run(), 0);
    let slices = pump.list::<EndpointSlice>("default");
    assert_eq!(slices.len(), 1, "the one that the API server made itself");
}

#[test]
fn addresses_that_are_too_many_should_be_told() {
    let ips: Vec<String> =
        (0..1003).map(|number| format!("10.9.{}.{}", number / 250, number % 250)).collect();
    let ips: Vec<&str> = ips.iter().map(String::as_str).collect();
    let mut pump = pump(json!([subset(&ips, &[], 5432)]));
    pump.run();
    assert_eq!(slice::endpoints(&mirrors(&pump)[0]).len(), 1000);
    let event = pump.list::<Event>("default").remove(0);
    assert_eq!(event.reason.as_deref(), Some("TooManyAddressesToMirror"));
    let expected = "A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 3 addresses were skipped";
    assert_eq!(event.message.as_deref(), Some(expected));
}
