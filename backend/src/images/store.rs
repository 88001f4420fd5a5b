//! The images of a cluster's nodes: content once for all of them, and for each node a table of what it has.
//!
//! `DATA/images/blobs/sha256/*` is what registries sent, verified; `roots/*` are the files of ordinary images,
//! unpacked; `nodes/*.json` are the tables. A table is written whole before anyone is told, so after a crash it
//! names nothing that is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ContainerImage;
use serde::{Deserialize, Serialize};
use shared::images::collection::Record;
use shared::images::pulled::{PullSecret, PulledRecord};

use super::Reference;
use super::content::{Content, Digest, write_atomically};
use super::image::{Executable, Image, ProgramFile, Root};

/// Content that nobody names stays for so long: a pull or a push may be about to name it.
const YOUNG: Duration = Duration::from_secs(3600);

/// An image that a node has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredImage {
    /// The digest by which the registry knows it: that of its manifest, or of the list it was chosen from.
    pub digest: String,
    /// The repositories that it came from, `docker.io/team/app`.
    pub repositories: BTreeSet<String>,
    /// Its names with their tags.
    pub tags: BTreeSet<String>,
    /// Everything it is made of.
    pub blobs: BTreeSet<String>,
    /// All of that, in bytes.
    pub size_bytes: u64,
    /// The digest of the manifest, by which its files are found, if it has any.
    pub files: Option<String>,
    /// What runs without `command`.
    pub entrypoint: Vec<String>,
    /// The arguments without `args`.
    pub cmd: Vec<String>,
    /// Its variables.
    pub env: Vec<(String, String)>,
    /// Where its programs start.
    pub working_dir: String,
    /// The ports it declares.
    pub exposed_ports: Vec<u16>,
    /// Its programs.
    pub programs: Vec<StoredProgram>,
    /// When it came.
    pub detected: Timestamp,
    /// When a container of it was last seen.
    pub last_used: Option<Timestamp>,
    /// With whose credentials it came; of what an older version fetched nothing is known.
    #[serde(default)]
    pub pulled: PulledRecord,
}

/// A program of an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredProgram {
    /// The digest of its bytes.
    pub digest: String,
    /// The path of its file among the image's files; without one it is content by its digest.
    pub path: Option<String>,
    /// The commands that start it.
    pub commands: Vec<String>,
}

#[cfg(test)]
impl StoredImage {
    /// An image of one program, for tests.
    pub(crate) fn of_program(digest: &str, size_bytes: u64) -> StoredImage {
        StoredImage {
            digest: digest.to_owned(),
            repositories: BTreeSet::new(),
            tags: BTreeSet::new(),
            blobs: BTreeSet::from([digest.to_owned()]),
            size_bytes,
            files: None,
            entrypoint: vec!["app".into()],
            cmd: vec![],
            env: vec![],
            working_dir: "/".into(),
            exposed_ports: vec![],
            programs: vec![StoredProgram {
                digest: digest.to_owned(),
                path: None,
                commands: vec!["app".into()],
            }],
            detected: Timestamp::UNIX_EPOCH,
            last_used: None,
            pulled: PulledRecord::default(),
        }
    }
}

/// Images by their digest.
type Table = BTreeMap<String, StoredImage>;

/// The images of a cluster.
pub struct ImageStore {
    directory: PathBuf,
    /// What everything is made of.
    pub content: Content,
    nodes: Mutex<BTreeMap<String, Table>>,
}

impl ImageStore {
    /// Opens the images below a directory, which is made.
    ///
    /// # Errors
    /// When the disk refuses. A table that cannot be read is left aside: its images are pulled again.
    pub fn open(directory: &Path) -> io::Result<ImageStore> {
        let content = Content::open(directory)?;
        let mut nodes = BTreeMap::new();
        for entry in fs::read_dir(directory.join("nodes")).into_iter().flatten().flatten() {
            let path = entry.path();
            let Some(node) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) else {
                continue;
            };
            match serde_json::from_slice::<Table>(&fs::read(&path)?) {
                Ok(table) => drop(nodes.insert(node.to_owned(), table)),
                Err(error) => {
                    tracing::warn!(%error, path = %path.display(), "a node's images are not known any more")
                }
            }
        }
        let store = ImageStore { directory: directory.to_owned(), content, nodes: Mutex::new(nodes) };
        store.forget_incomplete();
        Ok(store)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Table>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets images of which something is missing.
    fn forget_incomplete(&self) {
        for table in self.lock().values_mut() {
            table.retain(|_, image| self.is_complete(image));
        }
    }

