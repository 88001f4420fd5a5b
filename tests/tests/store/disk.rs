//! A disk that forgets: what was not synced before a power cut may be lost, kept or torn.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

use crate::load::Numbers;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

#[derive(Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Debug, Default)]
struct State {
    /// As a reader sees it.
    seen: Vec<u8>,
    /// As the last sync left it.
    durable: Vec<u8>,
    /// Since the last sync, in order.
    unsynced: Vec<Change>,
    /// How many more changes and syncs happen before the power is cut; `None`: it is not.
    until_cut: Option<u64>,
}

/// The disk; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    state: Arc<Mutex<State>>,
}

impl Disk {
    /// Cuts the power after so many further changes and syncs.
    pub(crate) fn cut_after(&self, operations: u64) {
        self.lock().until_cut = Some(operations);
    }

    /// Switches the power on again: a disk with what was synced, and of the rest what chance kept.
    pub(crate) fn after_power_cut(&self, numbers: &mut Numbers) -> Disk {
        let mut state = self.lock();
        let mut durable = std::mem::take(&mut state.durable);
        for change in state.unsynced.drain(..) {
            survive(&mut durable, change, numbers);
        }
        let state = State { seen: durable.clone(), durable, ..State::default() };
        Disk { state: Arc::new(Mutex::new(state)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    /// Counts one operation; fails once the power is cut.
    fn spend(&mut self) -> Result<(), io::Error> {
        match &mut self.until_cut {
            Some(0) => Err(io::Error::other("the power is cut")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// A third each: written, lost, torn.
fn survive(durable: &mut Vec<u8>, change: Change, numbers: &mut Numbers) {
    let fate = numbers.below(3);
    match change {
        Change::Write { offset, bytes } => {
            for (number, sector) in sectors(offset, &bytes) {
                if fate == 0 || (fate == 1 && numbers.below(2) == 0) {
                    apply(durable, number, sector);
                }
            }
        }
        Change::Length(length) if fate != 2 => durable.resize(length, 0),
        Change::Length(_) => {}
    }
}

/// The parts of a write that lie in one sector each, with their offsets.
fn sectors(offset: usize, bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let mut parts = Vec::new();
    let mut from = 0;
    while from < bytes.len() {
        let to = bytes.len().min(from + SECTOR_BYTES - (offset + from) % SECTOR_BYTES);
        parts.push((offset + from, &bytes[from..to]));
        from = to;
    }
    parts
}

fn apply(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.lock().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let state = self.lock();
        let from = offset as usize;
        match state.seen.get(from..from + out.len()) {
            Some(bytes) => out.copy_from_slice(bytes),
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), io::Error> {
        let mut state = self.lock();
        state.spend()?;
        state.seen.resize(length as usize, 0);
        state.unsynced.push(Change::Length(length as usize));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let mut state = self.lock();
        state.spend()?;
        let mut durable = std::mem::take(&mut state.durable);
        for change in state.unsynced.drain(..) {
            match change {
                Change::Write { offset, bytes } => apply(&mut durable, offset, &bytes),
                Change::Length(length) => durable.resize(length, 0),
            }
        }
        state.durable = durable;
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut state = self.lock();
        state.spend()?;
        apply(&mut state.seen, offset as usize, data);
        state.unsynced.push(Change::Write { offset: offset as usize, bytes: data.to_vec() });
        Ok(())
    }
}
