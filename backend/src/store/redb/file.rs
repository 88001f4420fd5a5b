//! The tables of the file: what is read at start, and one transaction.

use std::collections::VecDeque;

use ::redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableHandle, WriteTransaction};
use bytes::Bytes;
use shared::store::mvcc::{Bounds, Mvcc, Record};
use shared::store::{KeyValue, Revision, StoreEvent, StoredValue};

use super::Attach;
use super::open::Fault;

/// The format this program writes, and the newest that it reads.
pub(super) const FORMAT: u64 = 1;

type StoredRecord = (&'static str, u64, Option<&'static [u8]>);

const REVISIONS: TableDefinition<u64, StoredRecord> = TableDefinition::new("revisions");
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const META_FORMAT: &str = "format";
const META_COMPACTED: &str = "compacted";

/// The open file.
pub(super) struct DataFile {
    database: Database,
}

/// What one transaction makes durable.
pub(super) struct Changes<'a> {
    /// New records.
    pub(super) events: &'a [StoreEvent],
    /// Records that nobody can read any longer.
    pub(super) forgotten: &'a [Revision],
    /// The oldest revision that can be read.
    pub(super) compacted: Revision,
}

impl DataFile {
    /// Checks that the database is a store of a format known here; makes it one if it is empty.
    pub(super) fn of(database: Database) -> Result<DataFile, Fault> {
        let file = DataFile { database };
        if file.is_empty()? {
            file.initialize()?;
        }
        match file.meta(META_FORMAT)? {
            Some(FORMAT) => Ok(file),
            Some(newer) if newer > FORMAT => Err(Fault::NewerFormat(newer)),
            other => Err(Fault::Damaged(format!("unknown format {other:?}"))),
        }
    }

    /// Reads the whole file into a core. Also returns the records that need not be kept.
    pub(super) fn load(&self, attach: &Attach, bounds: Bounds) -> Result<(Mvcc, VecDeque<Revision>), Fault> {
        let compacted = self.meta(META_COMPACTED)?.unwrap_or_default();
        let mut core = Mvcc::compacted_at(compacted, bounds);
        let mut garbage = VecDeque::new();
        let read = self.database.begin_read().map_err(::redb::Error::from)?;
        let table = read.open_table(REVISIONS).map_err(::redb::Error::from)?;
        for entry in table.iter()? {
            let (revision, record) = entry?;
            let (key, create_revision, value) = record.value();
            let value =
                value.map(|bytes| StoredValue { bytes: Bytes::copy_from_slice(bytes), attachment: attach() });
            let record = Record { revision: revision.value(), key: key.into(), create_revision, value };
            garbage.extend(core.replay(record)?);
        }
        Ok((core, garbage))
    }

    /// Makes the changes durable, all or none.
    pub(super) fn commit(&self, changes: &Changes<'_>) -> Result<(), ::redb::Error> {
        let transaction = self.database.begin_write()?;
        write(&transaction, changes)?;
        Ok(transaction.commit()?)
    }

    fn is_empty(&self) -> Result<bool, ::redb::Error> {
        Ok(self.database.begin_read()?.list_tables()?.next().is_none())
    }

    fn initialize(&self) -> Result<(), ::redb::Error> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(REVISIONS)?;
        transaction.open_table(META)?.insert(META_FORMAT, FORMAT)?;
        Ok(transaction.commit()?)
    }

    fn meta(&self, name: &str) -> Result<Option<u64>, ::redb::Error> {
        let read = self.database.begin_read()?;
        if !read.list_tables()?.any(|table| table.name() == META.name()) {
            return Ok(None);
        }
        Ok(read.open_table(META)?.get(name)?.map(|value| value.value()))
    }
}

fn write(transaction: &WriteTransaction, changes: &Changes<'_>) -> Result<(), ::redb::Error> {
    let mut revisions = transaction.open_table(REVISIONS)?;
    for revision in changes.forgotten {
        revisions.remove(revision)?;
    }
    for event in changes.events {
        let value = event.current.as_ref().map(|current| &*current.value.bytes);
        revisions.insert(event.revision, (&*event.key, create_revision(event), value))?;
    }
    if changes.compacted > 0 {
        transaction.open_table(META)?.insert(META_COMPACTED, changes.compacted)?;
    }
    Ok(())
}

fn create_revision(event: &StoreEvent) -> Revision {
    let of = |found: &KeyValue| found.create_revision;
    event.current.as_ref().or(event.previous.as_ref()).map_or(event.revision, of)
}
