//! Endpoints and EndpointSlices through the chain.

use super::*;

fn slice(name: &str) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": { "name": name },
        "addressType": "IPv4",
        "endpoints": [{ "addresses": ["10.244.1.2"], "deprecatedTopology": { "zone": "a" } }],
        "ports": [{ "port": 80 }],
    })
}

const PATH: &str = "endpointslices/default/web-1";

#[test]
fn generation_of_an_endpoint_slice_should_count_its_content_and_labels() {
    let api = api();
    let created = api.create("endpointslices/default", &slice("web-1")).unwrap();
    assert_eq!(created["metadata"]["generation"], 1);
    assert_eq!(created["endpoints"][0]["deprecatedTopology"], Value::Null);
    assert_eq!(created["ports"][0], json!({ "name": "", "port": 80, "protocol": "TCP" }));
    let changes = [
        (json!({ "metadata": { "annotations": { "a": "1" } } }), 1),
        (json!({ "metadata": { "labels": { "a": "1" } } }), 2),
        (json!({ "endpoints": [] }), 3),
        (json!({ "ports": [{ "name": "web", "port": 81, "protocol": "TCP" }] }), 4),
    ];
    for (change, generation) in changes {
        let changed = api.merge(PATH, change.clone()).unwrap();
        assert_eq!(changed["metadata"]["generation"], generation, "{change}");
    }
}

#[test]
fn address_type_of_an_endpoint_slice_should_stay() {
    let api = api();
    api.create("endpointslices/default", &slice("web-1")).unwrap();
    let (code, message) = api.merge(PATH, json!({ "addressType": "FQDN", "endpoints": [] })).unwrap_err();
    assert_eq!(code, 422);
    let expected = "EndpointSlice.discovery.k8s.io \"web-1\" is invalid: addressType: Invalid value: \"FQDN\": field is immutable";
    assert_eq!(message, expected);
}

#[test]
fn every_use_of_endpoints_should_be_told_of_their_successor() {
    let api = api();
    let body = json!({ "apiVersion": "v1", "kind": "Endpoints", "metadata": { "name": "web" } });
    let operations = [
        ("endpoints/default", Operation::Create(text(&body), WriteOptions::default())),
        ("endpoints/default/web", Operation::Get),
        ("endpoints/default", Operation::List(ListOptions::default())),
        ("endpoints/default", Operation::Watch(ListOptions::default())),
        ("endpoints/default/web", Operation::Delete(DeleteOptions::default())),
    ];
    for (path, operation) in operations {
        let answer = api.answer(request(path, operation)).unwrap();
        let expected = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";
        assert_eq!(answer.warnings, [expected]);
    }
    let answer = api.answer(request("services/default", Operation::List(ListOptions::default()))).unwrap();
    assert!(answer.warnings.is_empty());
}

#[test]
fn proxy_and_dns_should_follow_endpoint_slices_and_write_none() {
    let api = api();
    for name in ["system:kube-proxy", "system:serviceaccount:kube-system:coredns"] {
        let send = |path: &str, operation| api.send_as(User::new(name, &[]), request(path, operation));
        for plural in ["endpointslices", "services"] {
            assert!(send(&format!("{plural}/"), Operation::List(ListOptions::default())).is_ok(), "{name}");
            assert!(send(&format!("{plural}/"), Operation::Watch(ListOptions::default())).is_ok(), "{name}");
        }
        let create = Operation::Create(text(&slice("web-1")), WriteOptions::default());
        let refused = send("endpointslices/default", create).err().map(|status| refusal(&status).0);
        assert_eq!(refused, Some(403), "{name}");
    }
}

#[test]
fn service_of_the_api_server_should_have_the_address_that_it_was_started_with() {
    let api = api();
    let again = "172.18.0.9:7443".parse().unwrap();
    for (address, port) in [("172.18.0.2", 6443), ("172.18.0.9", 7443)] {
        let endpoints = api.get("endpoints/default/kubernetes").unwrap();
        let ports = json!([{ "name": "https", "port": port, "protocol": "TCP" }]);
        assert_eq!(endpoints["subsets"], json!([{ "addresses": [{ "ip": address }], "ports": ports }]));
        assert_eq!(
            endpoints["metadata"]["labels"],
            json!({ "endpointslice.kubernetes.io/skip-mirror": "true" })
        );
        let slice = api.get("endpointslices/default/kubernetes").unwrap();
        let endpoint = json!({ "addresses": [address], "conditions": { "ready": true } });
        assert_eq!((&slice["endpoints"], &slice["ports"]), (&json!([endpoint]), &ports));
        assert_eq!(slice["metadata"]["labels"], json!({ "kubernetes.io/service-name": "kubernetes" }));
        let service = api.get("services/default/kubernetes").unwrap();
        assert_eq!(service["spec"]["ports"][0]["targetPort"], port);
        block_on(api.server.bootstrap(again)).unwrap();
    }
}
