//! `exec` and `attach` over a WebSocket: each message names its channel.

use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use shared::apiserver::remote_command::{ERROR, Incoming, Protocol, RESIZE, STDERR, STDIN, STDOUT};
use shared::apiserver::stream_location::StreamOptions;
use tokio::sync::mpsc;

use crate::runtime::Session;

use super::super::budget::PART_BYTES;
use super::super::wire::{self, Gone, Reader, Writer};
use super::Verdict;
use super::relay::{Client, Outputs, Sizes};

/// Serves a client until the program ends or the client goes, which ends the session. A session that did not
/// begin has nothing but its status.
pub(super) async fn serve(
    (mut reader, writer): (Reader, Writer),
    protocol: Protocol,
    options: StreamOptions,
    session: Result<Session, Status>,
    verdict: Verdict,
) {
    let (messages, queued) = wire::queue();
    let talk = async {
        let client = Client::Channels(protocol, messages.clone());
        let talked = async {
            greet(&client, options).await?;
            match session {
                Ok(session) => talk(&mut reader, &client, protocol, session, &verdict).await,
                Err(refused) => match protocol.status(&refused) {
                    Some(told) => client.send(ERROR, &told).await,
                    None => Ok(()),
                },
            }
        };
        tokio::select! {
            _ = talked => {}
            () = messages.closed() => {}
        }
        drop((client, messages));
    };
    tokio::join!(wire::write(writer, queued), talk);
    reader.drain().await;
}

/// An empty message on the first channel that the client reads, so that it knows of the connection.
async fn greet(client: &Client, options: StreamOptions) -> Result<(), Gone> {
    let channel = match options {
        StreamOptions { stdout: true, .. } => STDOUT,
        StreamOptions { stderr: true, .. } => STDERR,
        _ => ERROR,
    };
    client.send(channel, &[]).await
}

async fn talk(
    reader: &mut Reader,
    client: &Client,
    protocol: Protocol,
    session: Session,
    verdict: &Verdict,
) -> Result<(), Gone> {
    let Session { stdin, stdout, stderr, resize, status } = session;
    let outputs = Outputs { stdout, stderr, status };
    tokio::select! {
        outcome = outputs.relay(client, protocol, verdict) => outcome,
        () = input(reader, protocol, stdin, Sizes::new(resize)) => Err(Gone),
    }
}

/// Hands on what the client sends, until it is gone.
async fn input(
    reader: &mut Reader,
    protocol: Protocol,
    mut stdin: Option<mpsc::Sender<Bytes>>,
    mut sizes: Sizes,
) {
    while let Some(message) = reader.read().await {
        match protocol.decode(&message) {
            Some(Incoming::Data(STDIN, bytes)) if !bytes.is_empty() => {
                // Parts of their own, so that what is queued is bounded in bytes.
                for part in bytes.chunks(PART_BYTES) {
                    let Some(program) = &stdin else { break };
                    if program.send(Bytes::copy_from_slice(part)).await.is_err() {
                        stdin = None;
                    }
                }
            }
            Some(Incoming::Close(STDIN)) => stdin = None,
            Some(Incoming::Data(RESIZE, bytes)) => sizes.push(&bytes).await,
            _ => {}
        }
    }
}
