//! Runs a container's hooks: a command in it, a request to it, or a pause.
//!
//! Follows `pkg/kubelet/lifecycle/handlers.go` of kubernetes/kubernetes. Of the answer to a request only that
//! there is one counts, and a TCP connection fails, as upstream never makes one. When a hook has taken too long
//! is decided by the pod's worker; one that is still under way ends with its container.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{LifecycleHandler, Pod};
use shared::kubelet::hook::{HookKind, failure};

use crate::runtime::ContainerState;

use super::reach::Reach;

/// What the kubelet calls itself before a program.
const USER_AGENT: &str = "kube-lifecycle/1.37";

/// Why a hook failed, with what its command printed.
struct Failure {
    error: String,
    output: Option<String>,
}

impl From<String> for Failure {
    fn from(error: String) -> Failure {
        Failure { error, output: None }
    }
}

/// Runs a container's hook of this kind; the error is the sentence for the container's status.
pub(super) async fn run(reach: &Reach, pod: &Pod, kind: HookKind) -> Result<(), String> {
    let Some(handler) = kind.of(&reach.container) else { return Ok(()) };
    let mut state = reach.running.watch();
    let outcome = tokio::select! {
        outcome = handle(reach, handler) => outcome,
        // Without a sender nobody runs the container any more.
        _ = state.wait_for(|state| matches!(state, ContainerState::Exited { .. })) => {
            Err(Failure::from("container terminated before the hook finished".to_owned()))
        }
    };
    outcome.map_err(|Failure { error, output }| {
        failure(handler, &reach.container.name, pod, &error, output.as_deref())
    })
}

async fn handle(reach: &Reach, handler: &LifecycleHandler) -> Result<(), Failure> {
    match (&handler.exec, &handler.http_get, &handler.sleep) {
        (Some(exec), ..) => command(reach, exec.command.as_deref().unwrap_or_default()).await,
        (_, Some(http), _) => Ok(reach.get(http, USER_AGENT, None).await.map(drop)?),
        (_, _, Some(sleep)) => {
            let pause = SignedDuration::from_secs(sleep.seconds);
            let end = reach.kubelet.now().checked_add(pause).unwrap_or(jiff::Timestamp::MAX);
            reach.kubelet.clock.sleep_until(end).await;
            Ok(())
        }
        _ => Err(Failure::from("invalid handler: only exec, httpGet and sleep can be run".to_owned())),
    }
}

async fn command(reach: &Reach, command: &[String]) -> Result<(), Failure> {
    let ended = reach.run(command).await?;
    if ended.code == 0 {
        return Ok(());
    }
    let error = format!("command '{}' exited with {}: {}", command.join(" "), ended.code, ended.errors);
    Err(Failure { error, output: Some(ended.output) })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4};

    use serde_json::{Value, json};
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::kubelet::Components;
    use crate::kubelet::testing::Node;
    use crate::network::PodIdentity;

    const POD: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);

    /// Runs a hook of a pod that answers every request with 500.
    async fn run_hook(handler: Value) -> Result<(), String> {
        let node = Node::new(Components::default()).await;
        let network = node.network.add_pod(PodIdentity::default(), POD).unwrap();
        let mut listener = network.listen(SocketAddrV4::new(POD, 80)).unwrap();
        tokio::spawn(async move {
            while let Ok(mut connection) = listener.accept().await {
                connection.write_all(b"HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            }
        });
        let container = json!({"name": "c", "lifecycle": {"preStop": handler}});
        let pod: Pod =
            serde_json::from_value(json!({"metadata": {"name": "p", "namespace": "default", "uid": "u"}}))
                .unwrap();
        let reach = Reach {
            kubelet: node.kubelet.clone(),
            address: POD,
            container: serde_json::from_value(container).unwrap(),
            running: node.endless(),
        };
        run(&reach, &pod, HookKind::PreStop).await
    }

    #[tokio::test]
    async fn a_request_should_succeed_with_any_answer_and_fail_without_one() {
        assert_eq!(run_hook(json!({"httpGet": {"port": 80}})).await, Ok(()));
        let told = "HTTP lifecycle hook (/bye) for Container \"c\" in Pod \"p_default(u)\" failed - error: \
                    Get \"http://10.244.1.2:81/bye\": dial tcp 10.244.1.2:81: connect: connection refused";
        let refused = run_hook(json!({"httpGet": {"path": "/bye", "port": 81}})).await;
        assert_eq!(refused, Err(told.to_owned()));
    }

    #[tokio::test]
    async fn what_upstream_does_not_run_should_fail() {
        let told = "Cannot run handler: invalid handler: only exec, httpGet and sleep can be run";
        assert_eq!(run_hook(json!({"tcpSocket": {"port": 80}})).await, Err(told.to_owned()));
        assert_eq!(run_hook(json!({"sleep": {"seconds": 0}})).await, Ok(()));
    }
}
