//! From the name of an image to an image on a node: what the registry has is asked for, fetched where it is not
//! here yet, verified and made ready to run.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use shared::images::credentials::Tracked;
use shared::images::manifest::{
    Configuration, Content, DOCKER_LIST, DOCKER_MANIFEST, Descriptor, INDEX, MANIFEST, Manifest,
};
use shared::images::pulled::{PullSecret, PulledRecord};

use super::content::Digest;
use super::registry::Registry;
use super::remote::{Registries, RegistryOptions, RemoteError, Session};
use super::store::{ImageStore, NodeImages, StoredImage, StoredProgram};
use super::unpack::{Bounds, programs, unpack};
use super::{Image, Reference};

/// A manifest is not larger: what registries take at most.
pub(super) const MANIFEST_BYTES: u64 = 4 << 20;
/// All layers of an image together are not larger.
pub(super) const IMAGE_BYTES: u64 = 2 << 30;
/// A program is not larger: compiling one takes many times its size in memory.
pub(super) const PROGRAM_BYTES: u64 = 256 << 20;
/// For so long a registry may say nothing in the middle of an answer.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// As many lists may lead to a manifest.
const MAX_LISTS: usize = 3;

/// How far a pull is, in bytes.
#[derive(Debug, Default)]
pub struct Progress {
    /// What is here.
    pub done: AtomicU64,
    /// What is wanted; zero until it is known.
    pub total: AtomicU64,
}

/// The images of a cluster: pulls them for its nodes, and keeps its own registry.
pub struct ImageService {
    store: Arc<ImageStore>,
    registries: Arc<Registries>,
    registry: Registry,
    /// What is being fetched: whoever wants the same waits for it.
    under_way: Mutex<BTreeMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

/// A manifest that was chosen, and all that led to it.
struct Resolved {
    /// What the name means.
    digest: Digest,
    /// The digest of the manifest itself.
    manifest_digest: Digest,
    manifest: Manifest,
    /// The bytes of lists and manifest.
    documents: Vec<Vec<u8>>,
}

fn failed(reference: &Reference, error: &str) -> String {
    format!("failed to pull and unpack image \"{reference}\": {error}")
}

fn unresolved(reference: &Reference, error: &str) -> String {
    failed(reference, &format!("failed to resolve reference \"{reference}\": {error}"))
}

/// containerd's sentence about a registry where nobody listens.
#[must_use]
pub fn refused(reference: &Reference) -> String {
    let (host, repository) = (&reference.registry, &reference.repository);
    let name = reference.digest.as_ref().or(reference.tag.as_ref()).map_or("latest", String::as_str);
    let url = format!("https://{host}/v2/{repository}/manifests/{name}");
    unresolved(
        reference,
        &format!("failed to do request: Head {url:?}: dial tcp: connect: connection refused"),
    )
}

impl ImageService {
    /// Opens the images below a directory, which is made.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn open(directory: &Path, options: RegistryOptions) -> io::Result<ImageService> {
        let store = Arc::new(ImageStore::open(directory)?);
        let registry = Registry::open(&directory.join("registry"), store.clone())?;
        let registries = Arc::new(Registries::new(options).map_err(io::Error::other)?);
        Ok(ImageService { store, registries, registry, under_way: Mutex::default() })
    }

    /// What everything is made of.
    #[must_use]
    pub fn store(&self) -> &ImageStore {
        &self.store
    }

    /// The cluster's own registry.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Tells under which names, `localhost:8080`, the cluster's own registry is known.
    pub fn name_own_registry(&self, names: Vec<String>) {
        self.registries.set_own(names, self.registry.router());
    }

    /// The images of a node.
    #[must_use]
    pub fn node(&self, name: &str) -> NodeImages {
        self.store.node(name)
    }

    /// Removes content that neither a node nor the registry names. Blocks on the disk.
    pub fn sweep(&self) {
        self.store.sweep(&self.registry.named());
    }

