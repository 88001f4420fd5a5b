//! Ways in from the machine: node ports, load balancers and host ports on its loopback interface.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, ensure};
use k8s_openapi::api::core::v1::{Event, Pod, Service};
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tests::Server;
use tests::eventually::eventually;
use tests::objects::{from_json, in_phase, namespace, pod};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is answered to a request for the first page.
async fn page(address: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn until_served(address: SocketAddr) {
    eventually(&format!("the page is served at {address}"), async || {
        let answer = page(address).await?;
        ensure!(answer.contains("<title>"), "{answer}");
        Ok(())
    })
    .await;
}

async fn service(client: &Client, within: &str, spec: serde_json::Value) -> Api<Service> {
    let services = Api::<Service>::namespaced(client.clone(), within);
    let service = from_json(json!({ "metadata": { "name": "web" }, "spec": spec }));
    services.create(&PostParams::default(), &service).await.unwrap();
    services
}

fn at(port: i32) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap()).into()
}

#[tokio::test]
async fn a_service_should_be_reached_at_ports_of_the_machine() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "ways-in").await.unwrap();
    let pods = Api::<Pod>::namespaced(client.clone(), "ways-in");
    let mut web = pod("web", "nginx", None);
    let spec = web.spec.as_mut().unwrap();
    spec.node_name = Some("node-2".into());
    let reserved = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let host_port = i32::from(reserved.local_addr().unwrap().port());
    drop(reserved);
    spec.containers[0].ports = Some(vec![from_json(json!({ "containerPort": 80, "hostPort": host_port }))]);
    pods.create(&PostParams::default(), &web).await.unwrap();
    in_phase(&pods, "web", "Running").await;
    let wanted = json!({
        "type": "LoadBalancer",
        "selector": { "app": "web" },
        "externalTrafficPolicy": "Local",
        "ports": [{ "port": 18080, "targetPort": 80 }],
    });
    let services = service(&client, "ways-in", wanted).await;
    let (node_port, balancer) = eventually("the load balancer has an address", async || {
        let web = services.get("web").await?;
        let ingress = web.status.and_then(|status| status.load_balancer?.ingress?.pop()?.ip);
        let port = web.spec.and_then(|spec| spec.ports?.pop()?.node_port);
        port.zip(ingress).context("not yet")
    })
    .await;
    until_served(at(node_port)).await;
    until_served(at(host_port)).await;
    if cfg!(target_os = "linux") {
        until_served(format!("{}:18080", balancer.replacen("172.", "127.", 1)).parse().unwrap()).await;
    }
    let log = pods.logs("web", &kube::api::LogParams::default()).await.unwrap();
    assert!(
        log.lines().any(|line| line.starts_with("172.18.0.1 ")),
        "the client's own address is kept:\n{log}"
    );
    services.delete("web", &kube::api::DeleteParams::default()).await.unwrap();
    eventually("the port is free again", async || {
        ensure!(TcpStream::connect(at(node_port)).await.is_err(), "it still answers");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_port_that_is_taken_should_be_said_and_hinder_nobody() {
    let server = Server::shared();
    let client = server.client().await.unwrap();
    namespace(&client, "taken").await.unwrap();
    let (taken, port) = {
        let mut tried = 30000..32767;
        loop {
            let port = tried.next().unwrap();
            if let Ok(listener) = TcpListener::bind(at(port)).await {
                break (listener, port);
            }
        }
    };
    let ports = json!([{ "port": 80, "nodePort": port }]);
    service(&client, "taken", json!({ "type": "NodePort", "selector": { "app": "web" }, "ports": ports }))
        .await;
    let events = Api::<Event>::namespaced(client.clone(), "taken");
    eventually("the event tells of it", async || {
        let all = events.list(&ListParams::default()).await?.items;
        let message = all
            .into_iter()
            .find_map(|event| event.message.filter(|_| event.reason.as_deref() == Some("PortNotPublished")));
        let message = message.context("no such event")?;
        ensure!(message.contains(&format!("node port {port}")) && message.contains("127.0.0.1"), "{message}");
        Ok(())
    })
    .await;
    drop(taken);
}
