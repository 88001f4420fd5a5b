//! From a program's outputs to the client, whatever carries them.

use bytes::Bytes;
use futures::future::BoxFuture;
use shared::apiserver::remote_command::{ERROR, Protocol, STDERR, STDOUT, SizeReader, TerminalSize};
use tokio::sync::mpsc;

use crate::runtime::ExitStatus;

use super::super::spdy::Outgoing;
use super::super::wire::{Gone, Messages};
use super::Verdict;

/// Where outputs go.
pub(super) enum Client {
    /// Channels of a WebSocket.
    Channels(Protocol, Messages),
    /// Streams of SPDY, by their channels.
    Streams(Vec<(u8, Outgoing)>),
}

impl Client {
    /// Sends bytes; those of a channel that the client has not got are lost.
    pub(super) async fn send(&self, channel: u8, bytes: &[u8]) -> Result<(), Gone> {
        match self {
            Client::Channels(protocol, messages) => {
                messages.send(protocol.encode(channel, bytes)).await.map_err(|_| Gone)
            }
            Client::Streams(streams) => match streams.iter().find(|(own, _)| *own == channel) {
                Some((_, stream)) => stream.send(bytes).await,
                None => Ok(()),
            },
        }
    }
}

/// What a program prints and how it ends.
pub(super) struct Outputs {
    pub(super) stdout: Option<mpsc::Receiver<Bytes>>,
    pub(super) stderr: Option<mpsc::Receiver<Bytes>>,
    pub(super) status: BoxFuture<'static, Result<ExitStatus, String>>,
}

impl Outputs {
    /// Sends everything, and at last how it ended.
    pub(super) async fn relay(
        mut self,
        client: &Client,
        protocol: Protocol,
        verdict: &Verdict,
    ) -> Result<(), Gone> {
        while self.stdout.is_some() || self.stderr.is_some() {
            let (channel, bytes) = tokio::select! {
                bytes = next(&mut self.stdout) => (STDOUT, bytes),
                bytes = next(&mut self.stderr) => (STDERR, bytes),
            };
            if let Some(bytes) = bytes {
                client.send(channel, &bytes).await?;
            }
        }
        let status = verdict.status(self.status.await);
        match protocol.status(&status) {
            Some(told) => client.send(ERROR, &told).await,
            None => Ok(()),
        }
    }
}

/// The next bytes of an output; at its end it is taken away. Without one, nothing ever comes.
async fn next(output: &mut Option<mpsc::Receiver<Bytes>>) -> Option<Bytes> {
    let Some(receiver) = output else { return std::future::pending().await };
    let bytes = receiver.recv().await;
    if bytes.is_none() {
        *output = None;
    }
    bytes
}

/// Sizes of the terminal on their way to the program.
pub(super) struct Sizes {
    reader: SizeReader,
    resize: Option<mpsc::Sender<TerminalSize>>,
}

impl Sizes {
    pub(super) fn new(resize: Option<mpsc::Sender<TerminalSize>>) -> Sizes {
        Sizes { reader: SizeReader::default(), resize }
    }

    /// Takes bytes of the client. Only the last of several sizes matters.
    pub(super) async fn push(&mut self, bytes: &[u8]) {
        let size = self.reader.push(bytes);
        if let (Some(size), Some(resize)) = (size, &self.resize) {
            let _ended = resize.send(size).await;
        }
    }
}
