//! A command about keys under way: its arguments, and the data with everything a change must be told to.

use crate::database::{Database, Key};
use crate::fault::Fault;
use crate::random::Random;
use crate::resp::{Request, number};
use crate::value::{Hash, List, Set, SortedSet, Value};

/// How many databases there are: the default of Redis.
pub const DATABASES: usize = 16;

/// All data, and what happened to it since somebody looked.
#[derive(Debug)]
pub struct Data {
    /// The databases.
    pub databases: Vec<Database>,
    /// The time of the command under way, in milliseconds since 1970.
    pub now: i64,
    /// For commands that choose.
    pub random: Random,
    /// Keys that changed: clients may watch them or wait for them.
    pub changes: Vec<(usize, Key)>,
    /// Commands that repeat what happened, for the append-only file.
    pub journal: Vec<(usize, Request)>,
    /// The append-only file is read: nothing expires but by what stands in it.
    pub is_loading: bool,
    /// How many keys expired.
    pub expired: u64,
    /// Counts commands, for what was used when.
    pub uses: u64,
}

/// What a command waits for, if it may.
#[derive(Debug, Clone)]
pub struct Wait {
    /// One of these keys must get a value.
    pub keys: Vec<Key>,
    /// Until then, in milliseconds since 1970; without an end if `None`.
    pub until: Option<i64>,
}

/// A command under way.
pub struct Call<'a> {
    /// All data.
    pub data: &'a mut Data,
    /// Which database the client uses.
    pub db: usize,
    /// The command's name in lower case.
    pub name: &'static str,
    /// All words, the command's name first.
    pub arguments: &'a [Vec<u8>],
    /// What repeats the command instead of its own words.
    pub repeated_by: Option<Vec<Request>>,
    /// Set by a command that found nothing and waits for it.
    pub wait: Option<Wait>,
}

impl Data {
    /// No data.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            databases: (0..DATABASES).map(|_| Database::default()).collect(),
            now: 0,
            random: Random::new(seed),
            changes: Vec::new(),
            journal: Vec::new(),
            is_loading: false,
            expired: 0,
            uses: 0,
        }
    }

    /// What keys and values take, about, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.databases.iter().map(Database::bytes).sum()
    }

    /// Lets a key go if its time is over.
    pub fn expire_if_due(&mut self, db: usize, key: &[u8]) {
        let expires_at = self.databases[db].get(key).and_then(|entry| entry.expires_at);
        if !self.is_loading && expires_at.is_some_and(|time| time <= self.now) {
            self.drop_key(db, key);
            self.expired += 1;
        }
    }

    /// Lets a key go, and says so in the journal.
    pub fn drop_key(&mut self, db: usize, key: &[u8]) {
        self.databases[db].remove(key);
        self.journal.push((db, vec![b"DEL".to_vec(), key.to_vec()]));
        self.changes.push((db, key.to_vec()));
    }

    /// Lets at most `most` keys go whose time is over.
    pub fn expire_due(&mut self, most: usize) {
        for db in 0..self.databases.len() {
            for _ in 0..most {
                let due = self.databases[db].first_expiry().filter(|(time, _)| *time <= self.now);
                let Some(key) = due.map(|(_, key)| key.clone()) else { break };
                self.expire_if_due(db, &key);
            }
        }
    }

    /// When the next key expires, in milliseconds since 1970.
    #[must_use]
    pub fn next_expiry(&self) -> Option<i64> {
        self.databases.iter().filter_map(Database::first_expiry).map(|(time, _)| time).min()
    }
}

macro_rules! typed {
    ($($read:ident $write:ident $kind:ident;)*) => {$(
        /// The value of this type under a key.
        ///
        /// # Errors
        /// When the key holds another type.
        pub fn $read(&mut self, key: &[u8]) -> Result<Option<&$kind>, Fault> {
            match self.value(key) {
                None => Ok(None),
                Some(Value::$kind(value)) => Ok(Some(value)),
                Some(_) => Err(Fault::WRONG_TYPE),
            }
        }

        /// The value of this type under a key, to be changed, and made if there is none; [`Self::touch`] comes
        /// after it.
        ///
        /// # Errors
        /// When the key holds another type.
        pub fn $write(&mut self, key: &[u8]) -> Result<&mut $kind, Fault> {
            if self.value(key).is_none() {
                self.database().insert(key, Value::$kind($kind::default()), None);
            }
            match self.database().get_mut(key).map(|entry| &mut entry.value) {
                Some(Value::$kind(value)) => Ok(value),
                _ => Err(Fault::WRONG_TYPE),
            }
        }
    )*};
}

