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

/// A container to attach to, and which of its streams are wanted.
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
    /// Whether the client has a terminal. The container has one as its spec says, whatever this is.
    pub tty: bool,
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
        let AttachRequest { container, stdin, stdout, stderr, .. } = request;
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
    Status { reason: None, details: None, message: Some(message), ..status::internal("") }
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
