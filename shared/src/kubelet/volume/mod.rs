//! What a volume holds, decided as data: which files, with which bytes and modes, for the kinds that are made
//! of objects of the API. A kind a file.
//!
//! Follows `pkg/volume` of kubernetes/kubernetes; the messages are those of its `FailedMount` events
//! (`pkg/volume/util/operationexecutor/operation_generator.go`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{KeyToPath, Pod, Volume};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::api::pod_containers::{PodContainer, pod_containers};

mod config_map;
mod downward_api;
mod empty_dir;
pub mod host_path;
mod projected;
mod secret;
pub mod sub_path;
#[cfg(test)]
mod tests;
pub mod token;

pub use empty_dir::{is_local_scratch, memory_bytes};

/// The data of a ConfigMap or a Secret, decoded.
pub type Data = BTreeMap<String, Vec<u8>>;

/// The mode of files of which nothing else is said.
const DEFAULT_MODE: i32 = 0o644;

/// How long a pod waits for its volumes before it is told that they do not come
/// (`podAttachAndMountTimeout` in `pkg/kubelet/volumemanager/volume_manager.go`).
pub const TIMEOUT: SignedDuration = SignedDuration::from_secs(123);

/// A file of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its bytes.
    pub content: Vec<u8>,
    /// Its permission bits.
    pub mode: u32,
}

/// The files of a volume by their paths, which are relative and never go up.
pub type Files = BTreeMap<String, File>;

/// An object of the API of whose namespace the pod is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// A ConfigMap of that name.
    ConfigMap(String),
    /// A Secret of that name.
    Secret(String),
}

/// A token that a volume shows to its pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenRequest {
    /// Whom it is for; empty for the API server.
    pub audience: String,
    /// For how long it is to hold.
    pub expiration_seconds: i64,
}

/// What volumes are made of, as it is now.
pub trait Sources {
    /// The data of a ConfigMap of the pod's namespace; `None` where there is none.
    fn config_map(&self, name: &str) -> Option<Data>;
    /// The data of a Secret of the pod's namespace; `None` where there is none.
    fn secret(&self, name: &str) -> Option<Data>;
    /// A token of the pod's account; the error is why there is none.
    fn token(&self, request: &TokenRequest) -> Result<String, String>;
    /// The node's allocatable resources, for limits that are not set.
    fn allocatable(&self) -> &BTreeMap<String, Quantity>;
}

/// Whether the volume's files are made of objects of the API: [`files`] says which.
pub fn is_made_of_objects(volume: &Volume) -> bool {
    volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.downward_api.is_some()
        || volume.projected.is_some()
}

/// Upstream's name of the plugin for the volume, as it stands in paths.
pub fn plugin(volume: &Volume) -> &'static str {
    match volume {
        Volume { config_map: Some(_), .. } => "kubernetes.io~configmap",
        Volume { secret: Some(_), .. } => "kubernetes.io~secret",
        Volume { downward_api: Some(_), .. } => "kubernetes.io~downward-api",
        Volume { projected: Some(_), .. } => "kubernetes.io~projected",
        Volume { empty_dir: Some(_), .. } => "kubernetes.io~empty-dir",
        Volume { host_path: Some(_), .. } => "kubernetes.io~host-path",
        Volume { image: Some(_), .. } => "kubernetes.io~image",
        _ => "kubernetes.io~none",
    }
}

/// The files of a volume that is made of objects; the error is what stands behind
/// `MountVolume.SetUp failed`.
pub fn files(pod: &Pod, volume: &Volume, sources: &dyn Sources) -> Result<Files, String> {
    if let Some(source) = &volume.config_map {
        return config_map::files(source, sources);
    }
    if let Some(source) = &volume.secret {
        return secret::files(source, sources);
    }
    if let Some(source) = &volume.downward_api {
        return downward_api::files(pod, source, sources);
    }
    volume.projected.as_ref().map_or(Ok(Files::new()), |source| projected::files(pod, source, sources))
}

