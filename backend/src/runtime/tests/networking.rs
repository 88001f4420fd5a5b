//! Guests on the pod network, with `std::net` alone.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::runtime::testing::Cluster;

#[tokio::test]
async fn a_guest_should_reach_another_pod_by_its_address() {
    let cluster = Cluster::new().await;
    let (one, two) = (cluster.pod(2), cluster.pod(3));
    let server = cluster.start(cluster.spec("server", &two, "echo-server 0.0.0.0:80"));
    server.logged("listening on 0.0.0.0:80").await;
    let client = cluster.start(cluster.spec("client", &one, "connect 10.244.1.3:80"));
    assert_eq!(client.handle.wait().await.code, 0);
    assert_eq!(client.log().await, "connected to 10.244.1.3:80\nhello 10.244.1.2\nping\n");
}

#[tokio::test]
async fn localhost_should_be_shared_by_a_pod_and_by_nobody_else() {
    let cluster = Cluster::new().await;
    let (one, two) = (cluster.pod(2), cluster.pod(3));
    let server = cluster.start(cluster.spec("server", &one, "echo-server 127.0.0.1:80"));
    server.logged("listening").await;
    let cases = [
        (&one, "connect 127.0.0.1:80", 0),
        (&one, "connect localhost:80", 0),
        (&one, "connect 10.244.1.2:80", 1),
        (&two, "connect 127.0.0.1:80", 1),
        (&two, "connect 10.244.1.2:80", 1),
    ];
    for (number, (pod, arguments, code)) in cases.into_iter().enumerate() {
        let client = cluster.start(cluster.spec(&format!("client-{number}"), pod, arguments));
        assert_eq!(client.handle.wait().await.code, code, "{arguments}");
        if code == 1 {
            assert_eq!(client.log().await, "error: ConnectionRefused\n", "{arguments}");
        }
    }
}

#[tokio::test]
async fn a_guest_should_not_reach_the_host() {
    let cluster = Cluster::new().await;
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let arguments = format!("connect {}", host.local_addr().unwrap());
    let (status, log) = cluster.run(&arguments).await;
    assert_eq!((status.code, log.as_str()), (1, "error: ConnectionRefused\n"));
    for address in ["192.0.2.1:80", "169.254.169.254:80"] {
        let (_, log) = cluster.run(&format!("connect {address}")).await;
        assert_eq!(log, "error: HostUnreachable\n", "{address}");
    }
}

#[tokio::test]
async fn a_guest_should_not_reach_the_hosts_other_addresses() {
    let networks = sysinfo::Networks::new_with_refreshed_list().unwrap();
    let addresses = networks.values().flat_map(|network| network.ip_networks().to_vec());
    let addresses: Vec<_> = addresses.map(|network| network.addr).filter(|ip| ip.is_ipv4()).collect();
    assert!(!addresses.is_empty(), "the host has no address");
    let cluster = Cluster::new().await;
    for address in addresses {
        let host = TcpListener::bind(SocketAddr::new(address, 0)).unwrap();
        host.set_nonblocking(true).unwrap();
        for command in ["connect", "udp"] {
            let word = if command == "udp" { " word" } else { "" };
            let (status, _) = cluster.run(&format!("{command} {}{word}", host.local_addr().unwrap())).await;
            assert_eq!(status.code, 1, "{command} {address}");
        }
        assert_eq!(host.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "{address}");
    }
}

#[tokio::test]
async fn a_port_should_be_taken_once_in_a_pod() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let first = cluster.start(cluster.spec("first", &pod, "echo-server 0.0.0.0:80"));
    first.logged("listening").await;
    let second = cluster.start(cluster.spec("second", &pod, "echo-server 0.0.0.0:80"));
    assert_eq!(second.handle.wait().await.code, 1);
    assert_eq!(second.log().await, "error: AddrInUse\n");
}

#[tokio::test]
async fn a_half_closed_connection_should_still_be_read() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let server = cluster.start(cluster.spec("server", &pod, "echo-server 0.0.0.0:80"));
    server.logged("listening").await;
    let client = cluster.start(cluster.spec("client", &pod, "half-close 127.0.0.1:80"));
    assert_eq!(client.handle.wait().await.code, 0);
    assert_eq!(client.log().await, "hello 127.0.0.1|last words\n");
}

