//! Further programs in a running container, and clients that attach to its main one.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use shared::apiserver::remote_command::TerminalSize;
use shared::kubelet::line_discipline::TerminalSignal;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::container::{ContainerHandle, Signal, status_of};
use super::cpu::Metered;
use super::engine::Runtime;
use super::exit::{ExitReason, ExitStatus};
use super::guest::{Guest, Stdio};
use super::input::{Fed, Inlet, Input, input};
use super::logs::Source;
use super::output::{Attached, Output, PATIENCE, Queue, queue};
use super::process::{ProcessSpec, StartError};
use super::program::Program;
use super::session::Session;

/// What to run in a container, and which of its streams are wanted.
pub struct ExecSpec {
    /// The program.
    pub program: Arc<Program>,
    /// The arguments, the program's name first.
    pub args: Vec<String>,
    /// Whether it ends by itself when its standard input ends, which without `stdin` is never.
    pub drains_on_stdin_close: bool,
    /// Whether there is something to read.
    pub stdin: bool,
    /// Whether what it prints is wanted.
    pub stdout: bool,
    /// Whether what it prints as errors is wanted; a terminal mixes it with the other.
    pub stderr: bool,
    /// Whether its streams are a terminal.
    pub tty: bool,
}

/// Which streams of a container's main program are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttachSpec {
    /// Whether to write to it; without effect where the container has no standard input.
    pub stdin: bool,
    /// What it prints.
    pub stdout: bool,
    /// What it prints as errors.
    pub stderr: bool,
}

impl From<TerminalSignal> for Signal {
    fn from(signal: TerminalSignal) -> Signal {
        match signal {
            TerminalSignal::Interrupt => Signal::Interrupt,
            TerminalSignal::Quit => Signal::Quit,
        }
    }
}

/// The program's ends of the streams of an exec, before it runs.
struct Streams {
    stdio: Stdio,
    /// Where the program's input comes from, if it has one, and the client's part of it.
    inlet: Option<(Inlet, Option<mpsc::Receiver<Bytes>>)>,
    queues: Vec<Queue>,
    session: Ends,
}

/// The client's ends of them.
#[derive(Default)]
struct Ends {
    stdin: Option<mpsc::Sender<Bytes>>,
    stdout: Option<mpsc::Receiver<Bytes>>,
    stderr: Option<mpsc::Receiver<Bytes>>,
}

impl Streams {
    fn new(spec: &ExecSpec) -> Streams {
        let (mut queues, mut session) = (Vec::new(), Ends::default());
        let mut output = |wanted: bool| {
            let made = wanted.then(queue);
            let output = made.as_ref().map(|(queue, _)| Output::client(queue, spec.tty));
            let (queue, receiver) = made.unzip();
            queues.extend(queue);
            (output.unwrap_or_else(|| Output::nowhere(spec.tty)), receiver)
        };
        let (stdout, receiver) = output(spec.stdout);
        session.stdout = receiver;
        let (stderr, receiver) = if spec.tty { (stdout.clone(), None) } else { output(spec.stderr) };
        session.stderr = receiver;
        let screen = spec.tty.then(|| stdout.clone());
        let has_input = spec.stdin || spec.tty || spec.drains_on_stdin_close;
        let (inlet, stdin) = if has_input { Some(input(screen)).unzip() } else { (None, None) };
        let stdin = stdin.unwrap_or_else(Input::empty);
        let inlet = inlet.map(|inlet| {
            let (sender, receiver) = spec.stdin.then(Inlet::channel).unzip();
            session.stdin = sender;
            (inlet, receiver)
        });
        Streams { stdio: Stdio { stdin, stdout, stderr }, inlet, queues, session }
    }
}

impl Runtime {
    /// Starts a further program in a running container: it sees what the main one sees, and counts against the
    /// same limits. It ends by force when the container ends, or when the session's `status` is dropped.
    ///
    /// # Errors
    /// When the container ended, or runs as many programs as it may.
    pub fn exec(&self, container: &ContainerHandle, spec: ExecSpec) -> Result<Session, StartError> {
        if container.is_ended() {
            return Err(StartError::NotRunning);
        }
        let slot = container.cgroup().enter()?;
        let process = ProcessSpec {
            program: spec.program.clone(),
            args: spec.args.clone(),
            tty: spec.tty,
            ..container.process().clone()
        };
        let Streams { stdio, inlet, queues, session } = Streams::new(&spec);
        let guest = Guest::new(&process, stdio, slot.cgroup.clone())?;
        let program = Metered::new(guest.run(self.engine.clone()), self.epoch.clone(), slot.cgroup.clone());
        let gone = CancellationToken::new();
        let (report, status) = oneshot::channel();
        let (container, left) = (container.clone(), gone.clone());
        self.threads.handle().spawn(async move {
            let status = tokio::select! {
                biased;
                () = left.cancelled() => return,
                _ = container.wait() => ExitStatus::killed(),
                status = signalled(inlet) => status,
                status = status_of(program, &slot.cgroup) => status,
            };
            drop(slot);
            tokio::select! {
                () = left.cancelled() => {}
                () = drain(queues) => drop(report.send(status)),
            }
        });
        let guard = gone.drop_guard();
        let status = async move {
            let status = status.await.map_err(|_| "the container runtime went down".to_owned());
            drop(guard);
            status.and_then(|status| match status.reason {
                // No program ran whose exit code it could be.
                ExitReason::StartError => Err(status.message),
                _ => Ok(status),
            })
        };
        Ok(session.into_session(spec.tty, status.boxed()))
    }
}