impl<'a> Call<'a> {
    /// The client's database.
    pub fn database(&mut self) -> &mut Database {
        &mut self.data.databases[self.db]
    }

    /// What is under a key now.
    pub fn value(&mut self, key: &[u8]) -> Option<&Value> {
        self.data.expire_if_due(self.db, key);
        self.data.uses += 1;
        let uses = self.data.uses;
        let entry = self.database().get_mut(key)?;
        entry.used = uses;
        Some(&entry.value)
    }

    typed! {
        list list_mut List;
        hash hash_mut Hash;
        set set_mut Set;
        sorted_set sorted_set_mut SortedSet;
    }

    /// The bytes under a key.
    ///
    /// # Errors
    /// When the key holds another type.
    pub fn string(&mut self, key: &[u8]) -> Result<Option<&Vec<u8>>, Fault> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value)),
            Some(_) => Err(Fault::WRONG_TYPE),
        }
    }

    /// Sets a key; its time to live is that given.
    pub fn store(&mut self, key: &[u8], value: Value, expires_at: Option<i64>) {
        self.database().insert(key, value, expires_at);
        self.value(key);
        self.touch(key);
    }

    /// Replaces the bytes under a key and keeps its time to live.
    pub fn replace(&mut self, key: &[u8], bytes: Vec<u8>) {
        let expires_at = self.database().get(key).and_then(|entry| entry.expires_at);
        self.store(key, Value::String(bytes), expires_at);
    }

    /// Takes a key out; whether it was there.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        self.data.expire_if_due(self.db, key);
        let is_removed = self.database().remove(key).is_some();
        if is_removed {
            self.touch(key);
        }
        is_removed
    }

    /// A key was changed.
    pub fn touch(&mut self, key: &[u8]) {
        self.database().measure(key);
        self.data.changes.push((self.db, key.to_vec()));
    }

    /// An argument that arity has made sure of.
    #[must_use]
    pub fn argument(&self, index: usize) -> &'a [u8] {
        self.arguments.get(index).map_or(&[], Vec::as_slice)
    }

    /// An argument as a whole number.
    ///
    /// # Errors
    /// When it is none.
    pub fn integer(&self, index: usize) -> Result<i64, Fault> {
        number(self.argument(index)).ok_or(Fault::NOT_INTEGER)
    }

    /// An argument as a number.
    ///
    /// # Errors
    /// When it is none.
    pub fn float(&self, index: usize) -> Result<f64, Fault> {
        crate::float::parse(self.argument(index)).ok_or(Fault::NOT_FLOAT)
    }

    /// Whether an argument is this word, in capitals or not.
    #[must_use]
    pub fn is(&self, index: usize, word: &str) -> bool {
        self.argument(index).eq_ignore_ascii_case(word.as_bytes())
    }

    /// What repeats this command is another one: times are absolute in it, and chance has chosen.
    pub fn repeat_as(&mut self, words: &[&[u8]]) {
        let request = words.iter().map(|word| word.to_vec()).collect();
        self.repeated_by.get_or_insert_default().push(request);
    }
}

/// Indexes as Redis counts them, from the end if negative: the first and the one after the last, both within `length`.
#[must_use]
pub fn range(start: i64, stop: i64, length: usize) -> (usize, usize) {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let from_end = |index: i64| if index < 0 { index.saturating_add(length) } else { index };
    let start = from_end(start).max(0);
    let end = from_end(stop).saturating_add(1).clamp(0, length);
    let place = |index: i64| usize::try_from(index).unwrap_or(0);
    if start >= end { (0, 0) } else { (place(start), place(end)) }
}

/// One index as Redis counts it.
#[must_use]
pub fn index(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let index = if index < 0 { index.saturating_add(length) } else { index };
    usize::try_from(index).ok().filter(|_| index < length)
}
