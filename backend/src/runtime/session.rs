//! The client's ends of a program's standard streams: what `exec` and `attach` hand out.

use bytes::Bytes;
use futures::future::BoxFuture;
use shared::apiserver::remote_command::TerminalSize;
use tokio::sync::mpsc;

use super::exit::ExitStatus;

/// The client's ends of a program's standard streams. A stream that was not asked for is `None`. Channels
/// are bounded, so a slow client makes the program wait.
pub struct Session {
    /// What the program reads; dropping it ends the program's standard input.
    pub stdin: Option<mpsc::Sender<Bytes>>,
    /// What the program prints; ends when nothing more will come.
    pub stdout: Option<mpsc::Receiver<Bytes>>,
    /// What it prints as errors; never there with a terminal, which mixes both.
    pub stderr: Option<mpsc::Receiver<Bytes>>,
    /// New sizes of the terminal; there with a terminal.
    pub resize: Option<mpsc::Sender<TerminalSize>>,
    /// How the program ended; of `attach`, how the container did. The error says why nobody knows.
    pub status: BoxFuture<'static, Result<ExitStatus, String>>,
}