    /// Pulls an image for a node, with the first of these credentials that the registry takes, and remembers with
    /// which.
    ///
    /// # Errors
    /// containerd's sentence.
    pub async fn pull(
        &self,
        node: &NodeImages,
        reference: &Reference,
        credentials: Vec<Tracked>,
        now: Timestamp,
        progress: &Progress,
    ) -> Result<Arc<Image>, String> {
        let failed = |error: String| failed(reference, &error);
        let unresolved = |error: String| unresolved(reference, &error);
        self.registries.check(&reference.registry).map_err(unresolved)?;
        let (mut session, resolved, source) = self
            .log_in(reference, credentials)
            .await
            .map_err(|errors| aggregate(errors.into_iter().map(unresolved)))?;
        let mut stored =
            self.fetch(&mut session, reference, &resolved, now, progress).await.map_err(failed)?;
        stored.pulled.add(&reference.name(), source);
        let (node, name) = (node.clone(), reference.clone());
        let kept = tokio::task::spawn_blocking(move || {
            node.add(&name, stored)?;
            Ok(node.find(&name))
        });
        let kept = kept.await.map_err(|error| failed(error.to_string()))?;
        let kept = kept.map_err(|error: io::Error| failed(format!("failed to keep it: {error}")))?;
        kept.ok_or_else(|| failed("it was removed again at once".to_owned()))
    }

    /// Asks for the manifest with one after the other, and without any where there are none.
    ///
    /// # Errors
    /// What the registry said each time.
    async fn log_in(
        &self,
        reference: &Reference,
        credentials: Vec<Tracked>,
    ) -> Result<(Session, Resolved, Option<PullSecret>), Vec<String>> {
        let mut all: Vec<Option<Tracked>> = credentials.into_iter().map(Some).collect();
        if all.is_empty() {
            all.push(None);
        }
        let mut refused = Vec::new();
        for tracked in all {
            let (credentials, source) = tracked.map(|found| (found.credentials, found.source)).unzip();
            let (registry, repository) = (&reference.registry, &reference.repository);
            let mut session = Session::new(self.registries.clone(), registry, repository, credentials);
            match self.resolve(&mut session, reference).await {
                Ok(resolved) => return Ok((session, resolved, source)),
                Err(error @ (RemoteError::Denied(_) | RemoteError::Unauthorized(_))) => {
                    refused.push(error.to_string());
                }
                Err(RemoteError::NotFound) => return Err(vec![format!("{reference}: not found")]),
                Err(error) => return Err(vec![error.to_string()]),
            }
        }
        Err(refused)
    }

    /// Gets the manifest that can run here.
    async fn resolve(&self, session: &mut Session, reference: &Reference) -> Result<Resolved, RemoteError> {
        let name = reference.digest.as_ref().or(reference.tag.as_ref());
        let mut name = name.cloned().unwrap_or_else(|| "latest".to_owned());
        let (mut documents, mut meant) = (Vec::new(), None);
        for _ in 0..=MAX_LISTS {
            let bytes = self.manifest(session, &name).await?;
            let digest = Digest::of(&bytes);
            if name.contains(':') && name != digest.as_str() {
                return Err(RemoteError::Failed(format!(
                    "the manifest has the digest {digest} and not {name}"
                )));
            }
            let manifest = Manifest::read(&bytes).map_err(RemoteError::Failed)?;
            documents.push(bytes);
            let meant = meant.get_or_insert_with(|| digest.clone()).clone();
            if !manifest.is_list() {
                return Ok(Resolved { digest: meant, manifest_digest: digest, manifest, documents });
            }
            name = manifest.choose().map_err(RemoteError::Failed)?.digest.clone();
            // A path is made of it.
            name.parse::<Digest>().map_err(RemoteError::Failed)?;
        }
        Err(RemoteError::Failed("lists of manifests lead to lists without an end".to_owned()))
    }

