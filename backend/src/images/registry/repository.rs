//! What the cluster's registry has: a file for each repository, `DATA/images/registry/team/app/_repository.json`,
//! with its tags, manifests and blobs; their content lies with that of the nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use shared::images::manifest::Descriptor;

use crate::images::content::write_atomically;

/// No part of a repository's name begins like this.
const FILE: &str = "_repository.json";

/// A repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Repository {
    /// The digest of the manifest that each tag means.
    pub(super) tags: BTreeMap<String, String>,
    /// Manifests by their digest.
    pub(super) manifests: BTreeMap<String, KeptManifest>,
    /// Blobs by their digest.
    pub(super) blobs: BTreeSet<String>,
}

/// A manifest of a repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptManifest {
    /// As others refer to it.
    pub(super) descriptor: Descriptor,
    /// The digest of the manifest that it says something about.
    pub(super) subject: Option<String>,
}

/// All repositories, by name.
pub(super) struct Repositories {
    directory: PathBuf,
    repositories: Mutex<BTreeMap<String, Repository>>,
}

impl Repositories {
    pub(super) fn open(directory: &Path) -> io::Result<Repositories> {
        fs::create_dir_all(directory)?;
        let mut found = BTreeMap::new();
        let mut folders = vec![directory.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.file_name().is_some_and(|name| name == FILE) {
                    let name = folder
                        .strip_prefix(directory)
                        .unwrap_or(&folder)
                        .to_string_lossy()
                        .replace('\\', "/");
                    match serde_json::from_slice(&fs::read(&path)?) {
                        Ok(repository) => drop(found.insert(name, repository)),
                        Err(error) => {
                            tracing::warn!(%error, path = %path.display(), "a repository cannot be read")
                        }
                    }
                }
            }
        }
        Ok(Repositories { directory: directory.to_owned(), repositories: Mutex::new(found) })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Repository>> {
        self.repositories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A repository as it is now.
    pub(super) fn get(&self, name: &str) -> Option<Repository> {
        self.lock().get(name).cloned()
    }

    /// The names of all repositories.
    pub(super) fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Changes a repository, which is made, and writes it. Blocks on the disk for a moment.
    pub(super) fn change<T>(&self, name: &str, change: impl FnOnce(&mut Repository) -> T) -> io::Result<T> {
        let mut repositories = self.lock();
        let before = repositories.get(name).cloned().unwrap_or_default();
        let mut after = before.clone();
        let outcome = change(&mut after);
        if after != before {
            let path = self.directory.join(name).join(FILE);
            if after == Repository::default() {
                fs::remove_file(path)?;
                repositories.remove(name);
            } else {
                write_atomically(&path, &serde_json::to_vec_pretty(&after)?)?;
                repositories.insert(name.to_owned(), after);
            }
        }
        Ok(outcome)
    }

    /// All content that repositories name.
    pub(super) fn named(&self) -> BTreeSet<String> {
        let repositories = self.lock();
        let named = |repository: &Repository| {
            repository.manifests.keys().chain(&repository.blobs).cloned().collect::<Vec<_>>()
        };
        repositories.values().flat_map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_should_outlive_the_process() {
        let directory = tempfile::tempdir().unwrap();
        let repositories = Repositories::open(directory.path()).unwrap();
        for name in ["app", "team/app", "team/app/part"] {
            repositories.change(name, |found| found.tags.insert("1".into(), name.into())).unwrap();
        }
        repositories.change("app", |found| found.tags.clear()).unwrap();
        let again = Repositories::open(directory.path()).unwrap();
        assert_eq!(again.names(), ["team/app", "team/app/part"]);
        assert_eq!(again.get("team/app").unwrap().tags["1"], "team/app");
    }
}
