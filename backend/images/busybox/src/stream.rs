//! Where commands read from and write to: the container's streams, files, pipes between commands.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;

use crate::reactor::Reactor;

/// How much a pipe holds, in bytes, as on Linux.
const PIPE_BYTES: usize = 64 << 10;
/// How much is read at once, in bytes.
pub const CHUNK_BYTES: usize = 16 << 10;

/// One end of something, cheap to clone: clones share position and content.
#[derive(Clone)]
pub enum Stream {
    /// Reads nothing, swallows everything: `/dev/null`.
    Null,
    /// Nothing was opened under this number.
    Closed,
    /// The container's stdin, which the loop reads.
    Stdin(Rc<Reactor>),
    /// The container's stdout.
    Stdout,
    /// The container's stderr.
    Stderr,
    /// An open file.
    File(Rc<RefCell<File>>),
    /// Endless zeros: `/dev/zero`.
    Zeros,
    /// Text to read: a here-document.
    Text(Rc<RefCell<VecDeque<u8>>>),
    /// Collects what is written: a command substitution.
    Memory(Rc<RefCell<Vec<u8>>>),
    /// The end of a pipe that is read.
    PipeOut(Rc<ReadEnd>),
    /// The end of a pipe that is written.
    PipeIn(Rc<WriteEnd>),
}

#[derive(Default)]
struct Pipe {
    bytes: RefCell<VecDeque<u8>>,
    has_reader: Cell<bool>,
    has_writer: Cell<bool>,
}

/// Closes its side of the pipe when it is dropped.
pub struct ReadEnd {
    pipe: Rc<Pipe>,
    reactor: Rc<Reactor>,
}

/// Closes its side of the pipe when it is dropped.
pub struct WriteEnd {
    pipe: Rc<Pipe>,
    reactor: Rc<Reactor>,
}

impl Drop for ReadEnd {
    fn drop(&mut self) {
        self.pipe.has_reader.set(false);
        self.reactor.note_progress();
    }
}

impl Drop for WriteEnd {
    fn drop(&mut self) {
        self.pipe.has_writer.set(false);
        self.reactor.note_progress();
    }
}

/// A new pipe: the end that is read, and the end that is written.
#[must_use]
pub fn pipe(reactor: &Rc<Reactor>) -> (Stream, Stream) {
    let pipe = Rc::new(Pipe::default());
    pipe.has_reader.set(true);
    pipe.has_writer.set(true);
    let read = ReadEnd { pipe: Rc::clone(&pipe), reactor: Rc::clone(reactor) };
    let write = WriteEnd { pipe, reactor: Rc::clone(reactor) };
    (Stream::PipeOut(Rc::new(read)), Stream::PipeIn(Rc::new(write)))
}

impl Stream {
    /// A stream that reads this text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(Rc::new(RefCell::new(text.bytes().collect())))
    }

    /// An open file.
    #[must_use]
    pub fn file(file: File) -> Self {
        Self::File(Rc::new(RefCell::new(file)))
    }

    /// Reads at most `limit` bytes; none at the end.
    ///
    /// # Errors
    /// Those of the file, or that this stream cannot be read.
    pub async fn read(&self, limit: usize) -> io::Result<Vec<u8>> {
        if let Self::Stdin(reactor) = self {
            return reactor.read_stdin(limit).await;
        }
        let mut buffer = vec![0; limit];
        let count = match self {
            Self::Null => 0,
            Self::Zeros => limit,
            Self::File(file) => file.borrow_mut().read(&mut buffer)?,
            Self::Text(text) => take(&mut text.borrow_mut(), &mut buffer),
            Self::PipeOut(end) => end.read(&mut buffer).await,
            Self::Closed
            | Self::Stdin(_)
            | Self::Stdout
            | Self::Stderr
            | Self::Memory(_)
            | Self::PipeIn(_) => return Err(bad_descriptor()),
        };
        buffer.truncate(count);
        Ok(buffer)
    }

    /// Writes all bytes.
    ///
    /// # Errors
    /// Those of the file, `BrokenPipe` when nobody reads any more, or that this stream cannot be written.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Null | Self::Zeros => Ok(()),
            Self::Stdout => write_out(io::stdout().lock(), bytes),
            Self::Stderr => write_out(io::stderr().lock(), bytes),
            Self::File(file) => file.borrow_mut().write_all(bytes),
            Self::Memory(memory) => {
                memory.borrow_mut().extend_from_slice(bytes);
                Ok(())
            }
            Self::PipeIn(end) => end.write(bytes).await,
            Self::Closed | Self::Stdin(_) | Self::Text(_) | Self::PipeOut(_) => Err(bad_descriptor()),
        }
    }
}

fn write_out(mut out: impl Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes)?;
    out.flush()
}

fn take(source: &mut VecDeque<u8>, buffer: &mut [u8]) -> usize {
    let count = source.len().min(buffer.len());
    for (place, byte) in buffer.iter_mut().zip(source.drain(..count)) {
        *place = byte;
    }
    count
}

fn bad_descriptor() -> io::Error {
    io::Error::other("Bad file descriptor")
}

impl ReadEnd {
    async fn read(&self, buffer: &mut [u8]) -> usize {
        let pipe = &self.pipe;
        self.reactor.until(|| !pipe.bytes.borrow().is_empty() || !pipe.has_writer.get()).await;
        self.reactor.note_progress();
        take(&mut pipe.bytes.borrow_mut(), buffer)
    }
}

impl WriteEnd {
    async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        let pipe = &self.pipe;
        while !bytes.is_empty() {
            self.reactor.until(|| pipe.bytes.borrow().len() < PIPE_BYTES || !pipe.has_reader.get()).await;
            if !pipe.has_reader.get() {
                return Err(ErrorKind::BrokenPipe.into());
            }
            let (now, later) = bytes.split_at(bytes.len().min(PIPE_BYTES - pipe.bytes.borrow().len()));
            pipe.bytes.borrow_mut().extend(now);
            self.reactor.note_progress();
            bytes = later;
        }
        Ok(())
    }
}

/// Reads a stream line by line.
pub struct Lines {
    stream: Stream,
    buffer: VecDeque<u8>,
    at_end: bool,
}

impl Lines {
    /// The lines from the present position on.
    #[must_use]
    pub fn new(stream: Stream) -> Self {
        Self { stream, buffer: VecDeque::new(), at_end: false }
    }

    /// The next line with its line break, which the last one may lack. `None` at the end.
    ///
    /// # Errors
    /// Those of reading.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.buffer.iter().skip(searched).position(|byte| *byte == b'\n') {
                return Ok(Some(self.buffer.drain(..=searched + at).collect()));
            }
            if self.at_end {
                let rest: Vec<u8> = self.buffer.drain(..).collect();
                return Ok((!rest.is_empty()).then_some(rest));
            }
            searched = self.buffer.len();
            let chunk = self.stream.read(CHUNK_BYTES).await?;
            self.at_end = chunk.is_empty();
            self.buffer.extend(chunk);
        }
    }

    /// The next line as text without its line break.
    ///
    /// # Errors
    /// Those of reading.
    pub async fn next_text(&mut self) -> io::Result<Option<String>> {
        let line = self.next().await?;
        Ok(line.map(|line| String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)).into_owned()))
    }
}
