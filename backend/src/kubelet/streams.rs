//! Commands in running containers, and clients attached to them: `kubectl exec` and `kubectl attach`.
//!
//! Follows `GetExec`, `GetAttach` and `findContainer` in `pkg/kubelet/kubelet_pods.go` of
//! kubernetes/kubernetes; what happens to a command that cannot be started is as containerd and runc say it.

use std::fmt::Display;

use futures::FutureExt;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use shared::api::status;

use crate::runtime::{AttachSpec, ExecSpec, Session};

use super::image::Images;
use super::launch::{Guest, Running};
use super::logs;
use super::node::Kubelet;
use super::pod::new_id;

/// A command to run in a container, and which of its streams are wanted.
#[derive(Clone, Debug, Default)]
pub struct ExecRequest {
    /// The container.
    pub container: String,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// Whether there is something to read.
    pub stdin: bool,
    /// Whether what it prints is wanted.
    pub stdout: bool,
    /// Whether what it prints as errors is wanted.
    pub stderr: bool,
    /// Whether its streams are a terminal.
    pub tty: bool,
}

/// A container to attach to, and which of its streams are wanted. Whether they are a terminal its spec says.
#[derive(Clone, Debug, Default)]
pub struct AttachRequest {
    /// The container.
    pub container: String,
    /// Whether to write to it.
    pub stdin: bool,
    /// What it prints.
    pub stdout: bool,
    /// What it prints as errors.
    pub stderr: bool,
}

impl Kubelet {
    /// Runs a command in a container of a pod. One that cannot be started makes a session whose `status` says
    /// why, as the streams are there by then.
    ///
    /// # Errors
    /// 500 where the container does not run, with the words of upstream's kubelet; 400 where it is a part of the
    /// control plane, which has no programs.
    pub async fn exec(&self, pod: &Pod, request: ExecRequest) -> Result<Session, Box<Status>> {
        let container = &request.container;
        let guest = match self.running(pod, container)? {
            Running::Guest(guest) => guest,
            Running::Component(_) => return Err(Box::new(status::bad_request(no_programs(container)))),
        };
        let started = self.start_exec(&guest, &request).await;
        Ok(started.unwrap_or_else(|error| {
            let id = new_id(self);
            let message = format!("failed to exec in container: failed to start exec {id:?}: {error}");
            Session {
                stdin: None,
                stdout: None,
                stderr: None,
                resize: None,
                status: futures::future::ready(Err(message)).boxed(),
            }
        }))
    }

    /// Starts a command in a running program's container; the error is what containerd says.
    pub(super) async fn start_exec(&self, guest: &Guest, request: &ExecRequest) -> Result<Session, String> {
        let spec = exec_spec(&self.images, guest, request).await?;
        self.runtime.exec(&guest.handle, spec).map_err(|error| not_started(&error))
    }

    /// Attaches to the main program of a container of a pod.
    ///
    /// # Errors
    /// 500 where the container does not run, 400 where it is a part of the control plane.
    pub async fn attach(&self, pod: &Pod, request: AttachRequest) -> Result<Session, Box<Status>> {
        let AttachRequest { container, stdin, stdout, stderr } = request;
        match self.running(pod, &container)? {
            Running::Guest(guest) => Ok(guest.handle.attach(AttachSpec { stdin, stdout, stderr })),
            Running::Component(_) => Err(Box::new(status::bad_request(no_streams(&container)))),
        }
    }

    fn running(&self, pod: &Pod, container: &str) -> Result<Running, Box<Status>> {
        let found = self.running.get(&logs::node_uid(pod), container);
        found.map(|found| found.running).ok_or_else(|| Box::new(not_found(container)))
    }
}

async fn exec_spec(images: &Images, guest: &Guest, request: &ExecRequest) -> Result<ExecSpec, String> {
    let launch = guest.image.launch(request.command.clone()).map_err(|error| exec_failed(&error))?;
    let program = images.program(launch.program).await.map_err(|error| not_started(&error))?;
    Ok(ExecSpec {
        program,
        args: launch.arguments,
        drains_on_stdin_close: launch.drains_on_stdin_close,
        stdin: request.stdin,
        stdout: request.stdout,
        stderr: request.stderr,
        tty: request.tty,
    })
}

/// The words of a start that failed, as those of a command in a container that runs already.
fn exec_failed(error: &str) -> String {
    match error.split_once("unable to start container process: ") {
        Some((_, why)) => not_started(why),
        None => not_started(error),
    }
}

fn not_started(why: &(impl Display + ?Sized)) -> String {
    format!("OCI runtime exec failed: exec failed: unable to start container process: {why}")
}

fn not_found(container: &str) -> Status {
    let message = format!("unable to upgrade connection: container not found ({container:?})");
    status::unexplained(message)
}

fn no_programs(container: &str) -> String {
    format!(
        "container {container:?} is a part of this program and no WebAssembly guest: it has neither a shell nor files"
    )
}