/// The objects that the pod's volumes are made of.
pub fn references(pod: &Pod) -> BTreeSet<Reference> {
    let mut all = BTreeSet::new();
    for volume in volumes(pod) {
        all.extend(volume.config_map.as_ref().map(|source| Reference::ConfigMap(source.name.clone())));
        let secret = volume.secret.as_ref().and_then(|source| source.secret_name.clone());
        all.extend(secret.map(Reference::Secret));
        for source in volume.projected.iter().flat_map(|source| source.sources.iter().flatten()) {
            all.extend(source.config_map.as_ref().map(|source| Reference::ConfigMap(source.name.clone())));
            all.extend(source.secret.as_ref().map(|source| Reference::Secret(source.name.clone())));
        }
    }
    all
}

/// The tokens that the pod's volumes show.
pub fn tokens(pod: &Pod) -> BTreeSet<TokenRequest> {
    let projected = volumes(pod).filter_map(|volume| volume.projected.as_ref());
    let sources = projected.flat_map(|source| source.sources.iter().flatten());
    sources.filter_map(|source| source.service_account_token.as_ref()).map(projected::request).collect()
}

/// The pod's volumes.
pub fn volumes(pod: &Pod) -> impl Iterator<Item = &Volume> {
    pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten())
}

/// The directories that must be in a volume for others to be mounted upon them, relative to it
/// (`pkg/volume/util/nested_volumes.go`).
pub fn nested_mount_points(pod: &Pod, volume: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for PodContainer { container, .. } in pod.spec.iter().flat_map(pod_containers) {
        let mounts = || container.volume_mounts.iter().flatten();
        for own in mounts().filter(|mount| mount.name == volume && mount.sub_path.is_none()) {
            let base = format!("{}/", own.mount_path.trim_end_matches('/'));
            let inner = mounts().filter_map(|mount| mount.mount_path.strip_prefix(&base));
            found.extend(inner.map(|path| path.trim_matches('/').to_owned()).filter(|path| !path.is_empty()));
        }
    }
    found.into_iter().filter(|path| !path.split('/').any(|part| part.starts_with(".."))).collect()
}

/// The event of a volume that could not be set up, or not be made true again.
pub fn set_up_failed(volume: &str, error: &str) -> String {
    format!("MountVolume.SetUp failed for volume {volume:?} : {error}")
}

/// The event of a pod that waited for its volumes in vain.
pub fn timed_out(unmounted: &[String]) -> String {
    format!(
        "Unable to attach or mount volumes: unmounted volumes=[{}], unattached volumes=[], \
         failed to process volumes=[]: context deadline exceeded",
        unmounted.join(" ")
    )
}

/// The wait before the next try after so many failed ones
/// (`pkg/util/goroutinemap/exponentialbackoff`).
pub fn retry_after(failures: u32) -> SignedDuration {
    const FIRST_MILLIS: i64 = 500;
    const LONGEST: SignedDuration = SignedDuration::from_secs(122);
    let doubled = FIRST_MILLIS.checked_shl(failures.saturating_sub(1).min(20)).unwrap_or(i64::MAX);
    SignedDuration::from_millis(doubled).min(LONGEST)
}

/// Whether something is there though it need not be.
fn is_optional(optional: Option<bool>) -> bool {
    optional == Some(true)
}

/// Permission bits as numbers have them.
fn mode(own: Option<i32>, default: Option<i32>) -> u32 {
    let mode = own.or(default).unwrap_or(DEFAULT_MODE);
    u32::try_from(mode).unwrap_or_default() & 0o777
}

/// The keys of an object as files: all of them, or those that items name, where they name them.
fn chosen(
    data: Data,
    items: Option<&[KeyToPath]>,
    default: Option<i32>,
    optional: bool,
    missing: &str,
) -> Result<Files, String> {
    let file = |content: Vec<u8>, own: Option<i32>| File { content, mode: mode(own, default) };
    let items = items.unwrap_or_default();
    if items.is_empty() {
        return Ok(data.into_iter().map(|(key, content)| (key, file(content, None))).collect());
    }
    let mut files = Files::new();
    for item in items {
        match data.get(&item.key) {
            Some(content) => drop(files.insert(item.path.clone(), file(content.clone(), item.mode))),
            None if optional => {}
            None => return Err(format!("{missing}: {}", item.key)),
        }
    }
    Ok(files)
}
