//! What a client learns of the server: versions, resources, schemas, tables.

use http::Request;
use http::header::ACCEPT;
use kube::Client;
use kube::discovery::{Discovery, Scope};
use serde_json::{Value, json};
use tests::Server;

async fn get(client: &Client, path: &str, accept: &str) -> Value {
    let request = Request::get(path).header(ACCEPT, accept).body(Vec::new()).unwrap();
    client.request(request).await.unwrap()
}

#[tokio::test]
async fn the_server_should_say_that_it_is_kubernetes_1_37() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    let version = client.apiserver_version().await.unwrap();
    assert_eq!((version.major.as_str(), version.minor.as_str()), ("1", "37"));
    assert!(version.git_version.starts_with("v1.37."), "{}", version.git_version);
}

#[tokio::test]
async fn discovery_should_know_every_served_kind() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    let table = [
        ("", "Namespace", "namespaces", Scope::Cluster),
        ("", "Node", "nodes", Scope::Cluster),
        ("", "Pod", "pods", Scope::Namespaced),
        ("", "Service", "services", Scope::Namespaced),
        ("", "ConfigMap", "configmaps", Scope::Namespaced),
        ("", "Secret", "secrets", Scope::Namespaced),
        ("", "Event", "events", Scope::Namespaced),
        ("", "ServiceAccount", "serviceaccounts", Scope::Namespaced),
        ("events.k8s.io", "Event", "events", Scope::Namespaced),
        ("", "PersistentVolume", "persistentvolumes", Scope::Cluster),
        ("", "PersistentVolumeClaim", "persistentvolumeclaims", Scope::Namespaced),
        ("storage.k8s.io", "StorageClass", "storageclasses", Scope::Cluster),
        ("apps", "Deployment", "deployments", Scope::Namespaced),
        ("apps", "ReplicaSet", "replicasets", Scope::Namespaced),
        ("coordination.k8s.io", "Lease", "leases", Scope::Namespaced),
        ("discovery.k8s.io", "EndpointSlice", "endpointslices", Scope::Namespaced),
        ("networking.k8s.io", "Ingress", "ingresses", Scope::Namespaced),
        ("networking.k8s.io", "IngressClass", "ingressclasses", Scope::Cluster),
        ("networking.k8s.io", "NetworkPolicy", "networkpolicies", Scope::Namespaced),
    ];
    let old = Discovery::new(client.clone()).run().await.unwrap();
    let aggregated = Discovery::new(client).run_aggregated().await.unwrap();
    for (group, kind, plural, scope) in table {
        for discovery in [&old, &aggregated] {
            let group = discovery.get(group).unwrap_or_else(|| panic!("no group {group:?}"));
            let (resource, capabilities) =
                group.recommended_kind(kind).unwrap_or_else(|| panic!("no {kind}"));
            assert_eq!((resource.plural.as_str(), &capabilities.scope), (plural, &scope));
            let mut verbs = vec!["get", "list", "watch", "create", "update", "patch", "delete"];
            // A namespace goes one at a time, upstream too.
            verbs.extend((kind != "Namespace").then_some("deletecollection"));
            assert!(
                verbs.iter().all(|verb| capabilities.supports_operation(verb)),
                "{kind}: {:?}",
                capabilities.operations
            );
        }
    }
}

#[tokio::test]
async fn a_table_should_have_kubectls_columns() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let table = get(&client, "/api/v1/nodes", accept).await;
    let columns: Vec<_> =
        table["columnDefinitions"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
    let expected = [
        "Name",
        "Status",
        "Roles",
        "Age",
        "Version",
        "Internal-IP",
        "External-IP",
        "OS-Image",
        "Kernel-Version",
        "Container-Runtime",
    ];
    assert_eq!(columns, expected);
    assert_eq!(table["kind"], "Table");
    assert_eq!(table["rows"][0]["cells"][0], "control-plane");
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
}

#[tokio::test]
async fn endpoints_of_the_api_server_should_be_printed_as_kubectl_prints_them() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let rows = [
        ("/api/v1/namespaces/default/endpoints/kubernetes", json!(["kubernetes", "172.18.0.2:6443"])),
        (
            "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes",
            json!(["kubernetes", "IPv4", "6443", "172.18.0.2"]),
        ),
    ];
    for (path, expected) in rows {
        let table = get(&client, path, accept).await;
        let mut cells = table["rows"][0]["cells"].as_array().unwrap().clone();
        cells.pop().expect("the age");
        assert_eq!(Value::Array(cells), expected, "{path}");
    }
}

#[tokio::test]
async fn metadata_should_come_alone_when_asked_for() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    let accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";
    let list = get(&client, "/api/v1/namespaces", accept).await;
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    let items = list["items"].as_array().unwrap();
    let own = items.iter().find(|item| item["metadata"]["name"] == "default").unwrap();
    assert_eq!((&own["kind"], &own["spec"]), (&json!("PartialObjectMetadata"), &Value::Null));
}

#[tokio::test]
async fn open_api_should_tell_how_lists_are_merged() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    let index = get(&client, "/openapi/v3", "application/json").await;
    let path = index["paths"]["api/v1"]["serverRelativeURL"].as_str().unwrap().to_owned();
    let document = get(&client, &path, "application/json").await;
    let containers =
        &document["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
    assert_eq!(containers["x-kubernetes-list-type"], "map");
    assert!(document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"].is_object());
}

#[tokio::test]
async fn the_server_should_say_that_it_is_well() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    let cases = [
        ("/healthz", "ok"),
        ("/livez", "ok"),
        ("/readyz", "ok"),
        ("/livez/etcd", "ok"),
        ("/readyz?verbose", "[+]ping ok\n[+]etcd ok\nreadyz check passed\n"),
        ("/livez?verbose&exclude=etcd", "[+]ping ok\n[+]etcd excluded: ok\nlivez check passed\n"),
    ];
    for (path, expected) in cases {
        let answer = client.request_text(Request::get(path).body(Vec::new()).unwrap()).await.unwrap();
        assert_eq!(answer, expected, "{path}");
    }
    let unknown = Request::get("/livez/tea").body(Vec::new()).unwrap();
    assert!(client.request_text(unknown).await.is_err());
}
