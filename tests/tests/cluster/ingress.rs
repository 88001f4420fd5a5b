//! Ingresses on a real cluster: hosts and paths at the page's port, TLS at the API server's.

use std::net::SocketAddr;

use anyhow::ensure;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use tests::Server;
use tests::eventually::eventually;
use tests::objects::{from_json, in_phase, namespace, pod};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The answer to a request at the page's port, head and body.
async fn ask(address: SocketAddr, host: &str, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn until_answered(address: SocketAddr, host: &str, path: &str, code: &str) -> String {
    eventually(&format!("http://{host}{path} is {code}"), async || {
        let answer = ask(address, host, path).await?;
        ensure!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{answer}");
        Ok(answer)
    })
    .await
}

#[tokio::test]
async fn an_ingress_should_lead_hosts_and_paths_to_services_and_leave_the_page_alone() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "ingress").await.unwrap();
    let pods = Api::<Pod>::namespaced(client.clone(), "ingress");
    pods.create(&PostParams::default(), &pod("web", "nginx", None)).await.unwrap();
    in_phase(&pods, "web", "Running").await;
    let services = Api::<Service>::namespaced(client.clone(), "ingress");
    for (name, app) in [("web", "web"), ("empty", "nobody")] {
        let ports = json!([{ "name": "http", "port": 8000, "targetPort": 80 }]);
        let spec = json!({ "selector": { "app": app }, "ports": ports });
        let service = from_json(json!({ "metadata": { "name": name }, "spec": spec }));
        services.create(&PostParams::default(), &service).await.unwrap();
    }
    let path = |path: &str, service: &str, port: serde_json::Value| {
        let backend = json!({ "service": { "name": service, "port": port } });
        json!({ "path": path, "pathType": "Prefix", "backend": backend })
    };
    let paths = [
        path("/index.html", "web", json!({ "name": "http" })),
        path("/empty", "empty", json!({ "number": 8000 })),
        path("/none", "none", json!({ "number": 80 })),
        path("/api/v1/namespaces", "web", json!({ "number": 8000 })),
    ];
    let spec = json!({ "rules": [{ "host": "shop.localhost", "http": { "paths": paths } }] });
    let ingresses = Api::<Ingress>::namespaced(client.clone(), "ingress");
    let ingress = from_json(json!({ "metadata": { "name": "shop" }, "spec": spec }));
    let created = ingresses.create(&PostParams::default(), &ingress).await.unwrap();
    assert_eq!(created.spec.unwrap().ingress_class_name.as_deref(), Some("kijabi"), "the default class");

    let (address, host) = (server.address(), format!("shop.localhost:{}", server.address().port()));
    let page = until_answered(address, &host, "/index.html", "200").await;
    assert!(page.contains("<title>"), "{page}");
    assert!(until_answered(address, &host, "/nothing", "404").await.contains("404 Not Found"));
    until_answered(address, &host, "/empty", "503").await;
    until_answered(address, &host, "/none", "503").await;
    let not_the_api = until_answered(address, &host, "/api/v1/namespaces", "404").await;
    assert!(!not_the_api.contains("NamespaceList"), "{not_the_api}");
    until_answered(address, "evil.example", "/api/v1/namespaces", "403").await;
    let own = until_answered(address, &address.to_string(), "/api/v1/namespaces", "200").await;
    assert!(own.contains("NamespaceList"), "{own}");

    let told = eventually("the Ingress says where it is", async || {
        let line = server.kubectl().ok("get ingress -n ingress").await;
        ensure!(line.contains("localhost   80"), "{line}");
        Ok(line)
    })
    .await;
    assert!(told.contains("kijabi") && told.contains("shop.localhost"), "{told}");
    let classes = Api::<IngressClass>::all(client);
    assert!(classes.get("kijabi").await.unwrap().spec.unwrap().controller.is_some());
}
