//! Lookups of pods, with a name server of two zones on the same network.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shared::dns::message::{Record, RecordData, Transport, read_query, write_answer};

use super::*;
use crate::network::{Network, PodIdentity};

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);

const HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tip6-localhost\n10.244.1.2\tweb-0.web.default.svc.cluster.local\tweb-0\n\
                     10.1.2.3\tfoo.remote\n";

fn pod(network: &Network, resolv_conf: &str) -> PodNetwork {
    let names = PodNames { hosts: Hosts::parse(HOSTS), resolv_conf: ResolvConf::parse(resolv_conf) };
    let identity = PodIdentity { hostname: "web-0".into(), names, ..PodIdentity::default() };
    network.add_pod(identity, CLIENT).unwrap()
}

fn cluster_first(nameservers: &str) -> String {
    format!("search default.svc.cluster.local svc.cluster.local\n{nameservers}\noptions ndots:5 timeout:1\n")
}

/// A server that knows `db`, refuses what is outside of the cluster, and counts what it is asked.
fn serve(network: &Network, ip: Ipv4Addr) -> Arc<AtomicUsize> {
    let pod = network.add_pod(PodIdentity::default(), ip).unwrap();
    let mut listener = pod.listen(std::net::SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT)).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let asked = count.clone();
    tokio::spawn(async move {
        while let Ok(mut connection) = listener.accept().await {
            asked.fetch_add(1, Ordering::Relaxed);
            let mut request = vec![0; usize::from(connection.read_u16().await.unwrap())];
            connection.read_exact(&mut request).await.unwrap();
            let query = read_query(&request).unwrap();
            let bytes = write_answer(&query, &answer(&query.name), Transport::Tcp);
            connection.write_u16(u16::try_from(bytes.len()).unwrap()).await.unwrap();
            connection.write_all(&bytes).await.unwrap();
        }
    });
    count
}

fn answer(name: &Name) -> Answer {
    let text = name.to_string();
    if text == "db.default.svc.cluster.local." {
        let data = RecordData::A([10, 96, 0, 77].into());
        let record = Record { name: name.clone(), ttl_seconds: 30, data };
        return Answer { answers: vec![record], ..Answer::default() };
    }
    let is_inside = text.ends_with(".cluster.local.");
    let code = if is_inside { ResponseCode::NameError } else { ResponseCode::Refused };
    Answer { code, reason: Some("no way out".into()), ..Answer::default() }
}

async fn resolve(pod: &PodNetwork, name: &str) -> String {
    match pod.resolve(name).await {
        Ok(addresses) => format!("{addresses:?}"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn pod_should_know_its_hosts_file_and_ask_nobody() {
    let network = Network::new();
    let pod = pod(&network, "");
    for (name, expected) in [
        ("localhost", "[127.0.0.1]"),
        ("a.localhost.", "[127.0.0.1]"),
        ("WEB-0", "[10.244.1.2]"),
        ("web-0.web.default.svc.cluster.local", "[10.244.1.2]"),
        ("foo.remote", "[10.1.2.3]"),
        ("10.9.8.7", "[10.9.8.7]"),
        ("not a name", "invalid name"),
        ("a..b", "invalid name"),
        ("", "invalid name"),
    ] {
        assert_eq!(resolve(&pod, name).await, expected, "{name:?}");
    }
}

#[tokio::test]
async fn pod_should_ask_its_name_server_along_its_search_list() {
    let network = Network::new();
    let count = serve(&network, SERVER);
    let pod = pod(&network, &cluster_first("nameserver 10.96.0.10"));
    for (name, expected, asked) in [
        ("db", "[10.96.0.77]", 1),
        ("db.default", "[10.96.0.77]", 2),
        ("db.default.svc.cluster.local.", "[10.96.0.77]", 1),
        ("dbb", "name does not resolve", 3),
        ("example.com", "name resolution refused: no way out", 3),
    ] {
        let before = count.load(Ordering::Relaxed);
        assert_eq!(resolve(&pod, name).await, expected, "{name}");
        assert_eq!(count.load(Ordering::Relaxed) - before, asked, "{name}");
    }
}

#[tokio::test]
async fn pod_should_go_on_to_its_next_server_when_one_is_dead() {
    let network = Network::new();
    let count = serve(&network, SERVER);
    let pod = pod(&network, &cluster_first("nameserver 10.96.0.99\nnameserver 10.96.0.10"));
    assert_eq!(resolve(&pod, "db").await, "[10.96.0.77]");
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn pod_without_an_answer_should_call_it_temporary() {
    let network = Network::new();
    let silent = network.add_pod(PodIdentity::default(), SERVER).unwrap();
    let pod = pod(&network, &(cluster_first("nameserver 10.96.0.10") + "options attempts:1 timeout:1\n"));
    assert_eq!(resolve(&pod, "db").await, "temporary failure in name resolution", "nobody listens");
    let _listener = silent.listen(std::net::SocketAddrV4::new(SERVER, PORT)).unwrap();
    assert_eq!(resolve(&pod, "db").await, "temporary failure in name resolution", "nobody answers");
}
