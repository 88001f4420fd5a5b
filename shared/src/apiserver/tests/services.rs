//! Services: their addresses and ports, and what becomes of them when the type changes.

use super::*;
use crate::store::{Expect, StoredValue, Write};

fn service(name: &str, spec: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name }, "spec": spec })
}

/// What `type` a service becomes.
fn becomes(kind: &str) -> Value {
    json!({ "spec": { "type": kind } })
}

#[test]
fn service_should_leave_behind_what_its_new_type_has_no_use_for() {
    let api = api();
    let spec = json!({
        "type": "LoadBalancer", "loadBalancerClass": "example.com/a", "externalTrafficPolicy": "Cluster",
        "ports": [{ "port": 80 }],
    });
    let balanced = api.create("services/default", &service("web", spec)).unwrap();
    assert!(balanced["spec"]["ports"][0]["nodePort"].is_number());
    let status = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } } });
    api.merge("services/default/web/status", status).unwrap();
    let inner = api.merge("services/default/web", becomes("ClusterIP")).unwrap();
    for gone in ["loadBalancerClass", "externalTrafficPolicy", "allocateLoadBalancerNodePorts"] {
        assert!(inner["spec"].get(gone).is_none(), "{gone}");
    }
    assert!(inner["spec"]["ports"][0].get("nodePort").is_none());
    assert_eq!(inner["status"]["loadBalancer"], json!({}));
    assert_eq!(inner["spec"]["clusterIP"], balanced["spec"]["clusterIP"]);

    let named = json!({ "spec": { "type": "ExternalName", "externalName": "example.com" } });
    let named = api.merge("services/default/web", named).unwrap();
    for gone in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        assert!(named["spec"].get(gone).is_none(), "{gone}");
    }
    let again = api.merge("services/default/web", becomes("ClusterIP")).unwrap();
    assert!(again["spec"]["clusterIP"].is_string());
}

#[test]
fn what_a_client_changes_along_with_the_type_should_be_refused() {
    let api = api();
    let spec = json!({ "type": "NodePort", "ports": [{ "port": 80, "nodePort": 30080 }] });
    let made = api.create("services/default", &service("web", spec)).unwrap();
    let port = json!({ "spec": { "type": "ClusterIP", "ports": [{ "port": 80, "nodePort": 30081 }] } });
    let policy = json!({ "spec": { "type": "ClusterIP", "externalTrafficPolicy": "Local" } });
    for (change, field) in [(port, "spec.ports[0].nodePort"), (policy, "spec.externalTrafficPolicy")] {
        let (code, message) = api.merge("services/default/web", change).unwrap_err();
        assert_eq!(code, 422);
        assert!(message.contains(field), "{message}");
    }
    assert_eq!(api.get("services/default/web").unwrap(), made);
}

#[test]
fn client_that_knows_cluster_ip_alone_should_mean_cluster_ips_too() {
    let api = api();
    let made = api.create("services/default", &service("web", json!({ "ports": [{ "port": 80 }] }))).unwrap();
    let cleared =
        json!({ "spec": { "type": "ExternalName", "externalName": "example.com", "clusterIP": null } });
    let named =
        api.send("services/default/web", Operation::Patch(Patch::new(PatchType::Merge, cleared), dry()));
    assert!(named.unwrap()["spec"].get("clusterIPs").is_none());
    assert_eq!(api.merge("services/default/web", json!({ "spec": { "clusterIP": null } })).unwrap(), made);
    let (code, message) =
        api.merge("services/default/web", json!({ "spec": { "clusterIP": "10.96.7.7" } })).unwrap_err();
    assert_eq!(code, 422);
    assert!(
        message.contains("spec.clusterIPs[0]") && message.contains("may not change once set"),
        "{message}"
    );
}

fn ports(service: &Value) -> Vec<i64> {
    let ports = service["spec"]["ports"].as_array().unwrap();
    ports.iter().map(|port| port["nodePort"].as_i64().unwrap()).collect()
}

