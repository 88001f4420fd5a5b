//! How a reader of a log learns that there is more, that the file was rotated, and that no more will come.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Weak;

use tokio::sync::watch;

use super::writer::Shared;

/// How far a log has been written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) records: u64,
    pub(super) rotations: u64,
    pub(super) complete: bool,
}

/// Follows the writing of a log. Made by [`super::LogWriter::follow`].
#[derive(Clone)]
pub struct LogFollow {
    progress: watch::Receiver<Progress>,
    writer: Weak<Shared>,
}

impl LogFollow {
    pub(super) fn new(progress: watch::Receiver<Progress>, writer: Weak<Shared>) -> Self {
        Self { progress, writer }
    }

    /// How far the log is; what comes later wakes [`LogFollow::changed`].
    pub(super) fn progress(&mut self) -> Progress {
        *self.progress.borrow_and_update()
    }

    /// Waits for more. `false` when the writer is gone.
    pub(super) async fn changed(&mut self) -> bool {
        self.progress.changed().await.is_ok()
    }

    /// Opens the current file, never between two steps of a rotation, and says how often it was rotated.
    pub(super) fn open(&self, path: &Path) -> io::Result<(File, u64)> {
        match self.writer.upgrade() {
            Some(writer) => {
                let log = writer.lock();
                Ok((File::open(path)?, log.rotations()))
            }
            None => Ok((File::open(path)?, self.progress.borrow().rotations)),
        }
    }
}
