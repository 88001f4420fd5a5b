//! Reads the log of a container, as `kubectl logs` asks for it.
//! Follows `pkg/kubelet/kuberuntime/logs/logs.go`: `tail` counts records of the current file, `since` skips
//! older records, a timestamp stands before each whole line, `limit_bytes` cuts what is sent.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::{Stream, stream};
use jiff::Timestamp;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncSeekExt, BufReader};

use super::follow::LogFollow;
use super::record::{Record, Source, format_timestamp};
use super::tail;

/// Bytes of output that are gathered before they are handed on.
const CHUNK_BYTES: usize = 32 * 1024;

/// What of a log is wanted; all of it by default. The fields are those of upstream's `PodLogOptions`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogOptions {
    /// Only the last so many records.
    pub tail: Option<u64>,
    /// Only records of this time or later.
    pub since: Option<Timestamp>,
    /// Whether each line begins with its time.
    pub timestamps: bool,
    /// Ends after so many bytes.
    pub limit_bytes: Option<u64>,
    /// Only one of the two streams.
    pub source: Option<Source>,
}

/// An open log file that is read record by record.
pub struct LogReader {
    path: PathBuf,
    file: BufReader<File>,
    follow: Option<LogFollow>,
    rotations: u64,
    options: LogOptions,
    remaining_bytes: u64,
    /// A record that has been read in part.
    line: Vec<u8>,
    /// Whether the next output begins a line.
    at_line_start: bool,
    ended: bool,
}

impl LogReader {
    /// Opens the log at `path`. With `follow`, the stream goes on until the log is complete and survives
    /// rotation; without, it ends at the end of the file.
    ///
    /// # Errors
    /// When the file cannot be opened: `NotFound` if there is no log.
    pub async fn open(
        path: &Path,
        options: LogOptions,
        follow: Option<LogFollow>,
    ) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>> {
        let (file, rotations) = open_at(path, options.tail, follow.clone()).await?;
        let reader = Self {
            path: path.to_owned(),
            file,
            follow,
            rotations,
            options,
            remaining_bytes: options.limit_bytes.unwrap_or(u64::MAX),
            line: Vec::new(),
            at_line_start: true,
            ended: false,
        };
        Ok(stream::try_unfold(reader, |mut reader| async move {
            let chunk = reader.next_chunk().await?;
            Ok(chunk.map(|chunk| (chunk, reader)))
        }))
    }

    /// The next piece of output; `None` at the end.
    async fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        let mut chunk = Vec::new();
        while !self.ended && chunk.is_empty() {
            let progress = self.follow.as_mut().map(LogFollow::progress);
            if self.read_to_end(&mut chunk).await? || !chunk.is_empty() {
                continue;
            }
            match progress {
                Some(progress) if progress.rotations > self.rotations => self.reopen().await?,
                Some(progress) if !progress.complete => self.wait().await,
                _ => self.ended = true,
            }
        }
        Ok((!chunk.is_empty()).then(|| chunk.into()))
    }

    /// Reads records until the chunk is full or the file ends; `true` when there may be more in the file.
    async fn read_to_end(&mut self, chunk: &mut Vec<u8>) -> io::Result<bool> {
        while chunk.len() < CHUNK_BYTES && !self.ended {
            self.file.read_until(b'\n', &mut self.line).await?;
            if self.line.last() != Some(&b'\n') {
                return Ok(false);
            }
            let line = std::mem::take(&mut self.line);
            if let Some(record) = Record::parse(&line) {
                self.output(&record, chunk);
            }
        }
        Ok(true)
    }

    fn output(&mut self, record: &Record<'_>, chunk: &mut Vec<u8>) {
        let older = self.options.since.is_some_and(|since| record.timestamp < since);
        let other = self.options.source.is_some_and(|source| record.source != source);
        if older || other {
            return;
        }
        let before = chunk.len();
        if self.options.timestamps && self.at_line_start {
            chunk.extend_from_slice(format_timestamp(record.timestamp).as_bytes());
            chunk.push(b' ');
        }
        chunk.extend_from_slice(record.text);
        if !record.partial {
            chunk.push(b'\n');
        }
        self.at_line_start = !record.partial;
        self.cut(before, chunk);
    }

    /// Holds the output to its limit.
    fn cut(&mut self, before: usize, chunk: &mut Vec<u8>) {
        let written = (chunk.len() - before) as u64;
        let allowed = written.min(self.remaining_bytes);
        chunk.truncate(before + usize::try_from(allowed).unwrap_or(usize::MAX - before));
        self.remaining_bytes -= allowed;
        self.ended = self.remaining_bytes == 0;
    }

    async fn wait(&mut self) {
        if let Some(follow) = &mut self.follow
            && !follow.changed().await
        {
            self.follow = None;
        }
    }

    /// Goes on with the file that took the place of the one that was read.
    async fn reopen(&mut self) -> io::Result<()> {
        self.line.clear();
        (self.file, self.rotations) = open_at(&self.path, None, self.follow.clone()).await?;
        Ok(())
    }
}

async fn open_at(
    path: &Path,
    tail: Option<u64>,
    follow: Option<LogFollow>,
) -> io::Result<(BufReader<File>, u64)> {
    let path = path.to_owned();
    let opening = tokio::task::spawn_blocking(move || {
        let (mut file, rotations) = match follow {
            Some(follow) => follow.open(&path)?,
            None => (std::fs::File::open(&path)?, 0),
        };
        let start = tail.map_or(Ok(0), |lines| tail::start_of_last_lines(&mut file, lines))?;
        io::Result::Ok((file, start, rotations))
    });
    let (file, start, rotations) = opening.await.map_err(io::Error::other)??;
    let mut file = File::from_std(file);
    file.seek(SeekFrom::Start(start)).await?;
    Ok((BufReader::new(file), rotations))
}
