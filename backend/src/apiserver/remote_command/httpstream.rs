//! `exec` and `attach` over SPDY: a stream for each of the standard streams, one for errors, one for sizes.

use std::time::Duration;

use bytes::Bytes;
use shared::apiserver::remote_command::{ERROR, Protocol, RESIZE, STDERR, STDIN, STDOUT};
use shared::apiserver::stream_location::StreamOptions;
use shared::spdy::Headers;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::runtime::Session;

use super::super::spdy::{self, Stream};
use super::super::wire::{Reader, Writer};
use super::Verdict;
use super::relay::{Client, Outputs, Sizes};

/// How long a client may take to open its streams.
const CREATION_LIMIT: Duration = Duration::from_secs(30);
/// The first version in which sizes travel.
const RESIZING: u8 = 3;

/// Serves a client until the program ends or the client goes, which ends the session.
pub(super) async fn serve(
    wire: (Reader, Writer),
    protocol: Protocol,
    options: StreamOptions,
    session: Session,
    verdict: Verdict,
) {
    let check: spdy::Check = |_, headers| channel(headers).map(drop);
    spdy::serve(wire, check, async |mut opened: mpsc::Receiver<Stream>| {
        let expected = expected(protocol, options);
        let Ok(Some(streams)) = timeout(CREATION_LIMIT, collect(&mut opened, expected)).await else {
            return tracing::debug!("timed out waiting for client to create streams");
        };
        talk(streams, protocol, session, &verdict).await;
    })
    .await;
}

/// The channel that a stream is for.
fn channel(headers: &Headers) -> Result<u8, String> {
    match headers.get("streamType") {
        "stdin" => Ok(STDIN),
        "stdout" => Ok(STDOUT),
        "stderr" => Ok(STDERR),
        "error" => Ok(ERROR),
        "resize" => Ok(RESIZE),
        other => Err(format!("unexpected stream type: {other:?}")),
    }
}

fn expected(protocol: Protocol, options: StreamOptions) -> usize {
    let StreamOptions { stdin, stdout, stderr, tty } = options;
    let resize = tty && protocol.version >= RESIZING;
    1 + [stdin, stdout, stderr, resize].into_iter().filter(|wanted| *wanted).count()
}

/// Waits until so many streams are open; `None` where the client goes before.
async fn collect(opened: &mut mpsc::Receiver<Stream>, expected: usize) -> Option<Vec<(u8, Stream)>> {
    let mut streams: Vec<(u8, Stream)> = Vec::new();
    while streams.len() < expected {
        let stream = opened.recv().await?;
        if let Ok(channel) = channel(&stream.headers) {
            streams.push((channel, stream));
        }
    }
    Some(streams)
}

async fn talk(streams: Vec<(u8, Stream)>, protocol: Protocol, session: Session, verdict: &Verdict) {
    let Session { stdin, stdout, stderr, resize, status } = session;
    let outgoing = streams.iter().map(|(channel, stream)| (*channel, stream.outgoing.clone())).collect();
    let client = Client::Streams(outgoing);
    let (mut input, mut sizes) = (None, None);
    for (channel, stream) in streams {
        match channel {
            STDIN => input = Some(stream),
            RESIZE => sizes = Some(stream),
            _ => {}
        }
    }
    let outputs = Outputs { stdout, stderr, status };
    let incoming = async {
        tokio::join!(feed(input, stdin), resized(sizes, Sizes::new(resize)));
        // The client's end of its input is not the end of the session.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = outputs.relay(&client, protocol, verdict) => {}
        () = incoming => {}
    }
    if let Client::Streams(streams) = client {
        for (_, stream) in streams {
            stream.finish().await;
        }
    }
}

async fn feed(stream: Option<Stream>, program: Option<mpsc::Sender<Bytes>>) {
    let (Some(mut stream), Some(program)) = (stream, program) else { return };
    while let Some(bytes) = stream.incoming.recv().await {
        if program.send(bytes).await.is_err() {
            return;
        }
    }
}

async fn resized(stream: Option<Stream>, mut sizes: Sizes) {
    let Some(mut stream) = stream else { return };
    while let Some(bytes) = stream.incoming.recv().await {
        sizes.push(&bytes).await;
    }
}
