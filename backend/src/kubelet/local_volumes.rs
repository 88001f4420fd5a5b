//! Directories of the node that are persistent volumes, made and removed for the local provisioner. Containers may
//! have put links among the node's files: no step leads out of the node's directory.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use cap_primitives::ambient_authority;
use cap_primitives::fs::{open_ambient_dir, remove_dir_all};

use super::node::Kubelet;
use super::pod::blocking;
use super::volumes::create_dir_all;

impl Kubelet {
    /// Makes an empty volume at this path among the node's files; one that is there stays as it is.
    pub(crate) async fn make_volume_directory(&self, path: &str) -> Result<(), String> {
        self.at(path, create_dir_all).await
    }

    /// Removes the volume at this path with all that is in it; one that is gone is fine.
    pub(crate) async fn remove_volume_directory(&self, path: &str) -> Result<(), String> {
        self.at(path, |node, below| match remove_dir_all(node, below) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        })
        .await
    }

    /// The volume at this path has this size in bytes from now on, for pods that have it mounted already.
    pub(crate) fn resize_volume(&self, path: &str, size_bytes: u64) {
        self.file_systems.resize(&self.directory.join(path.trim_matches('/')), size_bytes);
    }

    async fn at(
        &self,
        path: &str,
        act: impl FnOnce(&File, &Path) -> io::Result<()> + Send + 'static,
    ) -> Result<(), String> {
        let (node, below) = (self.directory.clone(), PathBuf::from(path.trim_matches('/')));
        let shown = path.to_owned();
        let work = move || act(&open_ambient_dir(&node, ambient_authority())?, &below);
        blocking(work).await?.map_err(|error: io::Error| format!("{shown}: {error}"))
    }
}
