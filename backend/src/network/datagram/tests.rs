//! Datagrams from the host's side.

use std::net::Ipv4Addr;
use std::sync::atomic::AtomicU8;

use super::*;
use crate::network::{Attempt, ConnectionRule, Network, PodIdentity, Stage, Verdict};

const SERVICE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 96, 0, 10)), 53);

fn pod(network: &Network, last: u8) -> PodNetwork {
    network.add_pod(PodIdentity::default(), Ipv4Addr::new(10, 244, 1, last)).unwrap()
}

fn port(pod: &PodNetwork, port: u16) -> DatagramPort {
    pod.bind_datagrams(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)).unwrap()
}

fn at(last: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 244, 1, last], port))
}

/// Sends the Service's datagrams to one pod after the other.
#[derive(Default)]
struct InTurn(AtomicU8);

impl ConnectionRule for InTurn {
    fn decide(&self, attempt: &mut Attempt) -> Verdict {
        if attempt.target == SERVICE {
            attempt.target = at(2 + self.0.fetch_add(1, Ordering::Relaxed) % 2, 53);
        }
        Verdict::Continue
    }
}

#[tokio::test]
async fn datagrams_should_keep_their_borders_and_their_senders() {
    let network = Network::new();
    let (one, two) = (pod(&network, 2), pod(&network, 3));
    let (mut client, mut server) = (port(&one, 0), port(&two, 53));
    client.send(at(3, 53), &Bytes::from_static(b"one")).unwrap();
    client.send(at(3, 53), &Bytes::new()).unwrap();
    let first = server.receive().await.unwrap();
    assert_eq!(first.data, "one");
    assert_eq!(first.from.ip(), &one.ip());
    assert_eq!(SocketAddr::V4(first.from).port(), client.local_address().port());
    assert!(server.receive().await.unwrap().data.is_empty());
    assert_eq!(client.send(at(3, 54), &Bytes::new()), Err(DialError::Refused));
    assert_eq!(client.send(at(9, 53), &Bytes::new()), Err(DialError::Unreachable));
    client.send(SocketAddr::from(([127, 0, 0, 1], client.local_address().port())), &Bytes::new()).unwrap();
    assert!(client.receive().await.unwrap().from.ip().is_loopback(), "loopback is the pod's own");
}

#[tokio::test]
async fn a_conversation_with_a_service_should_stay_with_one_pod_while_that_is_there() {
    let network = Network::new();
    network.add_rule(Stage::Translate, Arc::new(InTurn::default()));
    let pods = [pod(&network, 2), pod(&network, 3)];
    let mut servers = [port(&pods[0], 53), port(&pods[1], 53)];
    let asking = pod(&network, 9);
    let mut client = port(&asking, 0);
    for _ in 0..3 {
        client.send(SERVICE, &Bytes::from_static(b"?")).unwrap();
        let question = servers[0].receive().await.unwrap();
        servers[0].send(question.from.into(), &Bytes::from_static(b"!")).unwrap();
        assert_eq!(SocketAddr::V4(client.receive().await.unwrap().from), SERVICE);
    }
    let own = servers[0].local_address().port();
    client.send(at(2, own), &Bytes::from_static(b"?")).unwrap();
    let question = servers[0].receive().await.unwrap();
    servers[0].send(question.from.into(), &Bytes::from_static(b"!")).unwrap();
    let direct = SocketAddr::V4(client.receive().await.unwrap().from);
    assert_eq!(direct, at(2, own), "who was asked directly answers so");
    network.remove_pod(&pods[0]);
    client.send(SERVICE, &Bytes::from_static(b"?")).unwrap();
    assert_eq!(servers[1].receive().await.unwrap().data, "?", "another one answers now");
}

#[tokio::test]
async fn what_nobody_receives_should_be_bounded() {
    let network = Network::new();
    let (one, two) = (pod(&network, 2), pod(&network, 3));
    let (mut client, mut server) = (port(&one, 0), port(&two, 53));
    let large = Bytes::from(vec![7; 60_000]);
    for _ in 0..10 {
        client.send(at(3, 53), &large).unwrap();
    }
    let mut received = 0;
    while let Poll::Ready(Some(_)) = server.poll_receive(&mut Context::from_waker(std::task::Waker::noop())) {
        received += 1;
    }
    assert_eq!(received, 3);
    client.send(at(3, 53), &large).unwrap();
    assert!(server.receive().await.is_some(), "there is room again");
}