    async fn manifest(&self, session: &mut Session, name: &str) -> Result<Vec<u8>, RemoteError> {
        let accept = [MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_LIST].join(", ");
        let mut answer = session.get("manifests", name, &accept).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = next(&mut answer).await.map_err(RemoteError::Failed)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > MANIFEST_BYTES {
                return Err(RemoteError::Failed(format!(
                    "the manifest is larger than {MANIFEST_BYTES} bytes"
                )));
            }
        }
        Ok(bytes)
    }

    /// Fetches what a manifest names, and makes an image of it.
    async fn fetch(
        &self,
        session: &mut Session,
        reference: &Reference,
        resolved: &Resolved,
        now: Timestamp,
        progress: &Progress,
    ) -> Result<StoredImage, String> {
        let content = resolved.manifest.content()?;
        let (config, layers) = match &content {
            Content::Program { layer, config } => (config.as_ref(), std::slice::from_ref(layer)),
            Content::Files { layers, config } => (Some(config), &layers[..]),
        };
        check_sizes(&content, config, layers)?;
        let configuration = match config {
            Some(config) => self.configuration(session, config, progress).await?,
            None => Configuration::default(),
        };
        if !resolved.manifest.is_compatible() {
            configuration.check_platform()?;
        }
        progress.total.store(layers.iter().map(|layer| layer.size).sum(), Ordering::Relaxed);
        for layer in layers {
            self.blob(session, layer, progress).await?;
        }
        let mut blobs: BTreeSet<String> =
            layers.iter().chain(config).map(|blob| blob.digest.clone()).collect();
        for document in &resolved.documents {
            let kept = self.store.content.put(document).await.map_err(|error| error.to_string())?;
            blobs.insert(kept.to_string());
        }
        let mut image = described(&configuration, resolved, now);
        image.blobs = blobs;
        image.size_bytes = layers.iter().chain(config).map(|blob| blob.size).sum();
        match content {
            Content::Program { layer, .. } => add_program(&mut image, reference, &layer),
            Content::Files { layers, .. } => {
                self.add_files(&mut image, resolved, &configuration, &layers).await?
            }
        }
        Ok(image)
    }

    async fn configuration(
        &self,
        session: &mut Session,
        config: &Descriptor,
        progress: &Progress,
    ) -> Result<Configuration, String> {
        let digest = self.blob(session, config, progress).await?;
        let bytes = self.store.content.read(&digest).map_err(|error| error.to_string())?;
        Configuration::read(&bytes)
    }

    /// Fetches a blob, unless it is here or somebody is fetching it.
    async fn blob(
        &self,
        session: &mut Session,
        blob: &Descriptor,
        progress: &Progress,
    ) -> Result<Digest, String> {
        let digest: Digest = blob.digest.parse()?;
        let turn = {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            under_way.retain(|_, turn| Arc::strong_count(turn) > 1);
            under_way.entry(digest.clone()).or_default().clone()
        };
        let _turn = turn.lock().await;
        if self.store.content.refresh(&digest) {
            progress.done.fetch_add(blob.size, Ordering::Relaxed);
            return Ok(digest);
        }
        let copied = self.copy(session, blob, &digest, progress).await;
        copied.map_err(|error| format!("failed to copy {digest}: {error}"))?;
        Ok(digest)
    }

    async fn copy(
        &self,
        session: &mut Session,
        blob: &Descriptor,
        digest: &Digest,
        progress: &Progress,
    ) -> Result<(), String> {
        let mut answer =
            session.get("blobs", digest.as_str(), "*/*").await.map_err(|error| error.to_string())?;
        let mut ingest = self.store.content.begin().await.map_err(|error| error.to_string())?;
        while let Some(chunk) = next(&mut answer).await? {
            if ingest.length() + chunk.len() as u64 > blob.size {
                return Err(format!("it is longer than the {} bytes that the manifest promises", blob.size));
            }
            ingest.write(&chunk).await.map_err(|error| error.to_string())?;
            progress.done.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
        if ingest.length() != blob.size {
            return Err(format!("it ends after {} of {} bytes", ingest.length(), blob.size));
        }
        self.store.content.keep(ingest, digest).await.map_err(|error| error.to_string())
    }

    /// Unpacks an ordinary image, unless it was, and looks for its programs.
    async fn add_files(
        &self,
        image: &mut StoredImage,
        resolved: &Resolved,
        configuration: &Configuration,
        layers: &[Descriptor],
    ) -> Result<(), String> {
        let root = self.store.root(&resolved.manifest_digest);
        let mut promised = configuration.rootfs.diff_ids.iter().cloned();
        let mut files: Vec<(PathBuf, Option<String>)> = Vec::new();
        for layer in layers {
            files.push((self.store.content.path(&layer.digest.parse()?), promised.next()));
        }
        let unpacked = tokio::task::spawn_blocking(move || {
            if !root.is_dir() {
                let parent = root.parent().ok_or("no place for the image's files")?;
                std::fs::create_dir_all(parent).map_err(|error| error.to_string())?;
                let partial = tempfile::Builder::new().prefix(".partial-").tempdir_in(parent);
                let partial = partial.map_err(|error| error.to_string())?;
                unpack(&files, &partial.path().join("root"), Bounds::default())?;
                match std::fs::rename(partial.path().join("root"), &root) {
                    Err(error) if !root.is_dir() => return Err(error.to_string()),
                    _ => {}
                }
            }
            programs(&root).map_err(|error| error.to_string())
        });
        let found = unpacked.await.map_err(|error| error.to_string())??;
        image.files = Some(resolved.manifest_digest.to_string());
        let program = |(path, digest): (String, Digest)| StoredProgram {
            digest: digest.to_string(),
            commands: vec![path.clone()],
            path: Some(path),
        };
        image.programs = found.into_iter().map(program).collect();
        Ok(())
    }
}

