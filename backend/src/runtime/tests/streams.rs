//! Programs that are started in a running container, and clients of its main one.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::runtime::logs::Source;
use crate::runtime::output::PATIENCE;
use crate::runtime::testing::{Cluster, Started, compiled, component, module};
use crate::runtime::{
    AttachSpec, ExitReason, MAX_PROCESSES, Mount, Runtime, RuntimeOptions, Session, StartError,
};

const ATTACH: AttachSpec = AttachSpec { stdin: true, stdout: true, stderr: true };

/// A container that sleeps.
async fn sleeper(cluster: &Cluster) -> Started {
    let pod = cluster.pod(2);
    let container = cluster.start(cluster.spec("sleep", &pod, "sleep"));
    container.logged("sleeping").await;
    container
}

async fn read(receiver: Option<mpsc::Receiver<Bytes>>) -> String {
    let mut text = Vec::new();
    if let Some(mut receiver) = receiver {
        while let Some(bytes) = receiver.recv().await {
            text.extend(bytes);
        }
    }
    String::from_utf8(text).unwrap()
}

/// What a session's program printed, as output and as errors, and its exit code; its input ends at once
/// after this.
async fn finish(session: Session, input: &str) -> (String, String, i32) {
    let Session { stdin, stdout, stderr, status, .. } = session;
    let typed = async {
        if let Some(stdin) = stdin.filter(|_| !input.is_empty()) {
            stdin.send(Bytes::copy_from_slice(input.as_bytes())).await.unwrap();
        }
    };
    let all = async { tokio::join!(read(stdout), read(stderr), status, typed) };
    let (stdout, stderr, status, ()) = tokio::time::timeout(Duration::from_secs(20), all).await.unwrap();
    (stdout, stderr, status.unwrap().code)
}

#[tokio::test]
async fn a_further_program_should_have_its_own_streams_and_end() {
    for wasm in [component(), module()] {
        let cluster = Cluster::with(wasm).await;
        let container = sleeper(&cluster).await;
        let of = |out: &str, err: &str, code| (out.to_owned(), err.to_owned(), code);
        for (arguments, input, expected) in [
            ("print out err out-again", "", of("out\nout-again\n", "err\n", 0)),
            ("exit 3", "", of("", "", 3)),
            ("read-stdin", "some input", of("read \"some input\"\n", "", 0)),
            ("is-terminal", "", of("false false false\n", "", 0)),
        ] {
            let session = cluster.exec(&container, arguments, false);
            assert_eq!(finish(session, input).await, expected, "{arguments}");
        }
        assert_eq!(container.log().await, "sleeping\n");
        container.handle.kill(Duration::ZERO).await;
    }
}

#[tokio::test]
async fn a_further_program_should_see_what_the_main_one_sees() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(7);
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("file"), "text").unwrap();
    let mut spec = cluster.spec("sleep", &pod, "sleep");
    spec.process.env = vec![("COLOR".into(), "blue".into())];
    let host_dir = root.path().to_owned();
    spec.process.mounts = vec![Mount { host_dir, guest_path: "/".into(), read_only: true }];
    let container = cluster.start(spec);
    let (env, _, _) = finish(cluster.exec(&container, "print-env", false), "").await;
    assert_eq!(env, "COLOR=blue\nHOSTNAME=pod-7\n");
    let (file, _, _) = finish(cluster.exec(&container, "read-file /file", false), "").await;
    assert_eq!(file, "text");
}

#[tokio::test]
async fn a_terminal_should_echo_and_mix_and_end_lines_as_terminals_do() {
    let cluster = Cluster::new().await;
    let container = sleeper(&cluster).await;
    let of = |out: &str, code| (out.to_owned(), String::new(), code);
    for (arguments, input, expected) in [
        ("is-terminal", "", of("true true true\r\n", 0)),
        ("print out err", "", of("out\r\nerr\r\n", 0)),
        ("read-stdin", "ab\x7fc\r\x04", of("ab\x08 \x08c\r\nread \"ac\\n\"\r\n", 0)),
        ("read-stdin", "a\x03", of("a^C", 130)),
        ("read-stdin", "a\x1c", of("a^\\", 131)),
    ] {
        let session = cluster.exec(&container, arguments, true);
        assert!(session.resize.is_some());
        assert_eq!(finish(session, input).await, expected, "{arguments} {input:?}");
    }
    let (env, _, _) = finish(cluster.exec(&container, "print-env", true), "").await;
    assert!(env.contains("TERM=xterm\r\n"), "{env}");
}

