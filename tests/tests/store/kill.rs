//! A killed process loses nothing that it acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use backend::store::RedbStore;
use futures::future::join_all;

use crate::engine::{attach, file_in, put};
use crate::load::{Acknowledged, Numbers, check_kept, readable, write_until_failure};

const FILE_VARIABLE: &str = "STORE_TO_WRITE";
const ROUNDS: u64 = 100;
const CLIENTS: u64 = 8;

/// Not a test by itself: the process that the test below kills.
#[tokio::test]
#[ignore = "runs until it is killed"]
async fn process_that_writes_until_it_is_killed() {
    let Ok(path) = std::env::var(FILE_VARIABLE) else { return };
    let store = Arc::new(RedbStore::open(Path::new(&path), attach()).unwrap());
    let seed = u64::from(std::process::id());
    let clients = (0..CLIENTS).map(|client| {
        let numbers = Numbers(seed << 8 | client);
        write_until_failure(store.clone(), client, numbers, tell)
    });
    panic!("{:?}", join_all(clients).await);
}

/// One line an acknowledgement, written at once.
fn tell(write: Acknowledged) {
    let text = write.text.as_deref().unwrap_or("-");
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nacknowledged {} {} {text}.", write.revision, write.key).unwrap();
    out.flush().unwrap();
}

fn heard(line: &str) -> Option<Acknowledged> {
    // Without the full stop the line was cut off by the kill.
    let mut words = line.strip_prefix("acknowledged ")?.strip_suffix('.')?.split(' ');
    let (revision, key, text) = (words.next()?, words.next()?, words.next()?);
    let text = (text != "-").then(|| text.to_owned());
    Some(Acknowledged { revision: revision.parse().ok()?, key: key.into(), text })
}

fn start(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::process_that_writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env(FILE_VARIABLE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills the process after so many acknowledgements and returns all that it got out.
fn kill_after(child: &mut Child, acknowledgements: u64) -> Vec<Acknowledged> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acknowledged = Vec::new();
    while (acknowledged.len() as u64) < acknowledgements {
        let line = lines.next().expect("the process writes until it is killed");
        acknowledged.extend(heard(&line));
    }
    child.kill().unwrap();
    acknowledged.extend(lines.filter_map(|line| heard(&line)));
    child.wait().unwrap();
    acknowledged
}

#[tokio::test]
async fn a_killed_process_should_lose_no_acknowledged_write() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_in(&directory);
    let mut numbers = Numbers(1);
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let mut child = start(&path);
        acknowledged.extend(kill_after(&mut child, 1 + numbers.below(300)));
        let store = RedbStore::open(&path, attach()).unwrap_or_else(|error| panic!("round {round}: {error}"));
        check_kept(&store, &acknowledged).await;
        acknowledged = readable(&store).await;
        put(&store, "/registry/after/kill", &round.to_string()).await;
    }
}
