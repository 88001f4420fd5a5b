//! One numbered database: keys with values, and when they expire.

use std::collections::{BTreeMap, BTreeSet};

use crate::random::Random;
use crate::value::Value;

/// A key.
pub type Key = Vec<u8>;

/// What a key takes beside its bytes, about.
const ENTRY_BYTES: usize = 96;

/// A key's value, and what is known about it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The value.
    pub value: Value,
    /// When it is over, in milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// When it was last used, counted in commands.
    pub used: u64,
    /// What it took when it was last measured.
    bytes: usize,
}

/// Keys, in the order of their hashes: a scan goes on after a hash, whatever came or went meanwhile.
#[derive(Debug, Default)]
pub struct Database {
    entries: BTreeMap<(u64, Key), Entry>,
    expiries: BTreeSet<(i64, Key)>,
    bytes: usize,
}

/// FNV-1a, its bits mixed once more. The upper bit is free, so that there is a number after each.
fn hash(key: &[u8]) -> u64 {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 1
}

fn place(key: &[u8]) -> (u64, Key) {
    (hash(key), key.to_vec())
}

impl Database {
    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many keys expire.
    #[must_use]
    pub fn expiring(&self) -> usize {
        self.expiries.len()
    }

    /// What keys and values take, about, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A key's entry.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.entries.get(&place(key))
    }

    /// A key's entry, to be changed; [`Self::measure`] comes after it.
    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut Entry> {
        self.entries.get_mut(&place(key))
    }

    /// All keys with their entries.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.entries.iter().map(|((_, key), entry)| (key, entry))
    }

    /// Sets a key.
    pub fn insert(&mut self, key: &[u8], value: Value, expires_at: Option<i64>) {
        self.remove(key);
        let bytes = ENTRY_BYTES + key.len() + value.bytes();
        self.bytes += bytes;
        self.entries.insert(place(key), Entry { value, expires_at, used: 0, bytes });
        self.expiries.extend(expires_at.map(|time| (time, key.to_vec())));
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let entry = self.entries.remove(&place(key))?;
        self.bytes -= entry.bytes;
        if let Some(time) = entry.expires_at {
            self.expiries.remove(&(time, key.to_vec()));
        }
        Some(entry)
    }

    /// Counts anew what a key takes after it was changed; a collection without elements goes.
    pub fn measure(&mut self, key: &[u8]) {
        let Some(entry) = self.entries.get_mut(&place(key)) else { return };
        let now = ENTRY_BYTES + key.len() + entry.value.bytes();
        self.bytes = self.bytes - entry.bytes + now;
        entry.bytes = now;
        if entry.value.is_empty() {
            self.remove(key);
        }
    }

    /// Sets or clears the time when a key expires; `false` if there is no such key.
    pub fn expire(&mut self, key: &[u8], at: Option<i64>) -> bool {
        let Some(entry) = self.entries.get_mut(&place(key)) else { return false };
        if let Some(before) = std::mem::replace(&mut entry.expires_at, at) {
            self.expiries.remove(&(before, key.to_vec()));
        }
        self.expiries.extend(at.map(|time| (time, key.to_vec())));
        true
    }

    /// The key that expires first, and when.
    #[must_use]
    pub fn first_expiry(&self) -> Option<(i64, &Key)> {
        self.expiries.first().map(|(time, key)| (*time, key))
    }

    /// At least `count` keys from a cursor on, and the cursor to go on with: 0 is the beginning and the end.
    #[must_use]
    pub fn scan(&self, cursor: u64, count: usize) -> (u64, Vec<Key>) {
        let mut keys = Vec::new();
        let mut last = None;
        for ((hash, key), _) in self.entries.range((cursor, Vec::new())..) {
            // Keys of equal hashes come together: a cursor stands between hashes.
            if keys.len() >= count && last != Some(*hash) {
                return (*hash, keys);
            }
            keys.push(key.clone());
            last = Some(*hash);
        }
        (0, keys)
    }

    /// Some key.
    pub fn random_key(&self, random: &mut Random) -> Option<&Key> {
        let at = (random.next() >> 1, Vec::new());
        let next = self.entries.range(at..).next().or_else(|| self.entries.first_key_value());
        next.map(|((_, key), _)| key)
    }

    /// Some key that expires.
    #[must_use]
    pub fn random_expiring_key(&self, random: &mut Random) -> Option<&Key> {
        let at = random.below(self.expiries.len().min(64));
        self.expiries.iter().nth(at).map(|(_, key)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(keys: usize) -> Database {
        let mut database = Database::default();
        for key in 0..keys {
            database.insert(key.to_string().as_bytes(), Value::String(b"value".to_vec()), None);
        }
        database
    }

    #[test]
    fn a_scan_should_see_every_key_that_was_there_all_the_time() {
        let mut database = database(1000);
        let (mut cursor, mut seen, mut round) = (0, BTreeSet::new(), 0);
        loop {
            let (next, keys) = database.scan(cursor, 10);
            seen.extend(keys);
            // Others come and go meanwhile.
            database.insert(format!("new-{round}").as_bytes(), Value::String(Vec::new()), None);
            database.remove(format!("new-{}", round / 2).as_bytes());
            (cursor, round) = (next, round + 1);
            if cursor == 0 {
                break;
            }
        }
        assert!((0..1000).all(|key| seen.contains(key.to_string().as_bytes())));
        assert!(round >= 100);
    }

    #[test]
    fn bytes_should_come_and_go_with_the_keys() {
        let mut database = database(10);
        let full = database.bytes();
        assert!(full > 10 * 5);
        let Some(Entry { value: Value::String(bytes), .. }) = database.get_mut(b"3") else { panic!() };
        bytes.extend([0; 100]);
        database.measure(b"3");
        assert_eq!(database.bytes(), full + 100);
        (0..10).for_each(|key| drop(database.remove(key.to_string().as_bytes())));
        assert_eq!(database.bytes(), 0);
    }

    #[test]
    fn the_first_expiry_should_follow_the_keys() {
        let mut database = database(3);
        assert!(database.expire(b"0", Some(20)) && database.expire(b"1", Some(10)));
        assert!(!database.expire(b"9", Some(5)));
        assert_eq!(database.first_expiry(), Some((10, &b"1".to_vec())));
        database.remove(b"1");
        assert_eq!(database.first_expiry(), Some((20, &b"0".to_vec())));
        database.expire(b"0", None);
        assert_eq!(database.first_expiry(), None);
    }
}
