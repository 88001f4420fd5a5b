//! Writes the log of a container and rotates its file, as upstream's kubelet does with
//! `containerLogMaxSize` and `containerLogMaxFiles`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::follow::{LogFollow, Progress};
use super::record::{Record, Source};
use crate::runtime::Clock;

/// Text of a record at most; longer lines become several partial records. As containerd's.
const MAX_RECORD_BYTES: usize = 16 * 1024;

/// Bounds of a container's log on disk.
#[derive(Clone, Copy, Debug)]
pub struct LogConfig {
    /// Size at which the file is rotated (`containerLogMaxSize`).
    pub max_size_bytes: u64,
    /// Files kept, the current one included (`containerLogMaxFiles`); at least 1.
    pub max_files: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { max_size_bytes: 10 * 1024 * 1024, max_files: 5 }
    }
}

/// The log of one run of a container. Clones write to the same file.
#[derive(Clone)]
pub struct LogWriter {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    log: Mutex<Log>,
    progress: watch::Sender<Progress>,
}

/// The current file of a log and what is known of it.
pub(super) struct Log {
    path: PathBuf,
    config: LogConfig,
    clock: Clock,
    file: File,
    size_bytes: u64,
    rotations: u64,
    complete: bool,
    /// Lines that have not ended yet, of standard output and standard error.
    unfinished: [Vec<u8>; 2],
}

impl LogWriter {
    /// Creates the log file and the directories above it; an existing file is continued.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(path: impl Into<PathBuf>, config: LogConfig, clock: Clock) -> io::Result<Self> {
        let path = path.into();
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        let file = open(&path)?;
        let size_bytes = file.metadata()?.len();
        let unfinished = Default::default();
        let log = Log { path, config, clock, file, size_bytes, rotations: 0, complete: false, unfinished };
        let shared = Shared { log: Mutex::new(log), progress: watch::Sender::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Writes output of a container; whole lines become records at once.
    ///
    /// # Errors
    /// When the disk is full or the directory is gone; `BrokenPipe` after [`LogWriter::close`].
    pub fn write(&self, source: Source, bytes: &[u8]) -> io::Result<()> {
        let mut log = self.shared.lock();
        let records = log.append(source, bytes)?;
        let rotations = log.rotations;
        drop(log);
        if records > 0 {
            self.shared.progress.send_modify(|progress| {
                progress.records += records;
                progress.rotations = rotations;
            });
        }
        Ok(())
    }

    /// Completes the log: a last line without an end becomes a partial record, and followers end.
    pub fn close(&self) {
        let mut log = self.shared.lock();
        if let Err(error) = log.complete() {
            tracing::warn!(%error, path = %log.path.display(), "the end of a container's log was lost");
        }
        let rotations = log.rotations;
        drop(log);
        self.shared.progress.send_modify(|progress| {
            progress.rotations = rotations;
            progress.complete = true;
        });
    }

    /// What a reader needs to follow this log.
    pub fn follow(&self) -> LogFollow {
        LogFollow::new(self.shared.progress.subscribe(), Arc::downgrade(&self.shared))
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    pub(super) fn rotations(&self) -> u64 {
        self.rotations
    }

    /// Appends and says how many records were written.
    fn append(&mut self, source: Source, bytes: &[u8]) -> io::Result<u64> {
        if self.complete {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut line = std::mem::take(&mut self.unfinished[source as usize]);
        let mut out = Records::new((self.clock)(), source);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            line.extend_from_slice(text);
            out.take_full_records(&mut line, ended);
        }
        self.unfinished[source as usize] = line;
        self.write_records(&out)?;
        Ok(out.count)
    }

    fn complete(&mut self) -> io::Result<()> {
        self.complete = true;
        for source in [Source::Stdout, Source::Stderr] {
            let line = std::mem::take(&mut self.unfinished[source as usize]);
            if !line.is_empty() {
                let mut out = Records::new((self.clock)(), source);
                out.push(&line, true);
                self.write_records(&out)?;
            }
        }
        Ok(())
    }

    fn write_records(&mut self, records: &Records) -> io::Result<()> {
        self.file.write_all(&records.bytes)?;
        self.size_bytes += records.bytes.len() as u64;
        if self.size_bytes >= self.config.max_size_bytes { self.rotate() } else { Ok(()) }
    }

    /// `0.log` becomes `0.log.1`, that becomes `0.log.2`; the oldest goes.
    fn rotate(&mut self) -> io::Result<()> {
        let last = self.config.max_files.saturating_sub(1);
        for number in (1..last).rev() {
            rename_if_there(&rotated(&self.path, number), &rotated(&self.path, number + 1))?;
        }
        if last == 0 {
            fs::remove_file(&self.path)?;
        } else {
            fs::rename(&self.path, rotated(&self.path, 1))?;
        }
        self.file = open(&self.path)?;
        self.size_bytes = 0;
        self.rotations += 1;
        Ok(())
    }
}

/// Records on their way to the file.
struct Records {
    timestamp: jiff::Timestamp,
    source: Source,
    bytes: Vec<u8>,
    count: u64,
}

impl Records {
    fn new(timestamp: jiff::Timestamp, source: Source) -> Self {
        Self { timestamp, source, bytes: Vec::new(), count: 0 }
    }

    /// Takes what is complete of `line`: pieces of the greatest size, and the rest if the line has `ended`.
    fn take_full_records(&mut self, line: &mut Vec<u8>, ended: bool) {
        while line.len() > MAX_RECORD_BYTES {
            self.push(&line[..MAX_RECORD_BYTES], true);
            line.drain(..MAX_RECORD_BYTES);
        }
        if ended {
            self.push(line, false);
            line.clear();
        }
    }

    fn push(&mut self, text: &[u8], partial: bool) {
        let Self { timestamp, source, .. } = *self;
        Record { timestamp, source, partial, text }.write(&mut self.bytes);
        self.count += 1;
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

fn rotated(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
