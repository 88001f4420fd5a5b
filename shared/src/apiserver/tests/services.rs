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
