//! A cluster's start and end in one process.

use k8s_openapi::api::core::v1::Namespace;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn options(data_dir: &Path) -> ClusterOptions {
    let (data_dir, store) = (data_dir.to_owned(), StoreEngine::Redb);
    let allow_outbound = Vec::new();
    ClusterOptions {
        listen: ANY,
        secure_listen: ANY,
        data_dir,
        store,
        nodes: 1,
        clock_rate: 1.0,
        publish: false,
        allow_outbound,
        registries: RegistryOptions::default(),
    }
}

fn administrator(cluster: &Cluster) -> Client {
    Client::new(cluster.server.clone(), User::new("admin", &["system:masters"]), "test")
}

/// A page that is open: a watch that somebody reads.
async fn watch(cluster: &Cluster) -> TcpStream {
    let mut page = TcpStream::connect(cluster.address).await.unwrap();
    let request = format!("GET /api/v1/namespaces?watch=1 HTTP/1.1\r\nHost: {}\r\n\r\n", cluster.address);
    page.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 15];
    page.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    page
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_cluster_should_leave_its_addresses_and_its_data_to_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let first = Cluster::start(options(directory.path())).await.unwrap();
    let (listen, secure_listen) = (first.address, first.secure_address);
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": "kept"}})).unwrap();
    administrator(&first).create(namespace).await.unwrap();
    let mut page = watch(&first).await;

    first.stop().await;
    let mut rest = Vec::new();
    page.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"\r\n0\r\n\r\n"), "the watch did not end well");

    let options = ClusterOptions { listen, secure_listen, ..options(directory.path()) };
    let second = Cluster::start(options).await.unwrap();
    administrator(&second).get::<Namespace>("", "kept").await.unwrap();
    second.stop().await;
}

#[cfg(unix)]
#[test]
fn a_new_data_directory_should_be_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let parent = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let directory = parent.path().join("some/data");
    create_private(&directory).unwrap();
    assert_eq!(mode(&directory), 0o700);
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o750)).unwrap();
    create_private(&directory).unwrap();
    assert_eq!(mode(&directory), 0o750);
}
