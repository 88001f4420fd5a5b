//! Asks a container's probes, from its node through the pod network or by a command in the container.
//!
//! Follows `pkg/probe/http`, `tcp`, `exec` and `grpc`, and `pkg/kubelet/prober/prober.go` of
//! kubernetes/kubernetes. A probe that may take so long takes real seconds, whatever the cluster's clock says.

mod grpc;

use std::time::Duration;

use k8s_openapi::api::core::v1::{ExecAction, HTTPGetAction, Probe, TCPSocketAction};
use shared::kubelet::probe::{ProbeError, ProbeKind};
use tokio::time::timeout;

use super::reach::{Reach, address, port};

/// What the kubelet calls itself before a program.
const USER_AGENT: &str = "kube-probe/1.37";

/// Asks a container's probe of this kind.
pub(super) async fn ask(reach: &Reach, kind: ProbeKind) -> Result<(), ProbeError> {
    let Some(probe) = kind.of(&reach.container) else { return Ok(()) };
    let limit = limit(probe);
    let asked = match (&probe.exec, &probe.http_get, &probe.tcp_socket, &probe.grpc) {
        (Some(action), ..) => return run(reach, action, limit).await,
        (_, Some(action), ..) => get(reach, action, limit).await,
        (_, _, Some(action), _) => connect(reach, action, limit).await,
        (_, _, _, Some(action)) => grpc::check(reach, action, limit).await,
        _ => Ok(()),
    };
    asked.map_err(ProbeError::Failed)
}

/// Runs a command; a program that takes too long is ended.
async fn run(reach: &Reach, action: &ExecAction, limit: Duration) -> Result<(), ProbeError> {
    let command = action.command.clone().unwrap_or_default();
    match timeout(limit, reach.run(&command)).await {
        Err(_) => Err(ProbeError::Failed(format!("command {:?} timed out", command.join(" ")))),
        Ok(Err(error)) => Err(ProbeError::NotAsked(error)),
        Ok(Ok(ended)) if ended.code != 0 => Err(ProbeError::Failed(ended.output)),
        Ok(Ok(_)) => Ok(()),
    }
}

fn limit(probe: &Probe) -> Duration {
    let seconds = probe.timeout_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Duration::from_secs(seconds.filter(|seconds| *seconds > 0).unwrap_or(1))
}

async fn connect(reach: &Reach, action: &TCPSocketAction, limit: Duration) -> Result<(), String> {
    let number = port(&reach.container, &action.port)?;
    let address = address(reach.address, action.host.as_deref(), number)?;
    match timeout(limit, reach.kubelet.network.dial(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.told(address)),
        Err(_) => Err(format!("dial tcp {address}: i/o timeout")),
    }
}

async fn get(reach: &Reach, action: &HTTPGetAction, limit: Duration) -> Result<(), String> {
    match reach.get(action, USER_AGENT, Some(limit)).await? {
        200..400 => Ok(()),
        code => Err(format!("HTTP probe failed with statuscode: {code}")),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4};

    use k8s_openapi::api::core::v1::Container;
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::apiserver::tls::Certificates;
    use crate::kubelet::Components;
    use crate::kubelet::testing::Node;
    use crate::network::PodIdentity;

    const POD: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);

    fn container(probe: Value) -> Container {
        let container = json!({
            "name": "a", "ports": [{"name": "web", "containerPort": 80}], "readinessProbe": probe,
        });
        serde_json::from_value(container).unwrap()
    }

    /// A pod that answers every request with this code, and none where there is none to give.
    async fn ask_one_that_answers(code: Option<u16>, probe: Value) -> Result<(), ProbeError> {
        let node = Node::new(Components::default()).await;
        let pod = node.network.add_pod(PodIdentity::default(), POD).unwrap();
        let mut listener = pod.listen(SocketAddrV4::new(POD, 80)).unwrap();
        tokio::spawn(async move {
            while let Ok(mut connection) = listener.accept().await {
                let mut request = [0; 1024];
                let read = connection.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..read]).to_lowercase();
                let is_known = request.contains("user-agent: kube-probe/1.37");
                let code = if is_known { code } else { Some(400) };
                match code {
                    Some(code) => {
                        let answer = format!("HTTP/1.1 {code} x\r\ncontent-length: 0\r\n\r\n");
                        connection.write_all(answer.as_bytes()).await.unwrap();
                    }
                    None => std::future::pending().await,
                }
            }
        });
        let reach = Reach {
            kubelet: node.kubelet.clone(),
            address: POD,
            container: container(probe),
            running: node.endless(),
        };
        ask(&reach, ProbeKind::Readiness).await
    }

    fn failed(output: &str) -> Result<(), ProbeError> {
        Err(ProbeError::Failed(output.to_owned()))
    }

    #[tokio::test]
    async fn a_command_of_a_part_of_this_program_should_not_be_asked() {
        let answer = ask_one_that_answers(None, json!({"exec": {"command": ["true"]}})).await;
        assert!(matches!(answer, Err(ProbeError::NotAsked(_))));
    }

    #[tokio::test]
    async fn a_request_should_succeed_by_its_code() {
        let probe = json!({"httpGet": {"path": "/ready", "port": "web"}});
        for (code, expected) in [
            (200, Ok(())),
            (302, Ok(())),
            (404, failed("HTTP probe failed with statuscode: 404")),
            (500, failed("HTTP probe failed with statuscode: 500")),
        ] {
            assert_eq!(ask_one_that_answers(Some(code), probe.clone()).await, expected, "{code}");
        }
    }

    #[tokio::test]
    async fn a_request_with_tls_should_be_answered_whatever_the_certificate() {
        let node = Node::new(Components::default()).await;
        let certificates = tempfile::tempdir().unwrap();
        let own = Certificates::load_or_create(certificates.path(), Ipv4Addr::LOCALHOST.into()).unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(own.server_config().unwrap());
        let pod = node.network.add_pod(PodIdentity::default(), POD).unwrap();
        let mut listener = pod.listen(SocketAddrV4::new(POD, 443)).unwrap();
        tokio::spawn(async move {
            let mut connection = acceptor.accept(listener.accept().await.unwrap()).await.unwrap();
            let mut request = [0; 1024];
            assert_ne!(connection.read(&mut request).await.unwrap(), 0);
            connection.write_all(b"HTTP/1.1 204 x\r\n\r\n").await.unwrap();
        });
        let reach = Reach {
            kubelet: node.kubelet.clone(),
            address: POD,
            container: container(json!({"httpGet": {"port": 443, "scheme": "HTTPS"}})),
            running: node.endless(),
        };
        assert_eq!(ask(&reach, ProbeKind::Readiness).await, Ok(()));
    }

    #[tokio::test]
    async fn what_cannot_be_reached_should_be_told_as_upstream_tells_it() {
        let late = "Get \"http://10.244.1.2:80/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
        let refused = "dial tcp 10.244.1.2:81: connect: connection refused";
        for (probe, expected) in [
            (json!({"httpGet": {"port": 80}}), late.to_owned()),
            (
                json!({"httpGet": {"path": "x", "port": 81}}),
                format!("Get \"http://10.244.1.2:81/x\": {refused}"),
            ),
            (json!({"tcpSocket": {"port": 81}}), refused.to_owned()),
            (json!({"tcpSocket": {"port": "mail"}}), "couldn't find port: \"mail\"".to_owned()),
        ] {
            assert_eq!(ask_one_that_answers(None, probe).await, failed(&expected));
        }
        assert_eq!(ask_one_that_answers(None, json!({"tcpSocket": {"port": "web"}})).await, Ok(()));
    }
}
