//! What a container sees where: the image's files, and the pod's volumes or parts of them upon these.
//!
//! Follows `makeMounts` in `pkg/kubelet/kubelet_pods.go` and `pkg/volume/util/subpath` of
//! kubernetes/kubernetes. Containers write to volumes and may have put links there, so below a volume's root
//! every path is resolved by `cap_primitives`, which never leaves it; and a directory once found is held open
//! and mounted as it was found.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_primitives::ambient_authority;
use cap_primitives::fs::{OpenOptions, hard_link, open, open_ambient_dir, open_dir, remove_file};
use k8s_openapi::api::core::v1::{Container, VolumeMount};
use shared::kubelet::volume::sub_path::{mount_path, sub_path};

use crate::runtime::Mount;

use super::volumes::{Place, Places, create_dir_all};

/// A container's mounts, and what must stay open while it lives.
pub(super) struct Mounts {
    /// The mounts, the image's files first.
    pub(super) mounts: Vec<Mount>,
    /// Directories that are mounted by what they are, not by their names.
    pub(super) held: Arc<[File]>,
}

/// One mount, its place found.
struct Planned<'a> {
    mount: &'a VolumeMount,
    at: String,
    place: &'a Place,
    sub_path: Option<String>,
}

/// Which of a pod's volumes a container sees where; the error is the message of `CreateContainerConfigError`.
pub(super) fn plan<'a>(
    container: &'a Container,
    places: &'a Places,
    variables: &BTreeMap<String, String>,
) -> Result<Plan<'a>, String> {
    let mut planned = Vec::new();
    for mount in container.volume_mounts.iter().flatten() {
        let place = places.get(&mount.name).ok_or_else(|| {
            format!("cannot find volume {:?} to mount into container {:?}", mount.name, container.name)
        })?;
        let sub_path = sub_path(mount, variables)?;
        planned.push(Planned { mount, at: mount_path(mount), place, sub_path });
    }
    // Those that others are mounted upon come first.
    planned.sort_by_key(|planned| planned.at.matches('/').count());
    Ok(Plan { container: &container.name, planned })
}

/// The mounts of a container, not yet made.
pub(super) struct Plan<'a> {
    container: &'a str,
    planned: Vec<Planned<'a>>,
}

impl Plan<'_> {
    /// Makes the mounts upon the image's files below `root`. Blocks on the disk.
    pub(super) fn make(&self, root: PathBuf) -> Result<Mounts, String> {
        let mut mounts = vec![Mount { host_dir: root, guest_path: "/".into(), read_only: false }];
        let mut held = Vec::new();
        for planned in &self.planned {
            let said = |error: io::Error| {
                format!(
                    "failed to prepare subPath for volumeMount {:?} of container {:?}: {error}",
                    planned.mount.name, self.container
                )
            };
            if planned.at == "/" {
                return Err(format!("volume {:?} cannot be mounted at /", planned.mount.name));
            }
            match planned.find().map_err(said)? {
                Found::Directory(directory, path) => {
                    make_mount_point(&mounts, &planned.at, true).map_err(said)?;
                    let host_dir = match &directory {
                        Some(directory) => path_of(directory, path),
                        None => path,
                    };
                    held.extend(directory);
                    let read_only = planned.is_read_only();
                    mounts.push(Mount { host_dir, guest_path: planned.at.clone(), read_only });
                }
                Found::File(file) => self.put_file(planned, file, &mounts).map_err(said)?,
            }
        }
        Ok(Mounts { mounts, held: held.into() })
    }

    /// Puts a single file where it is to be seen: a guest can only be given directories. It is the same file
    /// where it may be written to, and a copy where it may not.
    fn put_file(&self, planned: &Planned<'_>, mut file: File, mounts: &[Mount]) -> io::Result<()> {
        let (directory, name) = make_mount_point(mounts, &planned.at, false)?;
        match remove_file(&directory, &name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        if planned.is_read_only() {
            let mut content = Vec::new();
            file.read_to_end(&mut content)?;
            let mut copy = open(&directory, &name, OpenOptions::new().write(true).create_new(true))?;
            copy.write_all(&content)?;
            let mut permissions = copy.metadata()?.permissions();
            permissions.set_readonly(true);
            return copy.set_permissions(permissions);
        }
        let root = open_ambient_dir(&planned.place.root, ambient_authority())?;
        hard_link(&root, &planned.path(), &directory, &name)
    }
}

/// What is mounted.
enum Found {
    /// A directory by a name; where guests can make that lead elsewhere, the directory itself as well.
    Directory(Option<File>, PathBuf),
    /// A file.
    File(File),
}

impl Planned<'_> {
    fn is_read_only(&self) -> bool {
        self.place.read_only || self.mount.read_only == Some(true)
    }

    /// Where it lies below the root that no guest can replace.
    fn path(&self) -> PathBuf {
        self.place.below.join(self.sub_path.as_deref().unwrap_or_default())
    }

    /// Finds what is to be mounted; a part of a volume that is not there is made as a directory.
    fn find(&self) -> io::Result<Found> {
        let root = open_ambient_dir(&self.place.root, ambient_authority())?;
        let path = self.path();
        if path.as_os_str().is_empty() {
            return Ok(Found::Directory(None, self.place.root.clone()));
        }
        match open(&root, &path, OpenOptions::new().read(true)) {
            Ok(file) if file.metadata()?.is_dir() => {
                Ok(Found::Directory(Some(file), self.place.root.join(path)))
            }
            Ok(file) => Ok(Found::File(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.place.read_only => {
                create_dir_all(&root, &path)?;
                Ok(Found::Directory(Some(open_dir(&root, &path)?), self.place.root.join(path)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(io::Error::other(format!(
                "{:?} is not in the volume, which cannot be written to",
                self.sub_path.as_deref().unwrap_or_default()
            ))),
            Err(error) => Err(error),
        }
    }
}

/// Makes the directory, or the one that a file is to lie in, where others see a mount, so that it is listed
/// there. Returns the directory that it is in, and its name there.
fn make_mount_point(mounts: &[Mount], at: &str, is_directory: bool) -> io::Result<(File, PathBuf)> {
    let below = |mount: &Mount| Path::new(at).strip_prefix(&mount.guest_path).ok().map(Path::to_owned);
    let parents = mounts.iter().filter_map(|mount| Some((mount, below(mount)?)));
    let (parent, path) = parents
        .filter(|(_, path)| !path.as_os_str().is_empty())
        .max_by_key(|(mount, _)| mount.guest_path.len())
        .ok_or_else(|| io::Error::other(format!("{at} is mounted twice")))?;
    let root = open_ambient_dir(&parent.host_dir, ambient_authority())?;
    if is_directory {
        create_dir_all(&root, &path)?;
        return Ok((root, path));
    }
    let name = path.file_name().map(PathBuf::from).unwrap_or_default();
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        None => Ok((root, name)),
        Some(parent) => {
            create_dir_all(&root, parent)?;
            Ok((open_dir(&root, parent)?, name))
        }
    }
}

/// A path that leads to this very directory as long as it is open, whatever becomes of its name.
#[cfg(target_os = "linux")]
fn path_of(directory: &File, _: PathBuf) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()))
}

#[cfg(not(target_os = "linux"))]
fn path_of(_: &File, path: PathBuf) -> PathBuf {
    path
}

#[cfg(test)]
mod tests;