#[tokio::test]
async fn a_reader_should_hear_of_other_things_while_it_waits_for_input() {
    let cluster = Cluster::new().await;
    let container = sleeper(&cluster).await;
    let Session { stdin, stdout, status, .. } = cluster.exec(&container, "poll-stdin 30", false);
    let mut stdout = stdout.unwrap();
    assert_eq!(stdout.recv().await.unwrap(), "tick\n");
    let stdin = stdin.unwrap();
    stdin.send("hello".into()).await.unwrap();
    while stdout.recv().await.unwrap() != "read hello\n" {}
    drop(stdin);
    while stdout.recv().await.unwrap() != "end\n" {}
    assert_eq!(read(Some(stdout)).await, "");
    assert_eq!(status.await.unwrap().code, 0);
}

#[tokio::test]
async fn further_programs_should_end_with_their_container() {
    let cluster = Cluster::new().await;
    let container = sleeper(&cluster).await;
    let session = cluster.exec(&container, "sleep", false);
    container.handle.kill(Duration::ZERO).await;
    assert_eq!(finish(session, "").await.2, 137);
    let cluster_of_none = cluster.runtime.exec(&container.handle, cluster.exec_spec("sleep", false));
    assert!(matches!(cluster_of_none.map(drop), Err(StartError::NotRunning)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_nobody_waits_for_should_end_and_make_room() {
    let cluster = Cluster::new().await;
    let container = sleeper(&cluster).await;
    let sessions: Vec<Session> =
        (1..MAX_PROCESSES).map(|_| cluster.exec(&container, "sleep", false)).collect();
    let refused = cluster.runtime.exec(&container.handle, cluster.exec_spec("sleep", false));
    assert!(matches!(refused.map(drop), Err(StartError::TooManyProcesses(MAX_PROCESSES))));
    drop(sessions);
    let room = async {
        while let Err(error) = cluster.runtime.exec(&container.handle, cluster.exec_spec("sleep", false)) {
            assert!(matches!(error, StartError::TooManyProcesses(_)));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), room).await.expect("programs went on without a client");
}

#[tokio::test]
async fn a_further_programs_memory_should_be_its_containers() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let mut spec = cluster.spec("memory", &pod, "sleep");
    spec.memory_limit_bytes = Some(64 << 20);
    let container = cluster.start(spec);
    container.logged("sleeping").await;
    assert_eq!(finish(cluster.exec(&container, "eat-memory", false), "").await.2, 137);
    let status = container.handle.wait().await;
    assert_eq!((status.code, status.reason), (137, ExitReason::OomKilled));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cpu_limit_should_hold_for_all_programs_together() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let mut spec = cluster.spec("spin", &pod, "spin");
    spec.cpu_limit_cores = Some(0.1);
    let container = cluster.start(spec);
    container.logged("spinning").await;
    let _sessions = [0, 1].map(|_| cluster.exec(&container, "spin", false));
    let (start, before) = (Instant::now(), container.handle.stats().cpu);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let used = container.handle.stats().cpu - before;
    let cores = used.as_secs_f64() / start.elapsed().as_secs_f64();
    container.handle.kill(Duration::ZERO).await;
    assert!((0.06..0.14).contains(&cores), "used {cores} cores");
}

#[tokio::test]
async fn somebody_attached_should_read_what_the_container_prints_from_then_on() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let mut spec = cluster.spec("stdin", &pod, "read-stdin");
    (spec.stdin, spec.stdin_once) = (true, true);
    let container = cluster.start(spec);
    let session = container.handle.attach(ATTACH);
    let other = container.handle.attach(AttachSpec { stdin: false, ..ATTACH });
    let expected = ("read \"some input\"\n".to_owned(), String::new(), 0);
    let (one, two) = tokio::join!(finish(session, "some input"), finish(other, ""));
    assert_eq!((one, two), (expected.clone(), expected));
    assert_eq!(container.log().await, "read \"some input\"\n");
    assert_eq!(finish(container.handle.attach(ATTACH), "").await, (String::new(), String::new(), 0));
}

#[tokio::test]
async fn a_containers_input_should_survive_its_clients_unless_it_is_said_to_be_for_one() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let mut spec = cluster.spec("stdin", &pod, "poll-stdin 10");
    spec.stdin = true;
    let container = cluster.start(spec);
    for word in ["one", "two"] {
        let session = container.handle.attach(ATTACH);
        session.stdin.unwrap().send(word.into()).await.unwrap();
        container.logged(&format!("read {word}")).await;
    }
    assert!(!container.log().await.contains("end"));
    container.handle.kill(Duration::ZERO).await;
}