    fn is_complete(&self, image: &StoredImage) -> bool {
        let has =
            |digest: &String| digest.parse().is_ok_and(|digest: Digest| self.content.size(&digest).is_some());
        let has_files = image.files.as_ref().is_none_or(|manifest| {
            manifest.parse().is_ok_and(|manifest: Digest| self.root(&manifest).is_dir())
        });
        has_files && image.blobs.iter().all(has)
    }

    /// Where the files of an image lie, by the digest of its manifest.
    pub(super) fn root(&self, manifest: &Digest) -> PathBuf {
        self.directory.join("roots").join(manifest.hex())
    }

    /// A node's part.
    #[must_use]
    pub fn node(self: &Arc<Self>, name: &str) -> NodeImages {
        NodeImages { store: self.clone(), node: name.to_owned() }
    }

    /// What nodes have, each image with the name of its node.
    pub fn by_node(&self) -> Vec<(String, StoredImage)> {
        let nodes = self.lock();
        let of = |(node, table): (&String, &Table)| {
            table.values().map(|image| (node.clone(), image.clone())).collect::<Vec<_>>()
        };
        nodes.iter().flat_map(of).collect()
    }

    /// Removes content that neither a node nor anybody else names. Blocks on the disk.
    pub fn sweep(&self, others: &BTreeSet<String>) {
        let (mut blobs, mut roots) = (others.clone(), BTreeSet::new());
        for image in self.lock().values().flat_map(BTreeMap::values) {
            blobs.extend(image.blobs.iter().cloned());
            roots.extend(image.files.as_ref().and_then(|manifest| manifest.parse::<Digest>().ok()));
        }
        self.content.sweep(|digest| blobs.contains(digest.as_str()), YOUNG);
        for entry in fs::read_dir(self.directory.join("roots")).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let age =
                entry.metadata().and_then(|found| found.modified()).ok().and_then(|time| time.elapsed().ok());
            if age.is_some_and(|age| age >= YOUNG)
                && !roots.iter().any(|root| name.to_str() == Some(root.hex()))
                && let Err(error) = fs::remove_dir_all(entry.path())
            {
                tracing::warn!(%error, path = %entry.path().display(), "an image's files were not removed");
            }
        }
    }
}

/// The images of one node.
#[derive(Clone)]
pub struct NodeImages {
    store: Arc<ImageStore>,
    node: String,
}

impl NodeImages {
    /// The images of all nodes.
    #[must_use]
    pub fn store(&self) -> &Arc<ImageStore> {
        &self.store
    }

    /// Changes the node's table and writes it. Blocks on the disk.
    fn change<T>(&self, change: impl FnOnce(&mut Table) -> T) -> io::Result<T> {
        let mut nodes = self.store.lock();
        let table = nodes.entry(self.node.clone()).or_default();
        let mut changed = table.clone();
        let outcome = change(&mut changed);
        if changed != *table {
            let text = serde_json::to_vec_pretty(&changed)?;
            write_atomically(&self.store.directory.join("nodes").join(format!("{}.json", self.node)), &text)?;
            *table = changed;
        }
        Ok(outcome)
    }

    fn read<T>(&self, read: impl FnOnce(&Table) -> T) -> T {
        read(self.store.lock().get(&self.node).unwrap_or(&Table::new()))
    }

