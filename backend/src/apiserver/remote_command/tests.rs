//! Sessions over SPDY, with a program that is written out here. Those over WebSockets share everything but
//! the way their bytes travel, and are tested from outside.

use bytes::Bytes;
use futures::FutureExt as _;
use shared::apiserver::remote_command::TerminalSize;
use shared::spdy::{Deflater, Frame, FrameReader, Headers, data, syn_stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::{mpsc, oneshot};

use super::*;

/// The program's ends of a session.
struct Program {
    stdin: mpsc::Receiver<Bytes>,
    stdout: mpsc::Sender<Bytes>,
    resize: mpsc::Receiver<TerminalSize>,
    status: oneshot::Sender<Result<ExitStatus, String>>,
}

fn session() -> (Session, Program) {
    let (stdin, program_stdin) = mpsc::channel(1);
    let (program_stdout, stdout) = mpsc::channel(1);
    let (resize, program_resize) = mpsc::channel(1);
    let (program_status, status) = oneshot::channel();
    let session = Session {
        stdin: Some(stdin),
        stdout: Some(stdout),
        stderr: None,
        resize: Some(resize),
        status: status.map(|status| status.unwrap_or_else(|_| Err("gone".into()))).boxed(),
    };
    let program = Program {
        stdin: program_stdin,
        stdout: program_stdout,
        resize: program_resize,
        status: program_status,
    };
    (session, program)
}

/// A client that opened its streams: errors 1, input 3, output 5, sizes 7.
async fn client(protocol: &str) -> (DuplexStream, Program) {
    let (mut client, server) = tokio::io::duplex(4096);
    let (session, program) = session();
    let options = StreamOptions { stdin: true, stdout: true, stderr: false, tty: true };
    let protocol = remote_command::choose(&[protocol], remote_command::SPDY).unwrap();
    let verdict = Verdict::of(&Action::Exec(vec!["sh".into(), "-i".into()]));
    tokio::spawn(httpstream::serve(wire::of_bytes(server), protocol, options, session, verdict));
    let mut deflater = Deflater::default();
    for (stream, kind) in [(1, "error"), (3, "stdin"), (5, "stdout"), (7, "resize")] {
        let headers = Headers::new(&[("streamType", kind)]);
        client.write_all(&syn_stream(&mut deflater, stream, &headers, false)).await.unwrap();
    }
    (client, program)
}

/// What comes on a stream until the connection ends.
async fn rest(client: &mut DuplexStream, stream: u32) -> String {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).await.unwrap();
    let mut reader = FrameReader::default();
    reader.push(&bytes);
    let mut found = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        if let Frame::Data { stream: own, bytes, .. } = frame
            && own == stream
        {
            found.extend_from_slice(&bytes);
        }
    }
    String::from_utf8(found).unwrap()
}

#[tokio::test]
async fn streams_should_join_client_and_program_and_tell_its_end() {
    let (mut client, mut program) = client("v4.channel.k8s.io").await;
    client.write_all(&data(3, b"ls\n", false)).await.unwrap();
    client.write_all(&data(7, br#"{"Width":80,"Height":24}"#, false)).await.unwrap();
    assert_eq!(program.stdin.recv().await.as_deref(), Some(b"ls\n".as_slice()));
    assert_eq!(program.resize.recv().await, Some(TerminalSize { width: 80, height: 24 }));
    client.write_all(&data(3, b"", true)).await.unwrap();
    assert_eq!(program.stdin.recv().await, None, "the end of the client's input is the program's");
    program.stdout.send(Bytes::from_static(b"bin\n")).await.unwrap();
    drop(program.stdout);
    program.status.send(Ok(ExitStatus::exited(3))).unwrap();
    let told = rest(&mut client, 1).await;
    assert!(told.contains(r#""reason":"NonZeroExitCode""#), "{told}");
    assert!(told.contains("non-zero exit code: error executing command [sh -i], exit code 3"), "{told}");
}

#[tokio::test]
async fn old_protocols_should_tell_nothing_of_a_success() {
    let (mut client, program) = client("v3.channel.k8s.io").await;
    program.stdout.send(Bytes::from_static(b"done\n")).await.unwrap();
    drop(program.stdout);
    program.status.send(Ok(ExitStatus::exited(0))).unwrap();
    assert_eq!(rest(&mut client, 1).await, "");
}

#[tokio::test]
async fn session_should_end_when_its_client_goes() {
    let (client, mut program) = client("v4.channel.k8s.io").await;
    drop(client);
    assert_eq!(program.stdin.recv().await, None);
    program.status.closed().await;
}

#[test]
fn end_should_be_told_by_the_kubelet_or_by_the_server() {
    let kubelet = Verdict::of(&Action::Exec(vec!["false".into()]));
    let server = Verdict { translated: true, ..Verdict::of(&Action::Exec(vec!["false".into()])) };
    let attached = Verdict::of(&Action::Attach);
    let failed = || Err::<ExitStatus, _>("no such file".to_owned());
    let exited = || Ok(ExitStatus::exited(1));
    let cases = [
        (
            &kubelet,
            exited(),
            "command terminated with non-zero exit code: error executing command [false], exit code 1",
        ),
        (
            &server,
            exited(),
            "command terminated with non-zero exit code: command terminated with exit code 1",
        ),
        (&attached, exited(), ""),
        (&kubelet, failed(), "Internal error occurred: error executing command in container: no such file"),
        (
            &server,
            failed(),
            "Internal error occurred: Internal error occurred: error executing command in container: no such file",
        ),
        (&attached, failed(), "Internal error occurred: error attaching to container: no such file"),
    ];
    for (verdict, outcome, message) in cases {
        assert_eq!(verdict.status(outcome).message.unwrap_or_default(), message);
    }
}
