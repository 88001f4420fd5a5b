//! The images of a node: from a name in a pod to a program that can be started.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use k8s_openapi::api::core::v1::ContainerImage;
use shared::images::node_list::node_list;
use shared::images::pull::{Decision, Presence, decide, present};
use shared::images::pulled::{Access, PullSecret};
use shared::kubelet::action::{PullError, Pulled};
use shared::kubelet::node_status::Machine;
use tokio::sync::{OnceCell, Semaphore};

use crate::images::builtin::{CATALOG, advice, resolve};
use crate::images::{Image, ImageService, NodeImages, ProgramFile, Reference, ReferenceError};
use crate::runtime::{Program, Runtime};

use super::component::Components;
use super::pod::blocking;

/// What a name of an image means here.
#[derive(Clone)]
pub(super) enum Found {
    /// An image with WebAssembly programs.
    Image(Arc<Image>),
    /// A part of this program.
    Component,
}

/// Where a pod comes from (`pkg/kubelet/types/pod_update.go`). What the pod says of itself is no proof:
/// anyone can write its annotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A manifest of the node: only such a pod can be a part of this program.
    File,
    /// The API.
    Api,
}

/// The images of one node, and their programs ready to run.
pub(super) struct Images {
    runtime: Runtime,
    components: Arc<Components>,
    /// The images of the cluster.
    pub(super) service: Arc<ImageService>,
    /// Those that the node has from registries.
    pub(super) stored: NodeImages,
    /// One pull goes on at a time (`serializeImagePulls`).
    pub(super) turn: Semaphore,
    /// What the node tells of images that need no registry.
    told: Vec<ContainerImage>,
    /// What the program brings along, by name.
    builtin: BTreeMap<&'static str, Result<Arc<Image>, String>>,
    /// Ready programs by their digest; whoever needs one that is being made ready waits for it.
    programs: Mutex<BTreeMap<String, Arc<OnceCell<Arc<Program>>>>>,
}

impl Images {
    pub(super) fn new(
        machine: &Machine,
        runtime: Runtime,
        components: Arc<Components>,
        service: Arc<ImageService>,
    ) -> Images {
        let (stored, told) = (service.node(&machine.name), machine.images.clone());
        let builtin = CATALOG.iter().map(|builtin| (builtin.name, builtin.image().map(Arc::new))).collect();
        let turn = Semaphore::new(1);
        Images { runtime, components, service, stored, turn, told, builtin, programs: Mutex::default() }
    }

    /// The images that the node tells of.
    pub(super) fn list(&self) -> Vec<ContainerImage> {
        node_list([self.told.clone(), self.stored.list()].concat())
    }

    /// What to do about the image of a container, by its pull policy. What the program brings along is never
    /// fetched.
    pub(super) fn decide(&self, name: &str, policy: Option<&str>, source: Source) -> Decision {
        match self.find(name, source) {
            Ok(Found::Image(image)) if image.description.is_none() => {
                decide(name, policy, self.presence(name))
            }
            Ok(_) => Decision::Use,
            Err(error) if error.reason == ABSENT => decide(name, policy, Presence::Absent),
            Err(error) => Decision::Refuse(error),
        }
    }

    /// What the node has of an image from a registry, before the pod's Secrets are known.
    fn presence(&self, name: &str) -> Presence {
        let reference = name.parse::<Reference>().ok();
        let record =
            reference.and_then(|reference| Some((self.stored.pulled(&reference)?, reference.name())));
        match record {
            None => Presence::Absent,
            Some((record, repository)) if record.is_open(&repository) => Presence::Accessible,
            Some(_) => Presence::Guarded,
        }
    }

    /// What the node has of an image for a pod with these Secrets. Blocks on the disk.
    pub(super) fn verify(&self, reference: &Reference, secrets: &[PullSecret]) -> Presence {
        let Some(record) = self.stored.pulled(reference) else { return Presence::Absent };
        match record.access(&reference.name(), secrets) {
            Access::Unknown => Presence::Withheld,
            Access::Granted(learnt) => {
                let learnt = learnt.map_or(Ok(()), |secret| self.stored.learn(reference, secret));
                if let Err(error) = learnt {
                    tracing::warn!(%error, image = %reference, "a Secret that opens an image was not remembered");
                }
                Presence::Accessible
            }
        }
    }

    /// What the name means, without fetching anything.
    pub(super) fn find(&self, name: &str, source: Source) -> Result<Found, PullError> {
        if source == Source::File && self.components.get(name).is_some() {
            return Ok(Found::Component);
        }
        let reference = read(name)?;
        if let Some(builtin) = resolve(&reference).and_then(|builtin| self.builtin.get(builtin.name)) {
            return builtin.clone().map(Found::Image).map_err(not_pulled);
        }
        let message = || format!("Container image {name:?} is not present on machine");
        let stored = self.stored.find(&reference).map(Found::Image);
        stored.ok_or_else(|| PullError { reason: ABSENT, message: message() })
    }

