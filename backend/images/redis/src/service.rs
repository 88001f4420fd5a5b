//! The server joined to the clock and to its file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::append_file;
use crate::config::{Config, Fsync};
use crate::server::Server;

/// The server as the poll loop drives it.
#[derive(Debug)]
pub struct Service {
    server: Server,
    file: Option<AppendFile>,
    /// No new commands are taken: the container ends.
    is_draining: bool,
}

#[derive(Debug)]
struct AppendFile {
    path: PathBuf,
    file: File,
    length: u64,
    /// Its length when it was last written anew.
    base: u64,
    /// Something is written that may not be on the disk yet.
    is_unsynced: bool,
    /// When it was last synced, in milliseconds since 1970.
    synced_at: i64,
}

/// The time in milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A line of the log, as Redis writes it.
pub(crate) fn log(text: &str) {
    println!("1:M * {text}");
}

impl Service {
    /// A server with what its file holds.
    ///
    /// # Errors
    /// When the file cannot be read, or is broken.
    pub fn start(config: Config, seed: u64) -> Result<Self, String> {
        let mut server = Server::new(config, seed, now());
        let file = match server.config.append_only {
            true => Some(AppendFile::load(&mut server)?),
            false => None,
        };
        Ok(Self { server, file, is_draining: false })
    }

    /// Writes to the file what changed; an error is told to those who want to change more.
    fn write(&mut self) {
        let written = self.try_write();
        let error = written.err().map(|error| error.to_string());
        if error.is_some() && error != self.server.write_error {
            log(&format!("Error writing to the AOF file: {}", error.as_deref().unwrap_or_default()));
        }
        self.server.write_error = error;
    }

    fn try_write(&mut self) -> io::Result<()> {
        if !self.server.config.append_only {
            self.file = None;
            self.server.wants_rewrite = false;
            return Ok(());
        }
        if self.server.wants_rewrite || self.has_grown() {
            self.file = Some(AppendFile::rewrite(&mut self.server)?);
            self.server.wants_rewrite = false;
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        file.append(&mut self.server)?;
        file.sync(self.server.config.fsync, self.server.data.now)
    }

    fn has_grown(&self) -> bool {
        let config = &self.server.config;
        self.file.as_ref().is_some_and(|file| {
            let limit = file.base.max(1).saturating_mul(100 + config.rewrite_percentage) / 100;
            config.rewrite_percentage > 0 && file.length >= config.rewrite_min_bytes && file.length > limit
        })
    }
}

impl AppendFile {
    fn path(server: &Server) -> PathBuf {
        Path::new(&server.config.dir).join(&server.config.append_file)
    }

    /// Reads the file, and cuts off what is not whole at its end.
    fn load(server: &mut Server) -> Result<Self, String> {
        let path = Self::path(server);
        let said =
            |error: io::Error| format!("Can't open or create append-only file {}: {error}", path.display());
        let mut bytes = Vec::new();
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(&path).map_err(said)?;
        file.read_to_end(&mut bytes).map_err(said)?;
        let loaded = append_file::load(server, &bytes).map_err(|error| {
            format!("Bad file format reading the append only file {}: {error}", path.display())
        })?;
        if loaded.good_bytes < bytes.len() {
            if !server.config.load_truncated {
                return Err(format!(
                    "Unexpected end of file reading the append only file {}",
                    path.display()
                ));
            }
            log(&format!("AOF {} breaks off: truncated to {} bytes", path.display(), loaded.good_bytes));
            file.set_len(loaded.good_bytes as u64).map_err(said)?;
        }
        log(&format!("DB loaded from append only file: {} commands", loaded.commands));
        let file = OpenOptions::new().append(true).open(&path).map_err(said)?;
        let length = loaded.good_bytes as u64;
        Ok(Self { path, file, length, base: length, is_unsynced: false, synced_at: now() })
    }

    /// Writes the data anew beside the file, which it then replaces.
    fn rewrite(server: &mut Server) -> io::Result<Self> {
        let path = Self::path(server);
        let beside = path.with_extension("aof.new");
        let bytes = append_file::rewritten(&server.data);
        let mut file = File::create(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, &path)?;
        server.journal.restart();
        log(&format!("Append only file rewritten: {} bytes", bytes.len()));
        let file = OpenOptions::new().append(true).open(&path)?;
        let length = bytes.len() as u64;
        Ok(Self { path, file, length, base: length, is_unsynced: false, synced_at: now() })
    }

    fn append(&mut self, server: &mut Server) -> io::Result<()> {
        if server.journal.is_empty() {
            return Ok(());
        }
        let bytes = server.journal.take();
        if let Err(error) = self.file.write_all(&bytes) {
            // What was half written goes; the whole data is written anew as soon as that is possible.
            let _ =
                OpenOptions::new().write(true).open(&self.path).and_then(|file| file.set_len(self.length));
            server.wants_rewrite = true;
            return Err(error);
        }
        self.length += bytes.len() as u64;
        self.is_unsynced = true;
        Ok(())
    }

    fn sync(&mut self, policy: Fsync, now: i64) -> io::Result<()> {
        let is_due = match policy {
            Fsync::Always => true,
            Fsync::EverySecond => now - self.synced_at >= 1000,
            Fsync::No => false,
        };
        if self.is_unsynced && is_due {
            self.file.sync_data()?;
            (self.is_unsynced, self.synced_at) = (false, now);
        }
        Ok(())
    }
}

impl image_server::Service for Service {
    fn connect(&mut self, client: u64, peer: SocketAddr) {
        self.server.data.now = now();
        self.server.connect(client, peer);
    }

    fn receive(&mut self, client: u64, bytes: &[u8]) {
        self.server.data.now = now();
        self.server.receive(client, bytes);
    }

    fn end_of_input(&mut self, client: u64) {
        self.server.end_of_input(client);
    }

    fn disconnect(&mut self, client: u64) {
        self.server.disconnect(client);
    }

    fn turn(&mut self) {
        self.server.turn(now());
        self.write();
    }

    fn output(&mut self, client: u64) -> &[u8] {
        self.server.clients.get(&client).map_or(&[], |client| client.output.as_slice())
    }

    fn sent(&mut self, client: u64, count: usize) {
        if let Some(client) = self.server.clients.get_mut(&client) {
            client.output.drain(..count);
        }
    }

    fn wants_input(&self, client: u64) -> bool {
        !self.is_draining && self.server.wants_input(client)
    }

    fn is_finished(&self, client: u64) -> bool {
        self.server.clients.get(&client).is_none_or(|client| client.is_closing && client.output.is_empty())
    }

    fn patience(&self) -> Option<Duration> {
        let until = self.server.next_turn().map(|time| time - now());
        let unsynced = self.file.as_ref().is_some_and(|file| file.is_unsynced);
        let sync = (unsynced && self.server.config.fsync == Fsync::EverySecond).then_some(1000);
        let milliseconds = until.into_iter().chain(sync).min()?;
        // A time that is over by a part of a millisecond is waited for all the same.
        Some(Duration::from_millis(u64::try_from(milliseconds.max(0)).unwrap_or(0) + 1))
    }

    fn drain(&mut self) {
        log("User requested shutdown...");
        self.is_draining = true;
    }

    fn is_over(&self) -> bool {
        self.is_draining || self.server.is_ending
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.write();
        if let Some(file) = &mut self.file {
            let _ = file.file.sync_all();
        }
    }
}

#[cfg(test)]
mod tests;
