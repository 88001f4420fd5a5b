//! The directories that a guest sees: its mounts, and its working directory.
//!
//! WASI gives a program directories by name and knows no current one. A program that asks for
//! `wasi:cli/environment.initial-cwd` is told, and does the rest. All others (WASI 0.1 has nothing to ask, and
//! `std` of Rust does not) start in the root: their C library drops the leading `/` of every path, and looks for
//! the directory with the longest name that fits. So for them the working directory is there once more under
//! the name `.`, which fits every path; what lies in the root is there under names of its own, which are longer.
//! What that cannot tell apart: a relative path that begins as a directory of the root does, and a file that lies
//! in the root itself.

use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

use cap_primitives::ambient_authority;
use cap_primitives::fs::{
    DirOptions, create_dir, open_ambient_dir, open_dir, open_dir_nofollow, read_base_dir,
};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use super::process::{Mount, StartError};

/// Opens what a guest sees.
///
/// # Errors
/// When a mount or the working directory cannot be opened.
pub(super) fn preopen(
    wasi: &mut WasiCtxBuilder,
    mounts: &[Mount],
    working_dir: Option<&str>,
    asks_for_working_dir: bool,
) -> Result<(), StartError> {
    for mount in mounts {
        let opened = wasi.preopened_dir(&mount.host_dir, &mount.guest_path, permissions(mount));
        opened.map_err(|error| StartError::Mount { guest_path: mount.guest_path.clone(), error })?;
    }
    let Some(directory) = working_dir else { return Ok(()) };
    let failed = |error| StartError::WorkingDir { path: directory.to_owned(), error };
    wasi.initial_cwd(directory);
    let Some((mount, path)) = place(mounts, directory).map_err(failed)? else { return Ok(()) };
    let opened = open_or_make(mount, &path).map_err(failed)?;
    if asks_for_working_dir || directory == "/" {
        return Ok(());
    }
    preopen_root(wasi, mounts).map_err(failed)?;
    add(wasi, &opened, ".", permissions(mount)).map_err(failed)
}

fn permissions(mount: &Mount) -> FsPerms {
    if mount.read_only { FsPerms::ReadOnly } else { FsPerms::ReadWrite }
}

/// The mount that a path of the guest lies in, and where in it. `None` where it lies in none, which is nothing
/// but an empty root.
fn place<'a>(mounts: &'a [Mount], path: &str) -> io::Result<Option<(&'a Mount, PathBuf)>> {
    let path = Path::new(path);
    if !path.has_root() || path.components().any(|part| part == Component::ParentDir) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not an absolute path without `..`"));
    }
    let inside = |mount: &'a Mount| Some((mount, path.strip_prefix(&mount.guest_path).ok()?.to_path_buf()));
    let places = mounts.iter().filter_map(inside);
    Ok(places.max_by_key(|(mount, _)| Path::new(&mount.guest_path).components().count()))
}

/// Opens a directory of a mount and makes it where it is not there, as runc does. No link on the way leads out
/// of the mount.
fn open_or_make(mount: &Mount, path: &Path) -> io::Result<File> {
    let mut opened = open_ambient_dir(&mount.host_dir, ambient_authority())?;
    if path.as_os_str().is_empty() {
        return Ok(opened);
    }
    match open_dir(&opened, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !mount.read_only => {}
        found => return found,
    }
    for name in path.iter().map(Path::new) {
        match create_dir(&opened, name, &DirOptions::new()) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => opened = open_dir_nofollow(&opened, name)?,
        }
    }
    Ok(opened)
}

/// Each directory of the root under its own name, except those that are mounts.
fn preopen_root(wasi: &mut WasiCtxBuilder, mounts: &[Mount]) -> io::Result<()> {
    let Some(root) = mounts.iter().find(|mount| mount.guest_path == "/") else { return Ok(()) };
    let opened = open_ambient_dir(&root.host_dir, ambient_authority())?;
    for entry in read_base_dir(&opened)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("/{name}");
        let is_mount = mounts.iter().any(|mount| mount.guest_path == path);
        if !is_mount && let Ok(directory) = open_dir_nofollow(&opened, Path::new(&name)) {
            add(wasi, &directory, &path, permissions(root))?;
        }
    }
    Ok(())
}

/// Gives a guest a directory that is open already. It cannot be replaced by another on the way: its name is
/// that of the open file.
#[cfg(unix)]
fn add(wasi: &mut WasiCtxBuilder, directory: &File, name: &str, permissions: FsPerms) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let path = format!("/dev/fd/{}", directory.as_raw_fd());
    wasi.preopened_dir(path, name, permissions).map(drop).map_err(io::Error::other)
}

/// Links are rare elsewhere, and guests cannot make one that leads out of a mount.
#[cfg(not(unix))]
fn add(wasi: &mut WasiCtxBuilder, directory: &File, name: &str, permissions: FsPerms) -> io::Result<()> {
    let _ = (wasi, directory, name, permissions);
    Err(io::Error::new(io::ErrorKind::Unsupported, "a working directory needs a program that asks for it"))
}
