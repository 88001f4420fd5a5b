//! How many files guests may have open. A guest's file is one of this process too, which has a limit on them
//! that the server's own connections and logs live under.

use std::fs::File;
use std::sync::{Arc, Weak};

use wasmtime::Result;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, ErrorCode, HostDescriptor, OpenFlags, PathFlags,
};

use super::guest::ComponentGuest;

/// Files that one container may have open, as `ulimit -n` says in most of them.
pub(super) const MAX_OPEN_FILES: usize = 1024;

/// Files of this process that are kept for the server itself.
const RESERVED: u64 = 256;

/// The instance whose `open-at` is replaced.
const TYPES: &str = "wasi:filesystem/types@0.2.12";

/// The files that a container opened; those that nobody holds any more are forgotten when there are many.
#[derive(Default)]
pub(super) struct OpenFiles(Vec<Weak<File>>);

impl OpenFiles {
    fn is_full(&mut self) -> bool {
        if self.0.len() >= MAX_OPEN_FILES {
            self.0.retain(|file| file.strong_count() > 0);
        }
        self.0.len() >= MAX_OPEN_FILES
    }

    fn add(&mut self, file: &Arc<File>) {
        self.0.push(Arc::downgrade(file));
    }
}

/// Replaces the way in which guests open files by one that holds them to their bounds.
pub(super) fn hold_to_bounds(linker: &mut Linker<ComponentGuest>) -> Result<()> {
    type Arguments = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);
    linker.allow_shadowing(true);
    linker.instance(TYPES)?.func_wrap_async(
        "[method]descriptor.open-at",
        |mut store, (directory, path_flags, path, open_flags, flags): Arguments| {
            Box::new(async move {
                let guest: &mut ComponentGuest = store.data_mut();
                if guest.files.is_full() {
                    return Ok((Err(ErrorCode::InsufficientMemory),));
                }
                let parent = directory.rep();
                if open_flags.contains(OpenFlags::CREATE) && !guest.meters.has_room_for_file(parent)? {
                    return Ok((Err(ErrorCode::InsufficientSpace),));
                }
                let mut view = guest.filesystem();
                let opened = view.open_at(directory, path_flags, path, open_flags, flags).await;
                match opened {
                    Ok(opened) => {
                        guest.meters.inherit(parent, opened.rep());
                        if open_flags.contains(OpenFlags::TRUNCATE) {
                            guest.meters.freed(opened.rep());
                        }
                        Ok((guest.keep(opened)?,))
                    }
                    Err(error) => Ok((Err(error.downcast()?),)),
                }
            })
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

impl ComponentGuest {
    /// Counts a file that was just opened, or closes it again where the process has too many.
    fn keep(&mut self, opened: Resource<Descriptor>) -> Result<Result<Resource<Descriptor>, ErrorCode>> {
        let view = self.filesystem();
        let file = match view.table.get(&opened)? {
            Descriptor::File(file) => file.file.clone(),
            Descriptor::Dir(directory) => directory.dir.clone(),
        };
        if is_one_too_many(&file) {
            view.table.delete(opened)?;
            return Ok(Err(ErrorCode::InsufficientMemory));
        }
        self.files.add(&file);
        Ok(Ok(opened))
    }
}

/// Whether the process is about to run out of files: the system always gives the smallest number that is
/// free.
#[cfg(unix)]
fn is_one_too_many(file: &File) -> bool {
    use std::os::fd::AsRawFd;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let number = u64::try_from(file.as_raw_fd()).unwrap_or_default();
    limit.is_some_and(|limit| number >= limit.saturating_sub(RESERVED))
}

#[cfg(not(unix))]
fn is_one_too_many(_: &File) -> bool {
    false
}
