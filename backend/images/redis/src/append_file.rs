//! The append-only file: every change as the command that repeats it, in the protocol of the clients, as Redis'
//! `aof.c` writes it. One file; a transaction stands between `MULTI` and `EXEC` and counts only as a whole.

use crate::call::Data;
use crate::database::{Entry, Key};
use crate::float;
use crate::resp::{Limits, Reader, Request, write_request};
use crate::server::Server;
use crate::value::Value;

/// So many elements stand in one command of a file that is written anew.
const ELEMENTS_PER_COMMAND: usize = 64;

/// What is to be appended to the file.
#[derive(Debug, Default)]
pub struct Journal {
    bytes: Vec<u8>,
    /// The database that the file's commands are about at its end.
    db: Option<usize>,
}

impl Journal {
    /// Appends commands.
    pub fn append(&mut self, done: &[(usize, Request)], is_transaction: bool) {
        let brackets = is_transaction && !done.is_empty();
        for (at, (db, request)) in done.iter().enumerate() {
            if self.db != Some(*db) {
                write_request(&mut self.bytes, &[b"SELECT".as_slice(), db.to_string().as_bytes()]);
                self.db = Some(*db);
            }
            if brackets && at == 0 {
                write_request(&mut self.bytes, &[b"MULTI"]);
            }
            write_request(&mut self.bytes, request);
        }
        if brackets {
            write_request(&mut self.bytes, &[b"EXEC"]);
        }
    }

    /// Takes what is to be written now.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Whether there is nothing to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The file begins anew: the next command names its database.
    pub fn restart(&mut self) {
        *self = Self::default();
    }
}

/// What a file turned out to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// So many bytes are whole commands and whole transactions; behind them the file breaks off.
    pub good_bytes: usize,
    /// How many commands were repeated.
    pub commands: usize,
}

/// Repeats the commands of a file.
///
/// # Errors
/// When something stands in it that is no command: the file is broken, not merely cut off.
pub fn load(server: &mut Server, bytes: &[u8]) -> Result<Loaded, String> {
    server.data.is_loading = true;
    let loaded = repeat_all(server, bytes);
    server.data.is_loading = false;
    server.data.changes.clear();
    loaded
}

fn repeat_all(server: &mut Server, bytes: &[u8]) -> Result<Loaded, String> {
    let limits = Limits { longest_argument_bytes: i64::MAX, is_trusted: true };
    let mut reader = Reader::default();
    reader.feed(bytes);
    let (mut loaded, mut db, mut transaction) = (Loaded { good_bytes: 0, commands: 0 }, 0, None);
    while let Some(request) = reader.next(limits)? {
        match request[0].to_ascii_uppercase().as_slice() {
            b"SELECT" => db = database_number(server, &request)?,
            b"MULTI" => transaction = Some(Vec::new()),
            b"EXEC" => {
                let requests: Vec<(usize, Request)> = transaction.take().unwrap_or_default();
                loaded.commands += requests.len();
                requests.iter().try_for_each(|(db, request)| server.repeat(*db, request))?;
            }
            _ => match &mut transaction {
                Some(requests) => requests.push((db, request)),
                None => {
                    server.repeat(db, &request)?;
                    loaded.commands += 1;
                }
            },
        }
        if transaction.is_none() {
            loaded.good_bytes = bytes.len() - reader.waiting_bytes();
        }
    }
    Ok(loaded)
}

fn database_number(server: &Server, request: &Request) -> Result<usize, String> {
    let number = request.get(1).and_then(|number| std::str::from_utf8(number).ok()?.parse().ok());
    let number = number.filter(|number| *number < server.data.databases.len());
    number.ok_or_else(|| "SELECT of a database that is not there".to_owned())
}

/// The shortest file that gives this data.
#[must_use]
pub fn rewritten(data: &Data) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, database) in data.databases.iter().enumerate().filter(|(_, database)| !database.is_empty()) {
        write_request(&mut out, &[b"SELECT".as_slice(), number.to_string().as_bytes()]);
        for (key, entry) in database.iter() {
            write_entry(&mut out, key, entry);
        }
    }
    out
}

fn write_entry(out: &mut Vec<u8>, key: &Key, entry: &Entry) {
    match &entry.value {
        Value::String(bytes) => write_request(out, &[b"SET".as_slice(), key, bytes]),
        Value::List(list) => {
            write_elements(out, b"RPUSH", key, list.items().iter().map(|item| [item.clone()]))
        }
        Value::Set(set) => {
            write_elements(out, b"SADD", key, set.members().iter().map(|member| [member.clone()]))
        }
        Value::Hash(hash) => {
            let pairs = hash.fields().iter().map(|(name, value)| [name.clone(), value.clone()]);
            write_elements(out, b"HSET", key, pairs);
        }
        Value::SortedSet(set) => {
            let pairs =
                set.order().iter().map(|(score, member)| [float::text(score.0).into_bytes(), member.clone()]);
            write_elements(out, b"ZADD", key, pairs);
        }
    }
    if let Some(time) = entry.expires_at {
        write_request(out, &[b"PEXPIREAT".as_slice(), key, time.to_string().as_bytes()]);
    }
}

fn write_elements<const N: usize>(
    out: &mut Vec<u8>,
    command: &[u8],
    key: &Key,
    elements: impl Iterator<Item = [Vec<u8>; N]>,
) {
    let elements: Vec<[Vec<u8>; N]> = elements.collect();
    for part in elements.chunks(ELEMENTS_PER_COMMAND) {
        let mut words: Vec<&[u8]> = vec![command, key];
        words.extend(part.iter().flatten().map(Vec::as_slice));
        write_request(out, &words);
    }
}

#[cfg(test)]
mod tests;
