//! Where what WASI 0.1 modules write to files meets the [`DiskMeter`](super::DiskMeter)s, as
//! [`disk_bounds`](super::disk_bounds) does it for components.
//!
//! wasmtime-wasi keeps the files behind a module's numbers for itself, so this asks it for sizes and positions in
//! the module's name, before it lets it write. The functions and their numbers are those of
//! `wasi_snapshot_preview1.witx` of WebAssembly/WASI.

use wasmtime::{AsContextMut, Caller, Extern, Linker, Result, bail};
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p1::types::{Fd, Fdflags};
use wasmtime_wasi::p1::wasi_snapshot_preview1::{self as preview1, WasiSnapshotPreview1};
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host;
use wiggle::{GuestMemory, GuestPtr};

use super::guest::ModuleGuest;

const MODULE: &str = "wasi_snapshot_preview1";

/// `errno`s.
const SUCCESS: i32 = 0;
const INVAL: i32 = 28;
const NOSPC: i32 = 51;

/// `oflags`.
const CREAT: i32 = 1 << 0;
const TRUNC: i32 = 1 << 3;

/// The number of the first directory that a module is given; those before it are its standard streams.
const FIRST_GIVEN: u32 = 3;

/// Buffers that one write may name, as Linux's `IOV_MAX`.
const MOST_BUFFERS: u32 = 1024;
/// The size of a `ciovec`, and where its `buf_len` is.
const BUFFER_BYTES: u32 = 8;
const LENGTH_OFFSET: u32 = 4;