#[test]
fn ports_of_one_number_should_share_a_node_port() {
    let api = api();
    let dns = |tcp: Value, udp: Value| {
        json!({ "type": "NodePort", "ports": [
            { "name": "tcp", "port": 53, "nodePort": tcp },
            { "name": "udp", "port": 53, "protocol": "UDP", "nodePort": udp },
        ] })
    };
    let make =
        |name: &str, spec| api.create("services/default", &service(name, spec)).map(|made| ports(&made));
    assert_eq!(make("both", dns(30053.into(), 30053.into())), Ok(vec![30053, 30053]));
    assert_eq!(make("last", dns(Value::Null, 30054.into())), Ok(vec![30054, 30054]));
    assert_eq!(make("each", dns(30055.into(), 30056.into())), Ok(vec![30055, 30056]));
    let given = make("none", dns(Value::Null, Value::Null)).unwrap();
    assert_eq!(given[0], given[1]);
    assert_eq!(make("taken", dns(Value::Null, 30053.into())).unwrap_err().0, 422);
}

#[test]
fn node_ports_should_follow_the_names_of_their_ports() {
    let api = api();
    let spec = |kind: &str, ports: Value| json!({ "type": kind, "ports": ports });
    let two = json!([{ "name": "a", "port": 80 }, { "name": "b", "port": 81 }]);
    let made = api.create("services/default", &service("web", spec("NodePort", two))).unwrap();
    let before = ports(&made);
    let update = |spec| ports(&api.update("services/default/web", &service("web", spec)).unwrap());
    let moved = json!([{ "name": "b", "port": 82 }, { "name": "a", "port": 80, "protocol": "SCTP" }]);
    assert_eq!(update(spec("LoadBalancer", moved)), [before[1], before[0]]);
    let swapped = json!([{ "name": "a", "port": 80, "nodePort": before[1] }, { "name": "b", "port": 81 }]);
    let after = update(spec("NodePort", swapped));
    assert_eq!(after[0], before[1]);
    assert!(!before.contains(&after[1]), "b lost its port to a, and a's went: {after:?}");
}

#[test]
fn dry_run_should_find_the_conflicts_of_a_service_with_itself() {
    let api = api();
    let spec = json!({ "type": "NodePort", "ports": [
        { "name": "a", "port": 80, "nodePort": 30080 }, { "name": "b", "port": 81, "protocol": "UDP", "nodePort": 30080 },
    ] });
    let real = api.create("services/default", &service("web", spec.clone()));
    let tried = api.send("services/default", Operation::Create(text(&service("web", spec)), dry()));
    assert!(real.as_ref().is_err_and(|(_, message)| message.contains("already allocated")), "{real:?}");
    assert_eq!(tried, real);
}

#[test]
fn local_traffic_should_be_given_a_health_check_port_and_keep_it() {
    let api = api();
    let spec = |policy: &str| json!({ "type": "LoadBalancer", "externalTrafficPolicy": policy, "ports": [{ "port": 80 }] });
    let made = api.create("services/default", &service("web", spec("Local"))).unwrap();
    let port = made["spec"]["healthCheckNodePort"].clone();
    assert!(port.is_number() && port != made["spec"]["ports"][0]["nodePort"], "{made}");
    let same = api.update("services/default/web", &service("web", spec("Local"))).unwrap();
    assert_eq!(same, made);

    let wanting = |port: &Value| with(spec("Local"), "/healthCheckNodePort", port.clone());
    let taken = format!(
        "Internal error occurred: failed to allocate requested HealthCheck NodePort {port}: provided port is already \
         allocated"
    );
    assert_eq!(api.create("services/default", &service("other", wanting(&port))), Err((500, taken)));
    let open = api.update("services/default/web", &service("web", spec("Cluster"))).unwrap();
    assert!(open["spec"].get("healthCheckNodePort").is_none());
    assert!(api.create("services/default", &service("other", wanting(&port))).is_ok());
    let local =
        api.merge("services/default/web", json!({ "spec": { "externalTrafficPolicy": "Local" } })).unwrap();
    assert!(local["spec"]["healthCheckNodePort"].is_number() && local["spec"]["healthCheckNodePort"] != port);
}

#[test]
fn refused_service_should_leave_its_addresses_to_others() {
    let api = api();
    let spec = |affinity: &str| json!({ "type": "NodePort", "clusterIP": "10.96.7.7", "sessionAffinity": affinity, "ports": [{ "port": 80, "nodePort": 30080 }] });
    let (code, message) = api.create("services/default", &service("a", spec("Sometimes"))).unwrap_err();
    assert_eq!(code, 422);
    assert!(message.contains("spec.sessionAffinity"), "{message}");
    api.create("services/default", &service("b", json!({ "ports": [{ "port": 80 }] }))).unwrap();
    let change = json!({ "spec": { "type": "NodePort", "sessionAffinity": "Sometimes", "ports": [{ "port": 80, "nodePort": 30080 }] } });
    assert_eq!(api.merge("services/default/b", change).unwrap_err().0, 422);
    assert!(api.create("services/default", &service("a", spec("None"))).is_ok());
}

