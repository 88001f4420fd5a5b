//! Where what components write to files meets the [`DiskMeter`]s: each mount may have one, and every file that
//! is opened below it is held to that.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host;
use wasmtime_wasi::p2::bindings::filesystem::types::{ErrorCode, HostDescriptor};
use wasmtime_wasi::p2::{DynOutputStream, FsResult};

use super::cgroup::Cgroup;
use super::disk::{Account, Metered, NEW_FILE_BYTES, growth};
use super::guest::ComponentGuest;
use super::limits::OutOfMemory;
use super::process::ProcessSpec;

/// The instances whose functions are replaced.
const TYPES: &str = "wasi:filesystem/types@0.2.12";
const PREOPENS: &str = "wasi:filesystem/preopens@0.2.12";

/// The meters of a guest's mounts, and of what it opened.
#[derive(Default)]
pub(super) struct Meters {
    /// By the path of the mount, also of those that have none.
    by_mount: BTreeMap<String, Option<Account>>,
    working_dir: String,
    by_descriptor: HashMap<u32, Account>,
}

impl Meters {
    /// The meters of a program's mounts, as its container writes to them.
    pub(super) fn new(spec: &ProcessSpec, cgroup: &Arc<Cgroup>) -> Meters {
        let paths = spec.mounts.iter().map(|mount| &mount.guest_path);
        let account = |path: &String| Some(Account::new(spec.meters.get(path)?.clone(), cgroup.clone()));
        let by_mount = paths.map(|path| (path.clone(), account(path))).collect();
        let working_dir = spec.working_dir.clone().unwrap_or_default();
        Meters { by_mount, working_dir, by_descriptor: HashMap::new() }
    }

    /// The meter of the mount that a directory given to the guest lies in; `.` is its working directory.
    fn of_given(&self, path: &str) -> Option<Account> {
        let path = Path::new(if path == "." { self.working_dir.as_str() } else { path });
        let around = self.by_mount.iter().filter(|(mount, _)| path.starts_with(mount));
        around.max_by_key(|(mount, _)| Path::new(mount).components().count())?.1.clone()
    }

    pub(super) fn of(&self, descriptor: u32) -> Option<Account> {
        self.by_descriptor.get(&descriptor).cloned()
    }

    /// The guest was given a directory.
    pub(super) fn give(&mut self, descriptor: u32, path: &str) {
        if let Some(account) = self.of_given(path) {
            self.by_descriptor.insert(descriptor, account);
        }
    }

    /// Something below a directory was deleted, or a file cut.
    pub(super) fn freed(&self, descriptor: u32) {
        self.by_descriptor.get(&descriptor).into_iter().for_each(Account::freed);
    }

    /// What was opened below a directory counts as that does. Numbers are given anew when what had them is
    /// closed.
    pub(super) fn inherit(&mut self, directory: u32, opened: u32) {
        match self.of(directory) {
            Some(account) => drop(self.by_descriptor.insert(opened, account)),
            None => drop(self.by_descriptor.remove(&opened)),
        }
    }

    /// Whether there is room for a new file below a directory.
    pub(super) fn has_room_for_file(&self, directory: u32) -> Result<bool, OutOfMemory> {
        self.of(directory).map_or(Ok(true), |account| account.charge(NEW_FILE_BYTES))
    }
}

