//! Opening the file, and saying what to do where that fails.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ::redb::backends::FileBackend;
use ::redb::{Builder, Database, DatabaseError, StorageBackend, StorageError};
use shared::store::mvcc::ReplayError;

use super::file::{DataFile, FORMAT};

/// Of the file's pages; reads are served by the core, so that only the path down to the newest
/// records needs to stay.
const CACHE_BYTES: usize = 8 << 20;

/// Who may do what with the file: its owner may read and write it.
#[cfg(unix)]
const PRIVATE: u32 = 0o600;

/// Why a store could not be opened. Each message names the file and what can be done.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{path}: in use by another process; stop that one, or choose another data directory")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A newer program wrote it.
    #[error(
        "{path}: written in format {found} by a newer version of this program, which reads up to \
         format {FORMAT}; start the newer one, or choose another data directory"
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// It is no store, or no longer.
    #[error("{path}: damaged, or not a store's file: {reason}; restore it from a copy, or move it away")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What went wrong, before it is known with which file.
pub(super) enum Fault {
    InUse,
    NewerFormat(u64),
    Damaged(String),
    Io(io::Error),
}

impl OpenError {
    pub(super) fn of(path: &Path, fault: Fault) -> OpenError {
        let path = path.to_owned();
        match fault {
            Fault::InUse => OpenError::InUse { path },
            Fault::NewerFormat(found) => OpenError::NewerFormat { path, found },
            Fault::Damaged(reason) => OpenError::Damaged { path, reason },
            Fault::Io(source) => OpenError::Io { path, source },
        }
    }
}

impl From<::redb::Error> for Fault {
    fn from(error: ::redb::Error) -> Fault {
        match error {
            ::redb::Error::DatabaseAlreadyOpen => Fault::InUse,
            ::redb::Error::Io(error) if is_content(&error) => Fault::Damaged(error.to_string()),
            ::redb::Error::Io(error) => Fault::Io(error),
            other => Fault::Damaged(other.to_string()),
        }
    }
}

impl From<DatabaseError> for Fault {
    fn from(error: DatabaseError) -> Fault {
        ::redb::Error::from(error).into()
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Fault {
        ::redb::Error::from(error).into()
    }
}

impl From<ReplayError> for Fault {
    fn from(error: ReplayError) -> Fault {
        Fault::Damaged(error.to_string())
    }
}

/// Whether the error speaks of what the file holds, not of the system's refusal.
fn is_content(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

/// Opens the database at `path`; where there is none, makes it first.
pub(super) fn database_at(path: &Path) -> Result<Database, OpenError> {
    let open = || -> Result<Database, Fault> {
        if !path.try_exists().map_err(Fault::Io)? {
            create(path)?;
        }
        make_private(path);
        Ok(builder().open(path)?)
    };
    open().map_err(|fault| OpenError::of(path, fault))
}

/// Opens the database on a backend; where that is empty, makes it.
pub(super) fn database_on(backend: impl StorageBackend) -> Result<Database, Fault> {
    Ok(builder().create_with_backend(backend)?)
}

/// The pages' checksums are compared at every start, which costs about 7 ms a thousand records of
/// 1 KiB: without it redb trusts a damaged file, and may panic on it later. The comparison also
/// repairs after a crash, so that redb's `set_quick_repair`, which makes every commit sync twice, has
/// nothing to gain: a start after a crash takes hardly longer than any other (`tests/benches/store.rs`).
fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}

/// Makes the file under another name first, so that a crash on the way leaves no half-made store
/// behind, and two processes that start at once do not overwrite each other's.
fn create(path: &Path) -> Result<(), Fault> {
    let directory = directory_of(path);
    fs::create_dir_all(directory).map_err(Fault::Io)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.new", std::process::id()));
    let draft = PathBuf::from(draft);
    let _ = fs::remove_file(&draft);
    let file = new_private(&draft).map_err(Fault::Io)?;
    drop(DataFile::of(database_on(FileBackend::new(file)?)?)?);
    place(&draft, path).and_then(|()| sync_directory(directory)).map_err(Fault::Io)
}

/// A new file that only its owner may read: Secrets will lie in it.
fn new_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, PRIVATE);
    options.open(path)
}

/// Takes a file from everyone but its owner, as far as the system lets us: it may be another's.
fn make_private(path: &Path) {
    #[cfg(unix)]
    if let Err(error) = fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(PRIVATE)) {
        tracing::warn!(path = %path.display(), %error, "others may read the store");
    }
    #[cfg(not(unix))]
    let _ = path;
}

fn place(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Ok(()) => fs::remove_file(draft),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::remove_file(draft),
        // A file system without hard links.
        Err(_) => fs::rename(draft, path),
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes the file's name durable, as syncing the file alone does not. Windows has no such call and
/// keeps names in its journal.
fn sync_directory(directory: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(directory)?.sync_all(),
        false => Ok(()),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_the_owner_should_read_the_store() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.redb");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        drop(database_at(&path).unwrap());
        assert_eq!(mode(), PRIVATE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        drop(database_at(&path).unwrap());
        assert_eq!(mode(), PRIVATE);
    }
}