#[tokio::test]
async fn the_cluster_should_reach_a_guest_and_lose_it_when_it_ends() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let server = cluster.start(cluster.spec("server", &pod, "echo-server 0.0.0.0:80"));
    server.logged("listening").await;
    let address = SocketAddr::from((Ipv4Addr::new(10, 244, 1, 2), 80));
    let mut connection = cluster.node().dial(address).await.unwrap();
    connection.write_all(b"ping\n").await.unwrap();
    let mut text = vec![0; "hello 10.244.1.1\nping\n".len()];
    connection.read_exact(&mut text).await.unwrap();
    assert_eq!(text, b"hello 10.244.1.1\nping\n");
    server.handle.kill(std::time::Duration::ZERO).await;
    assert_eq!(connection.read(&mut text).await.unwrap_or(0), 0);
    assert!(cluster.node().dial(address).await.is_err());
}

#[tokio::test]
async fn names_and_datagrams_should_be_answered_honestly() {
    let cluster = Cluster::new().await;
    let cases = [
        ("lookup localhost", 0, "127.0.0.1:80\n"),
        ("lookup pod-250", 0, "10.244.1.250:80\n"),
        ("udp 10.244.1.250:53 hello", 1, "error: ConnectionRefused\n"),
    ];
    for (arguments, code, expected) in cases {
        let (status, log) = cluster.run(arguments).await;
        assert_eq!((status.code, log.as_str()), (code, expected), "{arguments}");
    }
    assert_eq!(cluster.run("lookup example.com").await.0.code, 1);
}

#[tokio::test]
async fn an_idle_client_should_not_stop_a_server_that_polls() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let server = cluster.start(cluster.spec("server", &pod, "poll-server 80"));
    server.logged("polling").await;
    let address = SocketAddr::from((Ipv4Addr::new(10, 244, 1, 2), 80));
    let mut idle = cluster.node().dial(address).await.unwrap();
    for text in [b"one", b"two"] {
        let mut busy = cluster.node().dial(address).await.unwrap();
        busy.write_all(text).await.unwrap();
        let mut answer = [0; 3];
        busy.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, text);
    }
    idle.write_all(b"awake").await.unwrap();
    let mut answer = [0; 5];
    idle.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"awake");
}

#[tokio::test]
async fn removing_a_pod_should_end_its_guests_connections() {
    let cluster = Cluster::new().await;
    let (one, two) = (cluster.pod(2), cluster.pod(3));
    let server = cluster.start(cluster.spec("server", &one, "echo-server 0.0.0.0:80"));
    server.logged("listening").await;
    let mut connection = two.dial(SocketAddr::from((one.ip(), 80))).await.unwrap();
    let mut hello = [0; 6];
    connection.read_exact(&mut hello).await.unwrap();
    cluster.network.remove_pod(&one);
    server.logged("lost 10.244.1.3").await;
    assert_eq!(connection.read_u8().await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn bulk_should_flow_between_guests() {
    let cluster = Cluster::new().await;
    let (one, two) = (cluster.pod(2), cluster.pod(3));
    let server = cluster.start(cluster.spec("server", &two, "sink-server 0.0.0.0:80"));
    server.logged("listening").await;
    let client = cluster.start(cluster.spec("client", &one, "send 10.244.1.3:80 100"));
    assert_eq!(client.handle.wait().await.code, 0);
    assert_eq!(server.handle.wait().await.code, 0);
    assert!(server.log().await.contains("received 100 MB"));
}

#[tokio::test]
async fn guests_should_send_datagrams_to_each_other() {
    let cluster = Cluster::new().await;
    let (one, two) = (cluster.pod(2), cluster.pod(3));
    let server = cluster.start(cluster.spec("server", &one, "udp-server 0.0.0.0:53"));
    server.logged("listening on 0.0.0.0:53").await;
    let client = cluster.start(cluster.spec("client", &two, "udp 10.244.1.2:53 hello"));
    assert_eq!(client.handle.wait().await.code, 0);
    assert_eq!(client.log().await, "HELLO from 10.244.1.2:53\n");
    server.logged("from 10.244.1.3").await;
}
