//! Programs that mean harm: what is no program is refused with a reason, what runs hurts itself alone.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::network::PodNetwork;
use crate::runtime::testing::{Cluster, Started, component, handler, module};
use crate::runtime::{CompileError, ExitReason};

const PATIENCE: Duration = Duration::from_secs(60);

/// A program with a name in it replaced by another one of the same length.
fn renamed(wasm: &Bytes, name: &str, other: &str) -> Bytes {
    assert_eq!(name.len(), other.len());
    let mut bytes = wasm.to_vec();
    let mut from = 0;
    while let Some(at) = bytes[from..].windows(name.len()).position(|window| window == name.as_bytes()) {
        bytes[from + at..from + at + name.len()].copy_from_slice(other.as_bytes());
        from += at + name.len();
    }
    assert_ne!(from, 0, "{name} does not occur");
    bytes.into()
}

#[tokio::test]
async fn programs_with_imports_that_nobody_offers_should_be_refused_by_name() {
    let cluster = Cluster::new().await;
    let cases = [
        (renamed(&component(), "wasi:sockets/tcp@", "evil:sockets/tcp@"), "evil:sockets/tcp@"),
        (renamed(&component(), "wasi:cli/exit@", "root:cli/exit@"), "root:cli/exit@"),
        (renamed(&handler(), "wasi:io/poll@", "wasi:io/fork@"), "wasi:io/fork@"),
        (renamed(&module(), "wasi_snapshot_preview1", "host_kernel_interface_"), "host_kernel_interface_"),
        (renamed(&module(), "fd_write", "fd_fork_"), "fd_fork_"),
    ];
    for (wasm, name) in cases {
        let error = cluster.runtime.compile(wasm).await.map(drop).unwrap_err();
        assert!(matches!(error, CompileError::Unsupported(_)), "{error}");
        assert!(error.to_string().contains(name), "{error} does not name {name}");
    }
}

#[tokio::test]
async fn programs_that_export_nothing_to_run_should_be_refused_with_what_is_missing() {
    let cluster = Cluster::new().await;
    let cases = [
        (renamed(&component(), "wasi:cli/run@", "wasi:cli/ran@"), "exports neither `wasi:cli/run` nor"),
        (renamed(&module(), "_start", "_begin"), "exports no function `_start`"),
    ];
    for (wasm, expected) in cases {
        let error = cluster.runtime.compile(wasm).await.map(drop).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn programs_that_are_cut_off_or_spoilt_should_be_refused() {
    let cluster = Cluster::new().await;
    for whole in [component(), module(), handler()] {
        for kept in [4, 8, 9, 100, whole.len() / 2, whole.len() - 1] {
            let error = cluster.runtime.compile(whole.slice(..kept)).await.map(drop).unwrap_err();
            assert!(!matches!(error, CompileError::Cancelled), "{kept}: {error}");
        }
        let mut spoilt = whole.to_vec();
        let middle = spoilt.len() / 2;
        spoilt[middle..middle + 4096].fill(0xff);
        let error = cluster.runtime.compile(spoilt.into()).await.map(drop).unwrap_err();
        assert!(matches!(error, CompileError::Invalid(_)), "{error}");
    }
}

#[tokio::test]
async fn a_hundred_thousand_sockets_should_be_refused_and_leave_others_alone() {
    let cluster = Cluster::new().await;
    let (one, two) = (cluster.pod(2), cluster.pod(3));
    let hoard = cluster.start(cluster.spec("hoard", &one, "udp-sockets 100000"));
    assert_eq!(hoard.handle.wait().await.code, 0);
    assert!(hoard.log().await.starts_with("8192: Some("), "{}", hoard.log().await);

    let server = cluster.start(cluster.spec("server", &two, "hoard-server 0.0.0.0:80"));
    server.logged("listening").await;
    let greedy = cluster.start(cluster.spec("greedy", &one, "connections 10.244.1.3:80 100000"));
    let status = tokio::time::timeout(PATIENCE, greedy.handle.wait()).await.unwrap();
    assert_eq!(status.code, 0, "{}", status.message);
    assert!(greedy.log().await.starts_with("8192: Some("), "{}", greedy.log().await);
    // Its own listener is one of the server's. It goes on when it let go of some.
    server.logged("8191: Some(").await;
    let again = cluster.start(cluster.spec("again", &one, "connect 10.244.1.3:80"));
    assert_eq!(tokio::time::timeout(PATIENCE, again.handle.wait()).await.unwrap().code, 0);
    assert!(!server.handle.is_ended());
}

/// A neighbour that is asked over and over.
struct Probe {
    client: PodNetwork,
    address: SocketAddr,
}

impl Probe {
    async fn new(cluster: &Cluster, server: &PodNetwork) -> Probe {
        let client = cluster.pod(200);
        let probe = Probe { client, address: SocketAddr::from((server.ip(), 80)) };
        probe.client.dial(probe.address).await.unwrap();
        probe
    }

    async fn ask(&mut self) -> Duration {
        let start = Instant::now();
        let asked = async {
            let mut connection = self.client.dial(self.address).await.unwrap();
            connection.write_all(b"ping").await.unwrap();
            connection.read_exact(&mut [0; 4]).await.unwrap();
        };
        tokio::time::timeout(PATIENCE, asked).await.expect("a neighbour does not answer");
        start.elapsed()
    }

    /// The time that 99 of 100 requests take at most.
    async fn p99(&mut self) -> Duration {
        let mut times = Vec::new();
        for _ in 0..300 {
            times.push(self.ask().await);
        }
        times.sort_unstable();
        times[times.len() * 99 / 100]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neighbours_should_be_answered_while_guests_do_their_worst() {
    let cluster = Cluster::new().await;
    let neighbour = cluster.pod(2);
    let server = cluster.start(cluster.spec("neighbour", &neighbour, "poll-server 80"));
    server.logged("polling").await;
    let mut probe = Probe::new(&cluster, &neighbour).await;
    let before = probe.p99().await;
    for (number, arguments) in ["spin", "flood", "udp-sockets 100000"].into_iter().enumerate() {
        let pod = cluster.pod(10 + u8::try_from(number).unwrap());
        let guests: Vec<Started> = (0..4)
            .map(|guest| cluster.start(cluster.spec(&format!("{arguments}-{guest}"), &pod, arguments)))
            .collect();
        let during = probe.p99().await;
        eprintln!(
            "p99 of a neighbour beside four of `{arguments}`: {during:?}, {:.1} times {before:?}",
            during.as_secs_f64() / before.as_secs_f64()
        );
        for guest in guests {
            guest.handle.kill(Duration::ZERO).await;
        }
    }
    assert!(!server.handle.is_ended());
}

#[tokio::test]
async fn what_a_hostile_program_ended_by_should_be_said() {
    for wasm in [component(), module()] {
        let cluster = Cluster::with(wasm).await;
        let cases = [
            ("recurse", 139, ExitReason::Error, "wasm trap"),
            ("panic", 134, ExitReason::Error, "unreachable"),
            ("eat-memory", 137, ExitReason::OomKilled, "memory limit of 67108864 bytes exceeded"),
        ];
        for (arguments, code, reason, message) in cases {
            let pod = cluster.pod(2);
            let mut spec = cluster.spec(arguments, &pod, arguments);
            spec.memory_limit_bytes = Some(64 << 20);
            let status = cluster.start(spec).handle.wait().await;
            assert_eq!((status.code, status.reason), (code, reason), "{arguments}: {}", status.message);
            assert!(status.message.contains(message), "{arguments}: {}", status.message);
            cluster.network.remove_pod(&pod);
        }
    }
}
