//! Programs that know no network become servers as under inetd, by `stream tcp nowait`: the connection is their
//! standard input and output, and each has an instance of its own. What they print as errors goes to the log.
//! Who is there they learn from the variables of UCSPI, <https://cr.yp.to/ucspi-tcp/environment.html>.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use wasmtime::format_err;

use super::container::status_of;
use super::exit::{ExitReason, ExitStatus};
use super::guest::{Outcome, Stdio};
use super::input::Input;
use super::output::Output;
use super::program::Entry;
use super::serve::{self, Instances, MAX_INSTANCES, Server};
use crate::network::Connection;

/// A program that is started once a connection.
struct Inetd {
    instances: Instances,
    slots: Arc<Semaphore>,
}

/// Starts the program for each connection to a port of its pod until the container is to stop.
pub(super) async fn run(instances: Instances, port: u16, draining: CancellationToken) -> Outcome {
    if let Entry::Handler(_) = instances.process().program.entry {
        return Outcome::NotStarted(format_err!(
            "inetd mode starts a program for each connection, and this one is none: it handles HTTP requests"
        ));
    }
    let listener = match serve::listen(instances.process(), port) {
        Ok(listener) => listener,
        Err(error) => return Outcome::NotStarted(error),
    };
    let tasks = instances.tasks().clone();
    let slots = Arc::new(Semaphore::new(MAX_INSTANCES));
    serve::run(Arc::new(Inetd { instances, slots }), tasks, listener, draining).await
}

impl Server for Inetd {
    async fn serve(self: Arc<Self>, connection: Connection, _: CancellationToken) {
        // Who comes when all are taken is let in, and waits.
        let Ok(_slot) = self.slots.acquire().await else { return };
        let peer = connection.peer_address();
        let status = self.start(connection).await;
        if status.reason != ExitReason::Completed {
            let why = if status.message.is_empty() { String::new() } else { format!(": {}", status.message) };
            self.instances
                .report(&format!("connection from {peer} ended with exit code {}{why}", status.code));
        }
    }
}

impl Inetd {
    async fn start(&self, connection: Connection) -> ExitStatus {
        let variables = variables(&connection);
        let (reader, writer, link) = connection.into_streams();
        let (_, stderr) = self.instances.outputs();
        let stdio = Stdio { stdin: Input::from_pipe(reader), stdout: Output::connection(writer), stderr };
        let guest = match self.instances.guest(stdio, variables) {
            Ok(guest) => guest,
            Err(error) => return ExitStatus::not_started(&error.into()),
        };
        let cgroup = &self.instances.cgroup;
        let program = self.instances.metered(guest.run(self.instances.engine.clone()));
        let status = status_of(program, cgroup).await;
        drop(link);
        status
    }
}

fn variables(connection: &Connection) -> Vec<(String, String)> {
    let (local, remote) = (connection.local_address(), connection.peer_address());
    let variables = [
        ("PROTO", "TCP".to_owned()),
        ("TCPLOCALIP", local.ip().to_string()),
        ("TCPLOCALPORT", local.port().to_string()),
        ("TCPREMOTEIP", remote.ip().to_string()),
        ("TCPREMOTEPORT", remote.port().to_string()),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