    /// Makes the programs of an image that is here ready, and tells what the `Pulled` event says. Those of a
    /// stranger wait until they are started: then it is the container that fails.
    pub(super) async fn make_present(&self, name: &str, source: Source) -> Result<Pulled, PullError> {
        let image = match self.find(name, source)? {
            Found::Image(image) => image,
            Found::Component => {
                let message = format!("{}: it is a part of this program", present(name));
                return Ok(Pulled { image_id: repo_digest(name, &component_digest(name)), message });
            }
        };
        let start = Instant::now();
        for executable in image.executables.iter().filter(|_| image.description.is_some()) {
            self.program(&executable.program).await.map_err(not_pulled)?;
        }
        tracing::debug!(image = name, elapsed = ?start.elapsed(), "image ready");
        let message = match &image.description {
            Some(description) => format!("{}: it is {description}", present(name)),
            None => present(name),
        };
        Ok(Pulled { image_id: repo_digest(name, &image.digest), message })
    }

    /// A program, loaded or compiled once.
    pub(super) async fn program(&self, file: &ProgramFile) -> Result<Arc<Program>, String> {
        let program = {
            let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
            programs.entry(file.digest().to_owned()).or_default().clone()
        };
        program.get_or_try_init(|| self.make_ready(file)).await.cloned()
    }

    async fn make_ready(&self, file: &ProgramFile) -> Result<Arc<Program>, String> {
        if let ProgramFile::Embedded(embedded) = file
            && !embedded.precompiled.is_empty()
            && let Ok(program) = self.runtime.load_precompiled(embedded.precompiled)
        {
            return Ok(program);
        }
        let bytes = file.clone();
        let wasm = blocking(move || bytes.read().map_err(|error| error.to_string())).await.flatten()?;
        self.runtime.compile(wasm).await.map_err(|error| error.to_string())
    }
}

fn not_pulled(message: String) -> PullError {
    PullError { reason: "ErrImagePull", message }
}

/// The reason of an image that is not on the node.
const ABSENT: &str = "ErrImagePull";

/// A name as a pod has it.
pub(super) fn read(name: &str) -> Result<Reference, PullError> {
    name.parse().map_err(|error: ReferenceError| PullError {
        reason: "InvalidImageName",
        message: format!(
            "Failed to apply default image tag {name:?}: couldn't parse image name {name:?}: {error}"
        ),
    })
}

/// Why a pull failed, with what a beginner may have meant.
pub(super) fn explained(reference: &Reference, error: String) -> PullError {
    let is_hub = reference.registry == "docker.io";
    not_pulled(if is_hub { format!("{error} ({})", advice(reference)) } else { error })
}

/// The id of an image as container runtimes report it: where it was named, and what it is.
pub(super) fn repo_digest(name: &str, digest: &str) -> String {
    match name.parse::<Reference>() {
        Ok(reference) => format!("{}@{digest}", reference.name()),
        Err(_) => digest.to_owned(),
    }
}

/// The digest of a part of this program: its name and version are its content.
fn component_digest(name: &str) -> String {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    hasher.update(name.as_bytes());
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    let digest: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::RegistryOptions;
    use crate::runtime::RuntimeOptions;

    fn images(components: Components) -> Images {
        let directory = tempfile::tempdir().unwrap();
        let service = ImageService::open(directory.path(), RegistryOptions::default()).unwrap();
        let machine = crate::machine::describe("n", std::net::Ipv4Addr::LOCALHOST, directory.path());
        let runtime = Runtime::new(RuntimeOptions::default()).unwrap();
        Images::new(&machine, runtime, Arc::new(components), Arc::new(service))
    }

    #[test]
    fn image_id_should_be_the_repository_with_the_digest() {
        for name in ["nginx", "docker.io/nginx:1.27", "index.docker.io/library/nginx"] {
            assert_eq!(repo_digest(name, "sha256:0f"), "docker.io/library/nginx@sha256:0f");
        }
    }

    #[tokio::test]
    async fn only_a_pod_of_the_nodes_own_should_be_a_part_of_the_program() {
        const SCHEDULER: &str = "registry.k8s.io/kube-scheduler:v1";
        let mut components = Components::default();
        components.add("kube-scheduler", Arc::new(|_| Box::pin(async { 0 })));
        let images = images(components);
        assert!(matches!(images.find(SCHEDULER, Source::File), Ok(Found::Component)));
        assert_eq!(images.decide(SCHEDULER, Some("Always"), Source::File), Decision::Use);
        assert_eq!(images.decide(SCHEDULER, None, Source::Api), Decision::Pull);
        let refused = images.make_present(SCHEDULER, Source::Api).await.unwrap_err();
        assert_eq!(refused.reason, "ErrImagePull");
        let pulled = images.make_present(SCHEDULER, Source::File).await.unwrap();
        assert!(pulled.image_id.starts_with("registry.k8s.io/kube-scheduler@sha256:"), "{}", pulled.image_id);
    }
}