#[test]
fn addresses_that_make_no_sense_should_be_refused_before_any_is_given() {
    let api = api();
    for (spec, sentence) in [
        (json!({ "clusterIP": "garbage", "ports": [{ "port": 80 }] }), "must be a valid IP address"),
        (
            json!({ "clusterIPs": ["10.96.7.7"], "ports": [{ "port": 80 }] }),
            "must be empty when `clusterIP` is not specified",
        ),
    ] {
        let (code, message) = api.create("services/default", &service("web", spec)).unwrap_err();
        assert_eq!(code, 422);
        assert!(message.contains(sentence), "{message}");
    }
}

/// A service of that type with that node port.
fn at_port(name: &str, kind: &str, port: i32) -> Value {
    let spec =
        json!({ "type": kind, "externalName": "example.com", "ports": [{ "port": 80, "nodePort": port }] });
    service(name, spec)
}

#[test]
fn deleted_service_should_free_only_what_it_held() {
    let api = api();
    api.create("services/default", &at_port("holder", "NodePort", 30080)).unwrap();
    api.create("services/default", &at_port("name", "ExternalName", 30080)).unwrap();
    api.delete("services/default/name", DeleteOptions::default()).unwrap();
    assert_eq!(api.create("services/default", &at_port("other", "NodePort", 30080)).unwrap_err().0, 422);
}

#[test]
fn node_port_that_is_asked_for_should_be_held_although_none_are_given() {
    let api = api();
    let ports = json!([{ "name": "a", "port": 80, "nodePort": 30080 }, { "name": "b", "port": 81 }]);
    let spec = json!({ "type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "ports": ports });
    let made = api.create("services/default", &service("web", spec)).unwrap();
    assert!(made["spec"]["ports"][1].get("nodePort").is_none());
    assert_eq!(api.create("services/default", &at_port("other", "NodePort", 30080)).unwrap_err().0, 422);
    api.delete("services/default/web", DeleteOptions::default()).unwrap();
    assert!(api.create("services/default", &at_port("other", "NodePort", 30080)).is_ok());
}

#[test]
fn last_finalizer_should_free_what_the_service_held_before() {
    let api = api();
    let held = with(at_port("web", "NodePort", 30080), "/metadata/finalizers", json!(["example.com/hold"]));
    api.create("services/default", &held).unwrap();
    api.delete("services/default/web", DeleteOptions::default()).unwrap();
    api.update("services/default/web", &at_port("web", "NodePort", 30081)).unwrap();
    assert_eq!(api.get("services/default/web").unwrap_err().0, 404);
    for port in [30080, 30081] {
        assert!(api.create("services/default", &at_port(&format!("s{port}"), "NodePort", port)).is_ok());
    }
}

#[test]
fn repair_should_make_the_claims_what_the_services_say() {
    let api = api();
    let store = &api.server.store;
    let forge = |port: i32, owner: Option<&'static str>, expect| {
        let attachment: Arc<dyn std::any::Any + Send + Sync> = Arc::new(());
        let value =
            owner.map(|owner| StoredValue { bytes: Bytes::from_static(owner.as_bytes()), attachment });
        block_on(store.write(Write { key: format!("/registry/nodeports/{port}").into(), value, expect }))
            .unwrap();
    };
    let found = |port: i32| block_on(store.get(&format!("/registry/nodeports/{port}"))).unwrap();
    for port in [30080, 30081] {
        api.create("services/default", &at_port(&format!("s{port}"), "NodePort", port)).unwrap();
    }
    let right = found(30081).unwrap();
    forge(30080, None, Expect::At(found(30080).unwrap().mod_revision));
    forge(30081, Some("{}"), Expect::At(right.mod_revision));
    forge(30082, Some("{}"), Expect::Absent);
    // What another holds cannot be given back.
    api.delete("services/default/s30081", DeleteOptions::default()).unwrap();
    assert!(found(30081).is_some());
    block_on(api.server.repair_addresses()).unwrap();
    assert!(found(30080).is_some() && found(30081).is_none() && found(30082).is_none());
}