#[tokio::test]
async fn a_containers_terminal_should_mix_its_streams_and_be_interrupted() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let mut spec = cluster.spec("tty", &pod, "read-stdin");
    (spec.stdin, spec.process.tty) = (true, true);
    let container = cluster.start(spec);
    let session = container.handle.attach(ATTACH);
    assert!(session.stderr.is_none() && session.resize.is_some());
    assert_eq!(finish(session, "ab\x03").await, ("ab^C".to_owned(), String::new(), 130));
}

#[tokio::test]
async fn somebody_who_goes_should_leave_nothing_behind() {
    let cluster = Cluster::new().await;
    let container = sleeper(&cluster).await;
    drop(container.handle.attach(ATTACH));
    let sources = [Source::Stdout, Source::Stderr];
    let let_go = async {
        while sources.iter().any(|source| container.handle.attached(*source).count() > 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), let_go).await.expect("the client is attached still");
    container.handle.kill(Duration::ZERO).await;
}

#[tokio::test]
async fn a_further_program_without_memory_should_say_so_and_leave_its_container_alone() {
    let mut cluster = Cluster::new().await;
    let memory_bytes = 3 << 20;
    let cache_dir = Some(compiled());
    let options = RuntimeOptions { cache_dir, memory_bytes, threads: 2, ..RuntimeOptions::default() };
    cluster.runtime = Runtime::new(options).unwrap();
    cluster.program = cluster.runtime.compile(component()).await.unwrap();
    let container = sleeper(&cluster).await;
    let mut sessions = Vec::new();
    let why = loop {
        let mut session = cluster.exec(&container, "sleep", false);
        let mut stdout = session.stdout.take().unwrap();
        if stdout.recv().await.is_none() {
            break session.status.await.unwrap_err();
        }
        sessions.push((session, stdout));
    };
    assert!(why.contains("out of memory"), "{why}");
    assert!(!container.handle.is_ended());
    container.handle.kill(Duration::ZERO).await;
}

#[tokio::test]
async fn nobody_should_write_to_a_container_without_input() {
    let cluster = Cluster::new().await;
    let container = sleeper(&cluster).await;
    assert!(container.handle.attach(ATTACH).stdin.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_reads_nothing_should_hold_a_container_up_for_a_while_only() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let container = cluster.start(cluster.spec("flood", &pod, "flood"));
    let sessions = [(); 3].map(|()| container.handle.attach(AttachSpec { stdin: false, ..ATTACH }));
    let all = futures::future::join_all(sessions.into_iter().map(async |session| {
        let refused = session.status.await;
        assert!(refused.unwrap_err().starts_with("detached"));
        // Both streams end, so that who reads them first comes to the status.
        assert!(!read(session.stdout).await.is_empty());
        assert_eq!(read(session.stderr).await, "");
    }));
    // One after the other they would take three times as long as one may.
    let limit = PATIENCE * 3 - Duration::from_millis(500);
    tokio::time::timeout(limit, all).await.expect("waited for one after the other");
    let before = container.log_bytes();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(container.log_bytes() != before, "the container stands still");
    container.handle.kill(Duration::ZERO).await;
}