fn no_streams(container: &str) -> String {
    format!(
        "container {container:?} is a part of this program and no WebAssembly guest: it has a log, and no streams to \
         attach to"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use shared::kubelet::probe::{ProbeError, ProbeKind};

    use super::*;
    use crate::kubelet::Components;
    use crate::kubelet::image::Source;
    use crate::kubelet::launch::Order;
    use crate::kubelet::reach::Reach;
    use crate::kubelet::testing::Node;
    use crate::kubelet::{prober, sandbox};

    /// A pod with a container `c` of busybox that sleeps, and a container `part` that is a part of this program.
    async fn running_pod(node: &Node) -> Pod {
        let command = ["sh", "-c", "echo began; sleep 3600"];
        let containers = json!([{"name": "c", "image": "busybox", "command": command, "workingDir": "/tmp"}]);
        let pod = json!({
            "metadata": {"name": "p", "namespace": "default", "uid": "u"},
            "spec": {"hostNetwork": true, "containers": containers},
        });
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let sandbox = sandbox::create(&node.kubelet, &pod, "u", Default::default()).unwrap();
        let container = &pod.spec.as_ref().unwrap().containers[0];
        let (kubelet, source) = (&*node.kubelet, Source::Api);
        let order = Order { kubelet, pod: &pod, source, container, sandbox: &sandbox, attempt: 0 };
        node.kubelet.running.add("u", "c", 0, order.start().await.unwrap());
        node.kubelet.running.add("u", "part", 0, node.endless());
        pod
    }

    fn request(container: &str, command: &[&str]) -> ExecRequest {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        ExecRequest { container: container.into(), command, stdout: true, stderr: true, ..Default::default() }
    }

    async fn output(session: Session) -> (String, Result<i32, String>) {
        let mut text = Vec::new();
        let mut stdout = session.stdout.unwrap();
        while let Some(bytes) = stdout.recv().await {
            text.extend(bytes);
        }
        (String::from_utf8(text).unwrap(), session.status.await.map(|status| status.code))
    }

    #[tokio::test]
    async fn a_command_should_run_beside_the_containers_program() {
        let node = Node::new(Components::default()).await;
        let pod = running_pod(&node).await;
        let exec = async |command: &[&str]| node.kubelet.exec(&pod, request("c", command)).await.unwrap();
        let run = exec(&["sh", "-c", "echo $((6*7)); hostname; exit 3"]).await;
        assert_eq!(output(run).await, ("42\nnode-1\n".to_owned(), Ok(3)));
        assert_eq!(output(exec(&["touch", "/root/file"]).await).await.1, Ok(0));
        assert_eq!(output(exec(&["ls", "/root"]).await).await, ("file\n".to_owned(), Ok(0)));

        let unknown = exec(&["no-such"]).await.status.await.unwrap_err();
        let (id, why) = unknown.split_once("\": ").unwrap();
        assert!(id.starts_with("failed to exec in container: failed to start exec \""), "{id}");
        assert_eq!(
            why,
            "OCI runtime exec failed: exec failed: unable to start container process: exec: \"no-such\": \
             executable file not found in $PATH: unknown"
        );
    }

    #[tokio::test]
    async fn what_does_not_run_or_has_no_programs_should_be_refused_with_the_reason() {
        let node = Node::new(Components::default()).await;
        let pod = running_pod(&node).await;
        for (container, told) in [
            ("none", "unable to upgrade connection: container not found (\"none\")"),
            ("part", "container \"part\" is a part of this program"),
        ] {
            let refused = node.kubelet.exec(&pod, request(container, &["ls"])).await.map(drop).unwrap_err();
            assert!(refused.message.unwrap().starts_with(told));
            let attach = AttachRequest { container: container.into(), stdout: true, ..Default::default() };
            let refused = node.kubelet.attach(&pod, attach).await.map(drop).unwrap_err();
            assert!(refused.message.unwrap().starts_with(told));
        }
    }

    #[tokio::test]
    async fn a_probe_should_be_what_its_command_says() {
        let node = Node::new(Components::default()).await;
        let pod = running_pod(&node).await;
        let Some(Running::Guest(guest)) = node.kubelet.running.get("u", "c").map(|found| found.running)
        else {
            panic!("it does not run");
        };
        let mut reach = Reach {
            kubelet: Arc::clone(&node.kubelet),
            address: node.kubelet.address,
            container: pod.spec.as_ref().unwrap().containers[0].clone(),
            running: Running::Guest(guest),
        };
        let failed = |output: &str| Err(ProbeError::Failed(output.to_owned()));
        for (command, expected) in [
            ("exit 0", Ok(())),
            ("echo out; echo err >&2; exit 2", failed("out\nerr\n")),
            ("sleep 60", failed("command \"sh -c sleep 60\" timed out")),
        ] {
            let probe = json!({"exec": {"command": ["sh", "-c", command]}, "timeoutSeconds": 1});
            reach.container.liveness_probe = serde_json::from_value(probe).unwrap();
            assert_eq!(prober::ask(&reach, ProbeKind::Liveness).await, expected, "{command}");
        }
        let probe = json!({"exec": {"command": ["no-such"]}});
        reach.container.liveness_probe = serde_json::from_value(probe).unwrap();
        let answer = prober::ask(&reach, ProbeKind::Liveness).await;
        assert!(matches!(answer, Err(ProbeError::NotAsked(_))), "{answer:?}");
    }
}
