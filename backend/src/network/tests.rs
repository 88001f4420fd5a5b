//! The network from the host's side; guests are in `runtime/tests`.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const ONE: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);
const TWO: Ipv4Addr = Ipv4Addr::new(10, 244, 2, 3);
const NODE: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 4);
const OTHER: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 5);
const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn two_pods() -> (Network, PodNetwork, PodNetwork) {
    let network = Network::new();
    let on = |node: &str| PodIdentity { node: node.into(), ..PodIdentity::default() };
    let one = network.add_pod(on("node-1"), ONE).unwrap();
    let two = network.add_pod(on("node-2"), TWO).unwrap();
    (network, one, two)
}

fn v4(ip: Ipv4Addr, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(ip, port)
}

fn at(ip: Ipv4Addr, port: u16) -> SocketAddr {
    v4(ip, port).into()
}

#[tokio::test]
async fn a_listener_should_be_reached_as_its_address_says() {
    let (network, one, two) = two_pods();
    let node = network.add_node("node-2", NODE).unwrap();
    let refused = Err(DialError::Refused);
    let cases = [
        (ANY, &one, TWO, Ok(())),
        (TWO, &one, TWO, Ok(())),
        (LOOPBACK, &one, TWO, refused),
        (ANY, &one, LOOPBACK, refused),
        (ANY, &two, LOOPBACK, Ok(())),
        (LOOPBACK, &two, LOOPBACK, Ok(())),
        (TWO, &two, LOOPBACK, refused),
        (TWO, &two, TWO, Ok(())),
        (ANY, &node, TWO, Ok(())),
        (ANY, &node, LOOPBACK, refused),
        (ANY, &node, Ipv4Addr::new(10, 244, 9, 9), Err(DialError::Unreachable)),
    ];
    for (bound, from, dialled, expected) in cases {
        let listener = two.listen(v4(bound, 80)).unwrap();
        let result = network.dial(from, at(dialled, 80)).await.map(drop);
        assert_eq!(result, expected, "{dialled} where {bound} is bound");
        drop(listener);
        let result = network.dial(&one, at(TWO, 80)).await.map(drop);
        assert_eq!(result, refused, "after the listener is gone");
    }
}

#[tokio::test]
async fn both_ends_should_know_each_other() {
    let (network, one, two) = two_pods();
    let mut listener = two.listen(v4(ANY, 80)).unwrap();
    let client = one.dial(at(TWO, 80)).await.unwrap();
    let server = listener.accept().await.unwrap();
    assert_eq!(client.peer_address(), at(TWO, 80));
    assert_eq!(server.local_address(), at(TWO, 80));
    assert_eq!(server.peer_address(), client.local_address());
    assert_eq!(server.peer_address().ip(), ONE);
    for (node, address, seen) in [("node-2", NODE, Ipv4Addr::new(10, 244, 2, 1)), ("node-3", OTHER, OTHER)] {
        let node = network.add_node(node, address).unwrap();
        let _probe = node.dial(at(TWO, 80)).await.unwrap();
        assert_eq!(listener.accept().await.unwrap().peer_address().ip(), seen);
    }
    let outside = at(Ipv4Addr::new(192, 0, 2, 9), 4000);
    let _visit = network.enter(&one, outside, at(TWO, 80)).await.unwrap();
    assert_eq!(listener.accept().await.unwrap().peer_address(), outside);
}

#[test]
fn ports_should_be_taken_once() {
    let (_network, one, two) = two_pods();
    let held = one.bind(v4(ANY, 80)).unwrap();
    assert_eq!(one.bind(v4(LOOPBACK, 80)).err(), Some(BindError::AddressInUse));
    assert_eq!(one.bind(v4(TWO, 81)).err(), Some(BindError::AddressNotAvailable));
    assert!(two.bind(v4(ANY, 80)).is_ok(), "another pod has its own ports");
    let chosen = one.bind(v4(ANY, 0)).unwrap();
    assert!(chosen.local_address().port() >= 32768);
    drop(held);
    assert!(one.bind(v4(ONE, 80)).is_ok());
    assert!(one.bind(v4(LOOPBACK, 80)).is_ok(), "the port was freed again");
}

#[tokio::test]
async fn removing_a_pod_should_reset_its_connections_and_free_its_address() {
    let (network, one, two) = two_pods();
    let mut listener = two.listen(v4(ANY, 80)).unwrap();
    let mut client = one.dial(at(TWO, 80)).await.unwrap();
    let _server = listener.accept().await.unwrap();
    network.remove_pod(&two);
    assert_eq!(client.read_u8().await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(listener.accept().await.err(), Some(BindError::PodRemoved));
    assert_eq!(one.dial(at(TWO, 80)).await.err(), Some(DialError::Unreachable));
    assert_eq!(two.bind(v4(ANY, 80)).err(), Some(BindError::PodRemoved));
    assert!(network.add_pod(PodIdentity::default(), TWO).is_ok());
}

#[tokio::test]
async fn a_connection_should_wait_for_room_in_the_backlog() {
    let (_network, one, two) = two_pods();
    let mut listener = two.bind(v4(ANY, 80)).unwrap().listen(1);
    let _waiting = one.dial(at(TWO, 80)).await.unwrap();
    let second = one.dial(at(TWO, 80));
    tokio::pin!(second);
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut second).await.is_err());
    listener.accept().await.unwrap();
    assert!(second.await.is_ok());
}

