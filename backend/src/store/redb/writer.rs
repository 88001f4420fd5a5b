//! The one thread that writes the file.
//!
//! While a transaction is being made durable, further writes wait in the channel; together they are
//! the next transaction. So a lone client waits for one sync of the disk, and a thousand share it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use shared::store::mvcc::Staged;
use shared::store::published::Published;
use shared::store::{Revision, StoreError, Write, WriteOutcome};
use tokio::sync::oneshot;

use super::file::{Changes, DataFile};

/// Most requests, and most removals of superseded records, of one transaction: what bounds the time
/// that its first request waits.
const BATCH_LIMIT: usize = 1024;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked for.
pub(super) enum Request {
    Write(Write, Answer<WriteOutcome>),
    Compact(Revision, Answer<()>),
}

/// The writer's state.
pub(super) struct Writer {
    file: DataFile,
    published: Arc<Published>,
    /// Superseded records that are still in the file.
    garbage: VecDeque<Revision>,
    /// The oldest readable revision, as the file has it.
    compacted: Revision,
    /// Set for good when a transaction failed: what the file holds then is known only after it was
    /// opened anew.
    failure: Option<StoreError>,
}

/// Answers that wait for the transaction.
#[derive(Default)]
struct Answers {
    writes: Vec<(Answer<WriteOutcome>, WriteOutcome)>,
    compactions: Vec<(Answer<()>, Result<(), StoreError>)>,
}

impl Writer {
    pub(super) fn new(file: DataFile, published: Arc<Published>, garbage: VecDeque<Revision>) -> Writer {
        let compacted = published.read(|core| core.compacted());
        Writer { file, published, garbage, compacted, failure: None }
    }

    /// Serves until the store is dropped.
    pub(super) fn run(mut self, inbox: &Receiver<Request>) {
        while let Some(batch) = self.next_batch(inbox) {
            match self.failure.clone() {
                Some(failure) => refuse(batch, &failure),
                None => self.serve(batch),
            }
        }
    }

    /// All that waits; empty where nothing does and there is garbage to remove meanwhile.
    fn next_batch(&self, inbox: &Receiver<Request>) -> Option<Vec<Request>> {
        let idle = self.garbage.is_empty() || self.failure.is_some();
        let first = match inbox.try_recv() {
            Ok(request) => Some(request),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) if idle => Some(inbox.recv().ok()?),
            Err(TryRecvError::Empty) => None,
        };
        Some(first.into_iter().chain(inbox.try_iter()).take(BATCH_LIMIT).collect())
    }

    fn serve(&mut self, batch: Vec<Request>) {
        let (staged, answers) = self.stage(batch);
        match self.commit(&staged) {
            Ok(()) => {
                self.garbage.extend(self.published.change(|core| core.commit(staged)));
                answers.give();
            }
            Err(error) => {
                tracing::error!(%error, "the store is read-only from now on: a write to its file failed");
                let failure = StoreError::Engine(format!(
                    "a write to the store's file failed, so the store is read-only until it is restarted: {error}"
                ));
                answers.fail(&failure);
                self.failure = Some(failure);
            }
        }
    }

    fn stage(&mut self, batch: Vec<Request>) -> (Staged, Answers) {
        let mut answers = Answers::default();
        let mut writes = Vec::with_capacity(batch.len());
        for request in batch {
            match request {
                Request::Write(write, answer) => writes.push((write, answer)),
                Request::Compact(revision, answer) => {
                    answers.compactions.push((answer, self.compact(revision)));
                }
            }
        }
        let staged = self.published.read(|core| {
            let mut staged = Staged::on(core);
            let outcomes = writes.into_iter().map(|(write, answer)| (answer, staged.add(core, write)));
            answers.writes.extend(outcomes);
            staged
        });
        (staged, answers)
    }

    fn compact(&mut self, revision: Revision) -> Result<(), StoreError> {
        let forgotten = self.published.change(|core| core.compact(revision))?;
        self.garbage.extend(forgotten);
        Ok(())
    }

    fn commit(&mut self, staged: &Staged) -> Result<(), ::redb::Error> {
        let compacted = self.published.read(|core| core.compacted());
        let removed = self.garbage.len().min(BATCH_LIMIT);
        if staged.events().is_empty() && removed == 0 && compacted == self.compacted {
            return Ok(());
        }
        let forgotten: Vec<Revision> = self.garbage.drain(..removed).collect();
        self.file.commit(&Changes { events: staged.events(), forgotten: &forgotten, compacted })?;
        self.compacted = compacted;
        Ok(())
    }
}

impl Answers {
    fn give(self) {
        // Who no longer waits for an answer does not need it.
        for (answer, outcome) in self.writes {
            let _ = answer.send(Ok(outcome));
        }
        for (answer, result) in self.compactions {
            let _ = answer.send(result);
        }
    }

    fn fail(self, failure: &StoreError) {
        for (answer, _) in self.writes {
            let _ = answer.send(Err(failure.clone()));
        }
        for (answer, _) in self.compactions {
            let _ = answer.send(Err(failure.clone()));
        }
    }
}

fn refuse(batch: Vec<Request>, failure: &StoreError) {
    for request in batch {
        match request {
            Request::Write(_, answer) => drop(answer.send(Err(failure.clone()))),
            Request::Compact(_, answer) => drop(answer.send(Err(failure.clone()))),
        }
    }
}
