//! Services: their addresses and ports, and what becomes of them when the type changes.

use super::*;

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
    let named = api.send(
        "services/default/web",
        Operation::Patch(Patch { form: PatchType::Merge, body: cleared }, dry()),
    );
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