/// Many sentences as one, each of them once: `NewAggregate` of kubernetes/apimachinery.
fn aggregate(errors: impl Iterator<Item = String>) -> String {
    let mut different: Vec<String> = Vec::new();
    for error in errors {
        if !different.contains(&error) {
            different.push(error);
        }
    }
    match different.as_slice() {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    }
}

/// The next piece of an answer's body.
async fn next(answer: &mut Response<Body>) -> Result<Option<bytes::Bytes>, String> {
    loop {
        let frame = tokio::time::timeout(SILENCE_LIMIT, answer.body_mut().frame()).await;
        let frame =
            frame.map_err(|_| format!("the registry said nothing for {} s", SILENCE_LIMIT.as_secs()))?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(format!("the registry broke off: {error}")),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

fn check_sizes(content: &Content, config: Option<&Descriptor>, layers: &[Descriptor]) -> Result<(), String> {
    let total = layers.iter().try_fold(0_u64, |sum, layer| sum.checked_add(layer.size));
    let limit = if matches!(content, Content::Program { .. }) { PROGRAM_BYTES } else { IMAGE_BYTES };
    match total {
        Some(total) if total <= limit => {}
        _ => return Err(format!("its content is larger than {limit} bytes, which is as much as is pulled")),
    }
    match config {
        Some(config) if config.size > MANIFEST_BYTES => {
            Err(format!("its configuration is larger than {MANIFEST_BYTES} bytes"))
        }
        _ => Ok(()),
    }
}

/// What the configuration says, before any content.
fn described(configuration: &Configuration, resolved: &Resolved, now: Timestamp) -> StoredImage {
    let execution = &configuration.config;
    StoredImage {
        digest: resolved.digest.to_string(),
        repositories: BTreeSet::new(),
        tags: BTreeSet::new(),
        blobs: BTreeSet::new(),
        size_bytes: 0,
        files: None,
        entrypoint: execution.entrypoint.clone(),
        cmd: execution.cmd.clone(),
        env: configuration.variables().collect(),
        working_dir: if execution.working_dir.is_empty() {
            "/".into()
        } else {
            execution.working_dir.clone()
        },
        exposed_ports: configuration.tcp_ports().collect(),
        programs: Vec::new(),
        detected: now,
        last_used: None,
        pulled: PulledRecord::default(),
    }
}

/// The one program of an artifact, under the artifact's name: by that, or as a file of it, it is started. `/` is how
/// manifests for other runtimes name it.
fn add_program(image: &mut StoredImage, reference: &Reference, layer: &Descriptor) {
    let title = layer.annotations.get("org.opencontainers.image.title").map(String::as_str);
    let own = reference.repository.rsplit('/').next().unwrap_or_default();
    let name =
        title.and_then(|title| title.rsplit('/').next()).filter(|title| !title.is_empty()).unwrap_or(own);
    let name = name.strip_suffix(".wasm").unwrap_or(name).to_owned();
    let mut commands = vec![name.clone(), format!("/{name}.wasm"), format!("/{name}"), "/".to_owned()];
    if image.entrypoint.is_empty() {
        image.entrypoint = vec![name];
    }
    commands.extend(image.entrypoint.first().cloned());
    commands.dedup();
    image.programs = vec![StoredProgram { digest: layer.digest.clone(), path: None, commands }];
}

#[cfg(test)]
mod tests;