    /// Keeps an image under a name; a tag leaves the image that had it. Blocks on the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn add(&self, reference: &Reference, mut image: StoredImage) -> io::Result<()> {
        self.change(|table| {
            let tag = Reference { digest: None, ..reference.clone() };
            let tag = tag.tag.is_some().then(|| tag.to_string());
            for other in table.values_mut() {
                other.tags.retain(|own| Some(own) != tag.as_ref());
            }
            if let Some(known) = table.get(&image.digest) {
                image.repositories.extend(known.repositories.iter().cloned());
                image.tags.extend(known.tags.iter().cloned());
                (image.detected, image.last_used) = (known.detected, known.last_used);
                let new = std::mem::replace(&mut image.pulled, known.pulled.clone());
                image.pulled.merge(new);
            }
            image.repositories.insert(reference.name());
            image.tags.extend(tag);
            table.insert(image.digest.clone(), image);
        })
    }

    /// The image of this name, if the node has it.
    #[must_use]
    pub fn find(&self, reference: &Reference) -> Option<Arc<Image>> {
        let stored = self.read(|table| named(table, reference).cloned());
        stored.map(|stored| Arc::new(self.image(stored)))
    }

    /// With whose credentials the image of this name came, if the node has it.
    #[must_use]
    pub fn pulled(&self, reference: &Reference) -> Option<PulledRecord> {
        self.read(|table| named(table, reference).map(|image| image.pulled.clone()))
    }

    /// Remembers a Secret that opens the image of this name, too. Blocks on the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn learn(&self, reference: &Reference, secret: PullSecret) -> io::Result<()> {
        self.change(|table| {
            let digest = named(table, reference).map(|image| image.digest.clone());
            if let Some(image) = digest.and_then(|digest| table.get_mut(&digest)) {
                image.pulled.add(&reference.name(), Some(secret));
            }
        })
    }

    fn image(&self, stored: StoredImage) -> Image {
        let manifest = stored.files.as_ref().and_then(|manifest| manifest.parse::<Digest>().ok());
        let root = manifest.map(|manifest| self.store.root(&manifest));
        let executable = |program: StoredProgram| {
            let path = match (&root, &program.path) {
                (Some(root), Some(path)) => root.join(path.trim_start_matches('/')),
                _ => {
                    program.digest.parse().map(|digest| self.store.content.path(&digest)).unwrap_or_default()
                }
            };
            Executable {
                program: ProgramFile::Stored { digest: program.digest, path },
                commands: program.commands,
                drains_on_stdin_close: false,
            }
        };
        let executables = stored.programs.into_iter().map(executable).collect();
        Image {
            digest: stored.digest,
            size_bytes: stored.size_bytes,
            description: None,
            entrypoint: stored.entrypoint,
            cmd: stored.cmd,
            option_command: None,
            env: stored.env,
            working_dir: stored.working_dir,
            exposed_ports: stored.exposed_ports,
            executables,
            root: root.map_or(Root::Empty, Root::Directory),
        }
    }

    /// What the node's status says: names by digest, then by tag.
    #[must_use]
    pub fn list(&self) -> Vec<ContainerImage> {
        let told = |image: &StoredImage| {
            let digests =
                image.repositories.iter().map(|repository| format!("{repository}@{}", image.digest));
            ContainerImage {
                names: Some(digests.chain(image.tags.iter().cloned()).collect()),
                size_bytes: i64::try_from(image.size_bytes).ok(),
            }
        };
        self.read(|table| table.values().map(told).collect())
    }

    /// What is known of each image for their collection; those of which containers are made count as used now.
    /// Blocks on the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn records(&self, used: &BTreeSet<String>, now: Timestamp) -> io::Result<Vec<Record>> {
        self.change(|table| {
            let record = |image: &mut StoredImage| {
                let is_used = used.contains(&image.digest);
                image.last_used = if is_used { Some(now) } else { image.last_used };
                Record {
                    id: image.digest.clone(),
                    size_bytes: image.size_bytes,
                    detected: image.detected,
                    last_used: image.last_used,
                    is_used,
                }
            };
            table.values_mut().map(record).collect()
        })
    }

    /// Forgets an image; its content goes with the next sweep. Blocks on the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn remove(&self, digest: &str) -> io::Result<()> {
        self.change(|table| drop(table.remove(digest)))
    }
}