/// Replaces the ways in which guests write files by ones that are metered.
pub(super) fn hold_to_bounds(linker: &mut Linker<ComponentGuest>) -> Result<()> {
    linker.allow_shadowing(true);
    linker.instance(PREOPENS)?.func_wrap("get-directories", |mut store: Store<'_>, (): ()| {
        let guest = store.data_mut();
        let directories = guest.filesystem().get_directories()?;
        for (directory, path) in &directories {
            guest.meters.give(directory.rep(), path);
        }
        Ok((directories,))
    })?;
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]descriptor.write-via-stream",
        |mut store: Store<'_>, (file, offset): (Resource<Descriptor>, u64)| {
            let (guest, rep) = (store.data_mut(), file.rep());
            let stream = guest.filesystem().write_via_stream(file, offset);
            guest.metered(rep, Some(offset), stream)
        },
    )?;
    types.func_wrap(
        "[method]descriptor.append-via-stream",
        |mut store: Store<'_>, (file,): (Resource<Descriptor>,)| {
            let (guest, rep) = (store.data_mut(), file.rep());
            let stream = guest.filesystem().append_via_stream(file);
            guest.metered(rep, None, stream)
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.write",
        |mut store, (file, bytes, offset): (Resource<Descriptor>, Vec<u8>, u64)| {
            Box::new(async move {
                let guest: &mut ComponentGuest = store.data_mut();
                if !guest.may_write(&file, offset, bytes.len() as u64)? {
                    return Ok((Err(ErrorCode::InsufficientSpace),));
                }
                let written = guest.filesystem().write(file, bytes, offset).await;
                Ok((said(written)?,))
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.set-size",
        |mut store, (file, size): (Resource<Descriptor>, u64)| {
            Box::new(async move {
                let guest: &mut ComponentGuest = store.data_mut();
                if !guest.may_write(&file, size, 0)? {
                    return Ok((Err(ErrorCode::InsufficientSpace),));
                }
                guest.meters.freed(file.rep());
                let set = guest.filesystem().set_size(file, size).await;
                Ok((said(set)?,))
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.create-directory-at",
        |mut store, (directory, path): (Resource<Descriptor>, String)| {
            Box::new(async move {
                let guest: &mut ComponentGuest = store.data_mut();
                if !guest.meters.has_room_for_file(directory.rep())? {
                    return Ok((Err(ErrorCode::InsufficientSpace),));
                }
                let made = guest.filesystem().create_directory_at(directory, path).await;
                Ok((said(made)?,))
            })
        },
    )?;
    watch_deletions(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Replaces the ways in which guests delete by ones after which it is known that there may be more room.
fn watch_deletions(linker: &mut Linker<ComponentGuest>) -> Result<()> {
    type OldAndNew = (Resource<Descriptor>, String, Resource<Descriptor>, String);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap_async(
        "[method]descriptor.unlink-file-at",
        |mut store, (directory, path): (Resource<Descriptor>, String)| {
            Box::new(async move {
                let guest: &mut ComponentGuest = store.data_mut();
                let rep = directory.rep();
                let unlinked = guest.filesystem().unlink_file_at(directory, path).await;
                guest.meters.freed(rep);
                Ok((said(unlinked)?,))
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.remove-directory-at",
        |mut store, (directory, path): (Resource<Descriptor>, String)| {
            Box::new(async move {
                let guest: &mut ComponentGuest = store.data_mut();
                let rep = directory.rep();
                let removed = guest.filesystem().remove_directory_at(directory, path).await;
                guest.meters.freed(rep);
                Ok((said(removed)?,))
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.rename-at",
        |mut store, (directory, old, new_directory, new): OldAndNew| {
            Box::new(async move {
                let guest: &mut ComponentGuest = store.data_mut();
                let reps = [directory.rep(), new_directory.rep()];
                let renamed = guest.filesystem().rename_at(directory, old, new_directory, new).await;
                reps.into_iter().for_each(|rep| guest.meters.freed(rep));
                Ok((said(renamed)?,))
            })
        },
    )
}

type Store<'a> = StoreContextMut<'a, ComponentGuest>;

/// An outcome as guests are told it.
fn said<T>(outcome: FsResult<T>) -> Result<std::result::Result<T, ErrorCode>> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(error) => Ok(Err(error.downcast()?)),
    }
}

impl ComponentGuest {
    /// Holds a stream into a file to the meter that the file has, if it has one.
    fn metered(
        &mut self,
        file: u32,
        position: Option<u64>,
        stream: FsResult<Resource<DynOutputStream>>,
    ) -> Result<(std::result::Result<Resource<DynOutputStream>, ErrorCode>,)> {
        let account = self.meters.of(file);
        let view = self.filesystem();
        let (stream, account) = match (said(stream)?, account) {
            (Ok(stream), Some(account)) => (stream, account),
            (outcome, _) => return Ok((outcome,)),
        };
        let Descriptor::File(opened) = view.table.get(&Resource::<Descriptor>::new_borrow(file))? else {
            return Ok((Ok(stream),));
        };
        let opened = opened.file.clone();
        let stream = view.table.delete(stream)?;
        let metered: DynOutputStream = Box::new(Metered::new(stream, opened, position, account));
        Ok((Ok(view.table.push(metered)?),))
    }

    /// Whether there is room for so many bytes at a place of a file.
    fn may_write(&mut self, file: &Resource<Descriptor>, offset: u64, length: u64) -> Result<bool> {
        let Some(account) = self.meters.of(file.rep()) else { return Ok(true) };
        let bytes = match self.filesystem().table.get(file)? {
            Descriptor::File(file) if length > 0 => growth(&file.file, offset, length),
            Descriptor::File(file) => {
                let size = file.file.metadata().map(|metadata| metadata.len()).unwrap_or_default();
                offset.saturating_sub(size)
            }
            Descriptor::Dir(_) => 0,
        };
        Ok(account.charge(bytes)?)
    }
}