/// Sends a service address to a pod, refuses port 81, counts.
#[derive(Default)]
struct Service {
    seen: Mutex<Vec<Flow>>,
    open: AtomicUsize,
}

impl ConnectionRule for Service {
    fn decide(&self, attempt: &mut Attempt) -> Verdict {
        if attempt.target.ip() == Ipv4Addr::new(10, 96, 0, 7) {
            attempt.target.set_ip(TWO.into());
        }
        match attempt.target.port() {
            81 => Verdict::Fail(DialError::TimedOut),
            82 => Verdict::Drop,
            _ => Verdict::Continue,
        }
    }

    fn opened(&self, flow: &Flow) {
        self.seen.lock().unwrap().push(*flow);
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    fn closed(&self, _: &Flow) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn rules_should_translate_forbid_and_count_connections() {
    let (network, one, two) = two_pods();
    let service = Arc::new(Service::default());
    network.add_rule(Stage::Translate, service.clone());
    let mut listener = two.listen(v4(ANY, 80)).unwrap();
    let address = at(Ipv4Addr::new(10, 96, 0, 7), 80);
    let client = one.dial(address).await.unwrap();
    let server = listener.accept().await.unwrap();
    assert_eq!(client.peer_address(), address, "the client sees what it dialled");
    assert_eq!(server.local_address(), at(TWO, 80));
    assert_eq!(service.seen.lock().unwrap()[0].target, at(TWO, 80));
    assert_eq!(service.open.load(Ordering::Relaxed), 1);
    drop((client, server));
    assert_eq!(service.open.load(Ordering::Relaxed), 0);
    assert_eq!(one.dial(at(TWO, 81)).await.err(), Some(DialError::TimedOut));
    let dropped = tokio::time::timeout(Duration::from_millis(50), one.dial(at(TWO, 82))).await;
    assert!(dropped.is_err(), "what is dropped gets no answer");
}

/// Sends a port of the node itself to a pod.
struct NodePort {
    node: &'static str,
    masquerade: bool,
}

impl ConnectionRule for NodePort {
    fn decide(&self, attempt: &mut Attempt) -> Verdict {
        if attempt.target == at(NODE, 30080) {
            assert_eq!(attempt.node, self.node);
            attempt.target = at(TWO, 80);
            attempt.masquerade = self.masquerade;
        }
        Verdict::Continue
    }
}

/// Sends port 443 to a port of a node; what a node dials leaves under its address.
struct ToNode;

impl ConnectionRule for ToNode {
    fn decide(&self, attempt: &mut Attempt) -> Verdict {
        if attempt.target.port() == 443 {
            attempt.target = at(OTHER, 6443);
            attempt.masquerade = attempt.origin == Origin::Node;
        }
        Verdict::Continue
    }
}

#[tokio::test]
async fn what_leaves_under_a_nodes_address_should_keep_it_on_the_next_node() {
    let (network, one, _two) = two_pods();
    let node = network.add_node("node-1", NODE).unwrap();
    let other = network.add_node("node-3", OTHER).unwrap();
    network.add_rule(Stage::Translate, Arc::new(ToNode));
    let mut listener = other.listen(v4(OTHER, 6443)).unwrap();
    for (from, seen) in [(&node, NODE), (&one, ONE)] {
        let _client = from.dial(at(Ipv4Addr::new(10, 96, 0, 1), 443)).await.unwrap();
        assert_eq!(listener.accept().await.unwrap().peer_address().ip(), seen);
    }
}

#[tokio::test]
async fn rules_of_a_node_should_count_there_and_masquerading_should_hide_the_client() {
    for (masquerade, expected) in [(false, ONE), (true, NODE)] {
        let (network, one, two) = two_pods();
        network.add_node("node-1", Ipv4Addr::new(172, 18, 0, 3)).unwrap();
        network.add_node("node-3", NODE).unwrap();
        let mut listener = two.listen(v4(ANY, 80)).unwrap();
        let refused = one.dial(at(NODE, 30080)).await.err();
        assert_eq!(refused, Some(DialError::Refused), "nobody has rules yet");
        network.add_node_rule("node-3", Stage::Translate, Arc::new(NodePort { node: "node-3", masquerade }));
        let _client = one.dial(at(NODE, 30080)).await.unwrap();
        let seen = listener.accept().await.unwrap().peer_address().ip();
        assert_eq!(seen, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_should_carry_a_hundred_megabytes_a_second() {
    const MEGABYTES: usize = 256;
    let (_network, one, two) = two_pods();
    let mut listener = two.listen(v4(ANY, 80)).unwrap();
    let mut client = one.dial(at(TWO, 80)).await.unwrap();
    let mut server = listener.accept().await.unwrap();
    let start = Instant::now();
    let send = tokio::spawn(async move {
        let chunk = vec![7; 1 << 20];
        for _ in 0..MEGABYTES {
            client.write_all(&chunk).await.unwrap();
        }
    });
    let mut buffer = vec![0; 64 * 1024];
    let mut received = 0;
    while let read @ 1.. = server.read(&mut buffer).await.unwrap() {
        received += read;
    }
    send.await.unwrap();
    assert_eq!(received, MEGABYTES << 20);
    assert!(start.elapsed() < Duration::from_millis(2560), "took {:?}", start.elapsed());
}

#[test]
fn a_network_should_be_freed_although_pods_know_it() {
    let (network, one, _two) = two_pods();
    drop(network);
    assert!(one.network().is_none());
}

#[tokio::test]
async fn http_should_run_over_a_connection() {
    let (_network, one, two) = two_pods();
    let mut listener = two.listen(v4(ANY, 80)).unwrap();
    tokio::spawn(async move {
        let mut server = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let read = server.read(&mut request).await.unwrap();
        assert!(request[..read].starts_with(b"GET /healthz HTTP/1.1\r\n"));
        server.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    });
    let connection = hyper_util::rt::TokioIo::new(one.dial(at(TWO, 80)).await.unwrap());
    let (mut client, driver) = hyper::client::conn::http1::handshake(connection).await.unwrap();
    tokio::spawn(driver);
    let request = hyper::Request::get("/healthz").body(String::new()).unwrap();
    assert_eq!(client.send_request(request).await.unwrap().status(), 200);
}

#[tokio::test]
async fn only_what_may_be_reached_should_be_reached_beyond_the_cluster() {
    let (network, one, _) = two_pods();
    let outside = tokio::net::TcpListener::bind((Ipv4Addr::new(127, 0, 0, 1), 0)).await.unwrap();
    let port = outside.local_addr().unwrap().port();
    let machine = SocketAddr::from(([127, 0, 0, 1], port));
    assert_eq!(one.dial(machine).await.err(), Some(DialError::Refused), "loopback is the pod's own");
    let elsewhere = at(Ipv4Addr::new(192, 0, 2, 1), 80);
    assert_eq!(one.dial(elsewhere).await.err(), Some(DialError::Unreachable));
    let list = vec!["127.0.0.0/8:*".parse().unwrap(), "192.0.2.0/24:443".parse().unwrap()];
    network.allow_outbound(Arc::new(Outbound::new(list)));
    assert_eq!(one.dial(machine).await.err(), Some(DialError::Refused), "still its own");
    assert_eq!(one.dial(elsewhere).await.err(), Some(DialError::Unreachable), "another port");
    // A rule leads there, as one of a Service with an external endpoint does.
    network.add_rule(Stage::Translate, Arc::new(Leads(at(TWO, 80), Ipv4Addr::new(127, 0, 0, 1), port)));
    assert_eq!(
        one.dial(at(TWO, 80)).await.err(),
        Some(DialError::Refused),
        "nothing leads to the machine itself"
    );
}

/// Leads what is dialled to another address.
struct Leads(SocketAddr, Ipv4Addr, u16);

impl ConnectionRule for Leads {
    fn decide(&self, attempt: &mut Attempt) -> Verdict {
        if attempt.target == self.0 {
            attempt.target = at(self.1, self.2);
        }
        Verdict::Continue
    }
}

#[tokio::test]
async fn what_may_be_reached_should_carry_bytes_both_ways() {
    let own =
        crate::machine::addresses().into_iter().find(|address| address.is_ipv4() && !address.is_loopback());
    // A machine without a network has nothing beyond itself.
    let Some(std::net::IpAddr::V4(own)) = own else { return };
    let outside = tokio::net::TcpListener::bind((own, 0)).await.unwrap();
    let port = outside.local_addr().unwrap().port();
    let (network, one, _) = two_pods();
    assert_eq!(one.dial(at(own, port)).await.err(), Some(DialError::Unreachable), "nothing is allowed yet");
    network.allow_outbound(Arc::new(Outbound::new(vec![format!("{own}:{port}").parse().unwrap()])));
    let mut client = one.dial(at(own, port)).await.unwrap();
    let (mut server, _) = outside.accept().await.unwrap();
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    let mut asked = String::new();
    server.read_to_string(&mut asked).await.unwrap();
    server.write_all(b"answer").await.unwrap();
    drop(server);
    let mut answered = String::new();
    client.read_to_string(&mut answered).await.unwrap();
    assert_eq!((asked.as_str(), answered.as_str()), ("question", "answer"));
}