/// The image of a table that a name means.
fn named<'a>(table: &'a Table, reference: &Reference) -> Option<&'a StoredImage> {
    match &reference.digest {
        Some(digest) => table.get(digest).filter(|image| image.repositories.contains(&reference.name())),
        None => table.values().find(|image| image.tags.contains(&reference.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image of one program with this content.
    async fn image(store: &ImageStore, program: &str) -> StoredImage {
        let digest = store.content.put(program.as_bytes()).await.unwrap();
        StoredImage::of_program(digest.as_str(), program.len() as u64)
    }

    fn reference(text: &str) -> Reference {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn images_should_outlive_the_process_and_belong_to_their_node() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(ImageStore::open(directory.path()).unwrap());
        let node = store.node("node-1");
        let one = image(&store, "one").await;
        node.add(&reference("r.io/app:1"), one.clone()).unwrap();
        drop((node, store));

        let store = Arc::new(ImageStore::open(directory.path()).unwrap());
        let found = store.node("node-1").find(&reference("r.io/app:1")).unwrap();
        assert_eq!(found.digest, one.digest);
        assert_eq!(&found.executables[0].program.read().unwrap()[..], b"one");
        assert!(store.node("node-2").find(&reference("r.io/app:1")).is_none());
        let names = store.node("node-1").list().remove(0).names.unwrap();
        assert_eq!(names, [format!("r.io/app@{}", one.digest), "r.io/app:1".to_owned()]);
    }

    #[tokio::test]
    async fn a_tag_should_move_and_a_digest_stay() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(ImageStore::open(directory.path()).unwrap());
        let node = store.node("node-1");
        let (one, two) = (image(&store, "one").await, image(&store, "two").await);
        node.add(&reference("r.io/app"), one.clone()).unwrap();
        node.add(&reference("r.io/app"), two.clone()).unwrap();
        let digest_of = |text: &str| node.find(&reference(text)).map(|image| image.digest.clone());
        assert_eq!(digest_of("r.io/app"), Some(two.digest.clone()));
        assert_eq!(digest_of(&format!("r.io/app@{}", one.digest)), Some(one.digest.clone()));
        assert_eq!(digest_of(&format!("r.io/other@{}", one.digest)), None);
        assert_eq!(digest_of("r.io/app:2"), None);
    }

    #[tokio::test]
    async fn an_image_of_which_something_is_lost_should_be_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(ImageStore::open(directory.path()).unwrap());
        let (one, two) = (image(&store, "one").await, image(&store, "two").await);
        store.node("n").add(&reference("r.io/one"), one.clone()).unwrap();
        store.node("n").add(&reference("r.io/two"), two).unwrap();
        fs::remove_file(store.content.path(&one.digest.parse().unwrap())).unwrap();
        let store = Arc::new(ImageStore::open(directory.path()).unwrap());
        assert!(store.node("n").find(&reference("r.io/one")).is_none());
        assert!(store.node("n").find(&reference("r.io/two")).is_some());
        fs::write(directory.path().join("nodes/n.json"), "{").unwrap();
        let store = Arc::new(ImageStore::open(directory.path()).unwrap());
        assert!(store.node("n").list().is_empty());
    }

    #[tokio::test]
    async fn used_images_should_be_known_as_such() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(ImageStore::open(directory.path()).unwrap());
        let node = store.node("n");
        let one = image(&store, "one").await;
        node.add(&reference("r.io/one"), one.clone()).unwrap();
        let now = Timestamp::from_second(7).unwrap();
        let used = BTreeSet::from([one.digest.clone()]);
        assert!(node.records(&used, now).unwrap()[0].is_used);
        let later = node.records(&BTreeSet::new(), Timestamp::from_second(9).unwrap()).unwrap();
        assert_eq!((later[0].is_used, later[0].last_used), (false, Some(now)));
        node.remove(&one.digest).unwrap();
        assert!(node.find(&reference("r.io/one")).is_none());
    }
}
