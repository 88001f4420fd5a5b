//! `hostPath`: a part of the node's own files, which are those below the node's directory and no others
//! (`pkg/volume/hostpath/host_path.go` of kubernetes/kubernetes). Containers may have put links there, so
//! every step is taken from the node's directory, and none leads out of it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use cap_primitives::ambient_authority;
use cap_primitives::fs::{
    DirOptions, FileType, FollowSymlinks, OpenOptions, create_dir, open, open_ambient_dir, stat,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Volume;
use shared::kubelet::volume::host_path::{Found, Preparation, prepare};

use super::{Order, Place, VolumeKind};
use crate::kubelet::pod::blocking;

pub(super) struct HostPath;

impl VolumeKind for HostPath {
    fn is_of(&self, volume: &Volume) -> bool {
        volume.host_path.is_some()
    }

    fn set_up<'a>(&'a self, order: &'a Order<'a>) -> BoxFuture<'a, Result<Place, String>> {
        let source = order.volume.host_path.clone().unwrap_or_default();
        let root = order.kubelet.directory.clone();
        async move {
            let below = PathBuf::from(source.path.trim_matches('/'));
            let (node, path) = (root.clone(), below.clone());
            let ready = move || make_ready(&node, &path, &source.path, &source.type_.unwrap_or_default());
            blocking(ready).await??;
            Ok(Place { root, below, read_only: false, meter: None })
        }
        .boxed()
    }
}

/// Makes sure that what the type wants lies at the path below the node's directory.
pub(super) fn make_ready(node: &Path, below: &Path, shown: &str, type_: &str) -> Result<(), String> {
    let said = |error: io::Error| format!("hostPath {shown}: {error}");
    let node = open_ambient_dir(node, ambient_authority()).map_err(said)?;
    let found =
        if below.as_os_str().is_empty() { Found::Directory } else { look(&node, below).map_err(said)? };
    match prepare(shown, type_, found)? {
        Preparation::Nothing => Ok(()),
        Preparation::MakeDirectory => create_dir_all(&node, below).map_err(said),
        Preparation::MakeFile => {
            open(&node, below, OpenOptions::new().write(true).create_new(true)).map(drop).map_err(said)
        }
    }
}

/// What lies at a path below a directory.
fn look(start: &File, path: &Path) -> io::Result<Found> {
    let kind = match stat(start, path, FollowSymlinks::Yes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        outcome => outcome?.file_type(),
    };
    Ok(if kind.is_dir() { Found::Directory } else { special(kind) })
}

#[cfg(unix)]
fn special(kind: FileType) -> Found {
    use cap_primitives::fs::FileTypeExt;
    match () {
        () if FileTypeExt::is_socket(&kind) => Found::Socket,
        () if FileTypeExt::is_char_device(&kind) => Found::CharDevice,
        () if FileTypeExt::is_block_device(&kind) => Found::BlockDevice,
        () => Found::File,
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> Found {
    Found::File
}

/// Makes a directory below another one, and those above it.
pub(in crate::kubelet) fn create_dir_all(start: &File, path: &Path) -> io::Result<()> {
    let mut reached = PathBuf::new();
    for part in path.components() {
        reached.push(part);
        match create_dir(start, &reached, &DirOptions::new()) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            outcome => outcome?,
        }
    }
    Ok(())
}