/// Replaces the ways in which modules write files by ones that are metered.
pub(super) fn hold_to_bounds(linker: &mut Linker<ModuleGuest>) -> Result<()> {
    linker.allow_shadowing(true);
    hold_writes(linker)?;
    hold_names(linker)?;
    watch_deletions(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What adds to a file.
fn hold_writes(linker: &mut Linker<ModuleGuest>) -> Result<()> {
    linker.func_wrap_async(
        MODULE,
        "fd_write",
        |mut caller: Caller<'_, ModuleGuest>, (fd, buffers, count, written): (i32, i32, i32, i32)| {
            Box::new(async move {
                let (mut memory, guest) = parts(&mut caller)?;
                match guest.may_write(&mut memory, fd, (buffers, count), None).await? {
                    SUCCESS => {
                        preview1::fd_write(&mut guest.wasi, &mut memory, fd, buffers, count, written).await
                    }
                    refusal => Ok(refusal),
                }
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_pwrite",
        |mut caller: Caller<'_, ModuleGuest>,
         (fd, buffers, count, offset, written): (i32, i32, i32, i64, i32)| {
            Box::new(async move {
                let (mut memory, guest) = parts(&mut caller)?;
                let at = Some(offset.cast_unsigned());
                let wasi = match guest.may_write(&mut memory, fd, (buffers, count), at).await? {
                    SUCCESS => &mut guest.wasi,
                    refusal => return Ok(refusal),
                };
                preview1::fd_pwrite(wasi, &mut memory, fd, buffers, count, offset, written).await
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_filestat_set_size",
        |mut caller: Caller<'_, ModuleGuest>, (fd, size): (i32, i64)| {
            Box::new(async move {
                let (mut memory, guest) = parts(&mut caller)?;
                match guest.may_set_size(&mut memory, fd, size.cast_unsigned()).await? {
                    SUCCESS => preview1::fd_filestat_set_size(&mut guest.wasi, &mut memory, fd, size).await,
                    refusal => Ok(refusal),
                }
            })
        },
    )?;
    Ok(())
}

/// What makes files and directories, and what gives them numbers.
fn hold_names(linker: &mut Linker<ModuleGuest>) -> Result<()> {
    type Open = (i32, i32, i32, i32, i32, i64, i64, i32, i32);
    linker.func_wrap_async(
        MODULE,
        "path_open",
        |mut caller: Caller<'_, ModuleGuest>,
         (directory, lookup, path, length, how, base, inheriting, flags, opened): Open| {
            Box::new(async move {
                let (mut memory, guest) = parts(&mut caller)?;
                let parent = directory.cast_unsigned();
                if how & CREAT != 0 && !guest.meters.has_room_for_file(parent)? {
                    return Ok(NOSPC);
                }
                let (wasi, memory) = (&mut guest.wasi, &mut memory);
                let outcome = preview1::path_open(
                    wasi, memory, directory, lookup, path, length, how, base, inheriting, flags, opened,
                );
                let outcome = outcome.await?;
                if outcome == SUCCESS {
                    let number: u32 = memory.read(GuestPtr::new(opened.cast_unsigned()))?;
                    guest.meters.inherit(parent, number);
                    if how & TRUNC != 0 {
                        guest.meters.freed(number);
                    }
                }
                Ok(outcome)
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "path_create_directory",
        |mut caller: Caller<'_, ModuleGuest>, (directory, path, length): (i32, i32, i32)| {
            Box::new(async move {
                let (mut memory, guest) = parts(&mut caller)?;
                if !guest.meters.has_room_for_file(directory.cast_unsigned())? {
                    return Ok(NOSPC);
                }
                preview1::path_create_directory(&mut guest.wasi, &mut memory, directory, path, length).await
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_renumber",
        |mut caller: Caller<'_, ModuleGuest>, (from, to): (i32, i32)| {
            Box::new(async move {
                let (mut memory, guest) = parts(&mut caller)?;
                let outcome = preview1::fd_renumber(&mut guest.wasi, &mut memory, from, to).await?;
                if outcome == SUCCESS {
                    guest.meters.inherit(from.cast_unsigned(), to.cast_unsigned());
                }
                Ok(outcome)
            })
        },
    )?;
    Ok(())
}

/// What may make room.
fn watch_deletions(linker: &mut Linker<ModuleGuest>) -> Result<()> {
    linker.func_wrap_async(
        MODULE,
        "path_unlink_file",
        |mut caller: Caller<'_, ModuleGuest>, (directory, path, length): (i32, i32, i32)| {
            Box::new(async move {
                let (mut memory, guest) = parts(&mut caller)?;
                let wasi = &mut guest.wasi;
                let outcome = preview1::path_unlink_file(wasi, &mut memory, directory, path, length).await;
                guest.meters.freed(directory.cast_unsigned());
                outcome
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "path_remove_directory",
        |mut caller: Caller<'_, ModuleGuest>, (directory, path, length): (i32, i32, i32)| {
            Box::new(async move {
                let (mut memory, guest) = parts(&mut caller)?;
                let wasi = &mut guest.wasi;
                let outcome =
                    preview1::path_remove_directory(wasi, &mut memory, directory, path, length).await;
                guest.meters.freed(directory.cast_unsigned());
                outcome
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "path_rename",
        |mut caller: Caller<'_, ModuleGuest>,
         (directory, path, length, to, new_path, new_length): (i32, i32, i32, i32, i32, i32)| {
            Box::new(async move {
                let (mut memory, guest) = parts(&mut caller)?;
                let (wasi, memory) = (&mut guest.wasi, &mut memory);
                let outcome =
                    preview1::path_rename(wasi, memory, directory, path, length, to, new_path, new_length);
                let outcome = outcome.await;
                [directory, to].into_iter().for_each(|each| guest.meters.freed(each.cast_unsigned()));
                outcome
            })
        },
    )?;
    Ok(())
}

/// The module's memory and state, as wasmtime-wasi's own functions get them.
fn parts<'a>(caller: &'a mut Caller<'_, ModuleGuest>) -> Result<(GuestMemory<'a>, &'a mut ModuleGuest)> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        bail!("missing required memory export");
    };
    let fuel = caller.as_context_mut().hostcall_fuel();
    let (bytes, guest) = memory.data_and_store_mut(caller);
    guest.wasi.set_hostcall_fuel(fuel);
    Ok((GuestMemory::Unshared(bytes), guest))
}

/// How much a write writes: the first of its buffers that is not empty. `None` where it names too many.
fn length_of(memory: &GuestMemory<'_>, (buffers, count): (i32, i32)) -> Result<Option<u64>> {
    let (buffers, count) = (buffers.cast_unsigned(), count.cast_unsigned());
    if count > MOST_BUFFERS {
        return Ok(None);
    }
    for index in 0..count {
        let place = buffers.wrapping_add(index * BUFFER_BYTES).wrapping_add(LENGTH_OFFSET);
        let length: u32 = memory.read(GuestPtr::new(place))?;
        if length > 0 {
            return Ok(Some(length.into()));
        }
    }
    Ok(Some(0))
}

impl ModuleGuest {
    /// Learns which directories the module is given, by their numbers.
    pub(super) fn know_directories(&mut self) -> Result<()> {
        let directories = self.wasi.filesystem().get_directories()?;
        for (number, (directory, path)) in (FIRST_GIVEN..).zip(directories) {
            self.meters.give(number, &path);
            self.wasi.filesystem().table.delete(directory)?;
        }
        Ok(())
    }

    /// Whether there is room for a write, as an `errno`. What cannot be told of is left to the write itself.
    async fn may_write(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: i32,
        buffers: (i32, i32),
        at: Option<u64>,
    ) -> Result<i32> {
        let Some(account) = self.meters.of(fd.cast_unsigned()) else { return Ok(SUCCESS) };
        let Some(length) = length_of(memory, buffers)? else { return Ok(INVAL) };
        let Some((size, is_appended)) = self.look(memory, fd).await else { return Ok(SUCCESS) };
        let position = match at {
            _ if is_appended => size,
            Some(offset) => offset,
            None => match self.wasi.fd_tell(memory, Fd::from(fd.cast_unsigned())) {
                Ok(position) => position,
                Err(_) => return Ok(SUCCESS),
            },
        };
        let added = position.saturating_add(length).saturating_sub(size).min(length);
        Ok(if account.charge(added)? { SUCCESS } else { NOSPC })
    }

    /// Whether a file may get this size, as an `errno`.
    async fn may_set_size(&mut self, memory: &mut GuestMemory<'_>, fd: i32, size: u64) -> Result<i32> {
        let Some(account) = self.meters.of(fd.cast_unsigned()) else { return Ok(SUCCESS) };
        let Some((old, _)) = self.look(memory, fd).await else { return Ok(SUCCESS) };
        account.freed();
        Ok(if account.charge(size.saturating_sub(old))? { SUCCESS } else { NOSPC })
    }

    /// The size of a file, and whether all that is written is put to its end. `None` where it is no open file.
    async fn look(&mut self, memory: &mut GuestMemory<'_>, fd: i32) -> Option<(u64, bool)> {
        let fd = Fd::from(fd.cast_unsigned());
        let file = self.wasi.fd_filestat_get(memory, fd).await.ok()?;
        let state = self.wasi.fd_fdstat_get(memory, fd).await.ok()?;
        Some((file.size, state.fs_flags.contains(Fdflags::APPEND)))
    }
}
