//! What a key holds. Each value knows how many bytes it takes, so that `maxmemory` costs no counting.

use std::collections::{BTreeSet, VecDeque};

use indexmap::{IndexMap, IndexSet};

/// What an element takes beside its bytes, about.
const ELEMENT_BYTES: usize = 48;
/// Up to so many elements a hash or a set keeps the order in which they came, as Redis' compact ones do.
const KEEPS_ORDER: usize = 128;

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    /// Bytes.
    String(Vec<u8>),
    /// A list.
    List(List),
    /// Fields with values.
    Hash(Hash),
    /// Members.
    Set(Set),
    /// Members in the order of their scores.
    SortedSet(SortedSet),
}

impl Value {
    /// What `TYPE` says.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::List(_) => "list",
            Self::Hash(_) => "hash",
            Self::Set(_) => "set",
            Self::SortedSet(_) => "zset",
        }
    }

    /// What it takes, about, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let (payload, elements) = match self {
            Self::String(bytes) => (bytes.len(), 0),
            Self::List(list) => (list.payload_bytes, list.items.len()),
            Self::Hash(hash) => (hash.payload_bytes, hash.fields.len()),
            Self::Set(set) => (set.payload_bytes, set.members.len()),
            Self::SortedSet(set) => (set.payload_bytes, set.scores.len() * 2),
        };
        payload + elements * ELEMENT_BYTES
    }

    /// Whether it is a list, a hash or a set without elements: such keys do not exist.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::String(_) => false,
            Self::List(list) => list.items.is_empty(),
            Self::Hash(hash) => hash.fields.is_empty(),
            Self::Set(set) => set.members.is_empty(),
            Self::SortedSet(set) => set.scores.is_empty(),
        }
    }
}

/// One end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The head.
    Left,
    /// The tail.
    Right,
}

/// A list.
#[derive(Debug, Clone, Default)]
pub struct List {
    items: VecDeque<Vec<u8>>,
    payload_bytes: usize,
}

impl List {
    /// The elements.
    #[must_use]
    pub fn items(&self) -> &VecDeque<Vec<u8>> {
        &self.items
    }

    /// Adds at an end.
    pub fn push(&mut self, end: End, item: Vec<u8>) {
        self.payload_bytes += item.len();
        match end {
            End::Left => self.items.push_front(item),
            End::Right => self.items.push_back(item),
        }
    }

    /// Takes from an end.
    pub fn pop(&mut self, end: End) -> Option<Vec<u8>> {
        let item = match end {
            End::Left => self.items.pop_front(),
            End::Right => self.items.pop_back(),
        }?;
        self.payload_bytes -= item.len();
        Some(item)
    }

    /// Puts before the element at `at`.
    pub fn insert(&mut self, at: usize, item: Vec<u8>) {
        self.payload_bytes += item.len();
        self.items.insert(at, item);
    }

    /// Replaces an element; `false` if there is none at `at`.
    pub fn set(&mut self, at: usize, item: Vec<u8>) -> bool {
        let Some(place) = self.items.get_mut(at) else { return false };
        self.payload_bytes = self.payload_bytes - place.len() + item.len();
        *place = item;
        true
    }

    /// Keeps only those elements for which `keep`, asked with their indexes, says so.
    pub fn retain(&mut self, mut keep: impl FnMut(usize, &[u8]) -> bool) {
        let mut index = 0;
        self.items.retain(|item| {
            index += 1;
            keep(index - 1, item)
        });
        self.payload_bytes = self.items.iter().map(Vec::len).sum();
    }
}

/// Fields with values.
#[derive(Debug, Clone, Default)]
pub struct Hash {
    fields: IndexMap<Vec<u8>, Vec<u8>>,
    payload_bytes: usize,
}

impl Hash {
    /// The fields.
    #[must_use]
    pub fn fields(&self) -> &IndexMap<Vec<u8>, Vec<u8>> {
        &self.fields
    }

    /// Sets a field; whether it is new.
    pub fn insert(&mut self, field: &[u8], value: Vec<u8>) -> bool {
        self.payload_bytes += value.len();
        let before = match self.fields.get_mut(field) {
            Some(place) => Some(std::mem::replace(place, value)),
            None => self.fields.insert(field.to_vec(), value),
        };
        match &before {
            Some(before) => self.payload_bytes -= before.len(),
            None => self.payload_bytes += field.len(),
        }
        before.is_none()
    }

    /// Takes a field out; whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let keeps_order = self.fields.len() <= KEEPS_ORDER;
        let removed =
            if keeps_order { self.fields.shift_remove(field) } else { self.fields.swap_remove(field) };
        self.payload_bytes -= removed.as_ref().map_or(0, |value| value.len() + field.len());
        removed.is_some()
    }
}

/// Members.
#[derive(Debug, Clone, Default)]
pub struct Set {
    members: IndexSet<Vec<u8>>,
    payload_bytes: usize,
}

impl Set {
    /// The members.
    #[must_use]
    pub fn members(&self) -> &IndexSet<Vec<u8>> {
        &self.members
    }

    /// Adds a member; whether it is new.
    pub fn insert(&mut self, member: Vec<u8>) -> bool {
        let length = member.len();
        let is_new = self.members.insert(member);
        self.payload_bytes += if is_new { length } else { 0 };
        is_new
    }

    /// Takes a member out; whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        let keeps_order = self.members.len() <= KEEPS_ORDER;
        let removed =
            if keeps_order { self.members.shift_remove(member) } else { self.members.swap_remove(member) };
        self.payload_bytes -= if removed { member.len() } else { 0 };
        removed
    }
}

impl FromIterator<Vec<u8>> for Set {
    fn from_iter<T: IntoIterator<Item = Vec<u8>>>(members: T) -> Self {
        let mut set = Self::default();
        for member in members {
            set.insert(member);
        }
        set
    }
}

/// A score with an order: it is never `NaN`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score(pub f64);

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.partial_cmp(&other.0).unwrap_or(std::cmp::Ordering::Equal)
    }
}

/// Members in the order of their scores, and of their bytes where scores are equal.
#[derive(Debug, Clone, Default)]
pub struct SortedSet {
    scores: IndexMap<Vec<u8>, f64>,
    order: BTreeSet<(Score, Vec<u8>)>,
    payload_bytes: usize,
}

impl SortedSet {
    /// The members, the lowest score first.
    #[must_use]
    pub fn order(&self) -> &BTreeSet<(Score, Vec<u8>)> {
        &self.order
    }

    /// The score of a member.
    #[must_use]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.scores.get(member).copied()
    }

    /// Sets the score of a member.
    pub fn insert(&mut self, member: &[u8], score: f64) {
        match self.scores.insert(member.to_vec(), score) {
            Some(before) => drop(self.order.remove(&(Score(before), member.to_vec()))),
            None => self.payload_bytes += 2 * member.len(),
        }
        self.order.insert((Score(score), member.to_vec()));
    }

    /// Takes a member out; whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        let Some(score) = self.scores.swap_remove(member) else { return false };
        self.payload_bytes -= 2 * member.len();
        self.order.remove(&(Score(score), member.to_vec()))
    }
}