impl Ends {
    fn into_session(self, tty: bool, status: BoxFuture<'static, Result<ExitStatus, String>>) -> Session {
        let Ends { stdin, stdout, stderr } = self;
        Session { stdin, stdout, stderr, resize: tty.then(sizes), status }
    }
}

/// Hands on what the client types, until that is a signal that ends the program.
async fn signalled(inlet: Option<(Inlet, Option<mpsc::Receiver<Bytes>>)>) -> ExitStatus {
    let Some((inlet, Some(mut from))) = inlet else {
        // An input that nobody feeds stays open.
        let _open = inlet;
        return std::future::pending().await;
    };
    match inlet.feed(&mut from).await {
        Fed::Signal(signal) => Signal::from(signal).status(),
        Fed::Closed | Fed::Ended => {
            inlet.end();
            std::future::pending().await
        }
    }
}

async fn drain(queues: Vec<Queue>) {
    futures::future::join_all(queues.into_iter().map(Queue::drain)).await;
}

/// Takes the sizes of a terminal. A WebAssembly program has no way to ask for them.
fn sizes() -> mpsc::Sender<TerminalSize> {
    let (sender, mut sizes) = mpsc::channel(1);
    tokio::spawn(async move { while sizes.recv().await.is_some() {} });
    sender
}

impl ContainerHandle {
    /// Attaches a client to the main program from now on. Dropping the session only lets go of it. A client
    /// that reads nothing of what the program prints for five seconds is detached, and `status` says so.
    pub fn attach(&self, spec: AttachSpec) -> Session {
        let tty = self.process().tty;
        let (detached, gone) = (CancellationToken::new(), CancellationToken::new());
        let (mut ends, mut queues) = (Ends::default(), Vec::new());
        let mut output = |wanted: bool, attached: &Attached| {
            let (queue, receiver) = wanted.then(queue).unzip();
            queue.iter().for_each(|queue| attached.add(queue, detached.clone()));
            queues.extend(queue);
            receiver
        };
        ends.stdout = output(spec.stdout, self.attached(Source::Stdout));
        ends.stderr = output(spec.stderr && !tty, self.attached(Source::Stderr));
        if self.is_ended() {
            // It ended meanwhile, and let go of those it knew.
            ALL_SOURCES.into_iter().for_each(|source| self.attached(source).clear());
        }
        if spec.stdin
            && let Some(inlet) = self.public_inlet()
        {
            let (sender, receiver) = Inlet::channel();
            ends.stdin = Some(sender);
            tokio::spawn(self.clone().type_into(inlet, receiver, gone.clone()));
        }
        let (report, status) = oneshot::channel();
        let guard = gone.drop_guard();
        tokio::spawn(self.clone().attached_until_its_end(queues, detached, report, guard));
        let status =
            async move { status.await.unwrap_or_else(|_| Err("the container runtime went down".into())) };
        ends.into_session(tty, status.boxed())
    }

    /// Keeps a client attached until the container ends, it is too slow, or it is gone. After that its streams
    /// have an end, each of them: somebody may wait for it before asking for the status.
    async fn attached_until_its_end(
        self,
        queues: Vec<Queue>,
        detached: CancellationToken,
        mut report: oneshot::Sender<Result<ExitStatus, String>>,
        _gone: DropGuard,
    ) {
        let status = tokio::select! {
            status = self.wait() => Ok(status),
            () = detached.cancelled() => Err(TOO_SLOW.to_owned()),
            () = report.closed() => Err(String::new()),
        };
        match status {
            Ok(status) => tokio::select! {
                () = drain(queues) => drop(report.send(Ok(status))),
                () = report.closed() => {}
            },
            Err(why) => {
                for queue in &queues {
                    ALL_SOURCES.into_iter().for_each(|source| self.attached(source).remove(queue));
                }
                drop(queues);
                drop(report.send(Err(why)));
            }
        }
    }

    /// Hands on what a client types to the main program. What it typed before it went is handed on for a
    /// while: a program that reads nothing does not keep it for ever.
    async fn type_into(self, inlet: Inlet, mut from: mpsc::Receiver<Bytes>, gone: CancellationToken) {
        let late = async {
            gone.cancelled().await;
            tokio::time::sleep(PATIENCE).await;
        };
        let fed = tokio::select! {
            fed = inlet.feed(&mut from) => fed,
            () = late => Fed::Closed,
        };
        match fed {
            Fed::Signal(signal) => self.send(signal.into()),
            Fed::Closed if self.ends_input_with_its_client() => inlet.end(),
            Fed::Closed | Fed::Ended => {}
        }
    }
}

const ALL_SOURCES: [Source; 2] = [Source::Stdout, Source::Stderr];

const TOO_SLOW: &str = "detached: nothing of the container's output was read for too long";
