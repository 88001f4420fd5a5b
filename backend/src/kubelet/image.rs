//! The images of a node: from a name in a pod to a program that can be started.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use shared::kubelet::action::{PullError, Pulled};
use tokio::sync::OnceCell;

use crate::images::builtin::{CATALOG, not_found, resolve};
use crate::images::{Image, ProgramFile, Reference, ReferenceError};
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
    /// What the program brings along, by name.
    builtin: BTreeMap<&'static str, Result<Arc<Image>, String>>,
    /// Ready programs by their digest; whoever needs one that is being made ready waits for it.
    programs: Mutex<BTreeMap<String, Arc<OnceCell<Arc<Program>>>>>,
}

impl Images {
    pub(super) fn new(runtime: Runtime, components: Arc<Components>) -> Images {
        let builtin = CATALOG.iter().map(|builtin| (builtin.name, builtin.image().map(Arc::new))).collect();
        Images { runtime, components, builtin, programs: Mutex::default() }
    }

    /// What the name means, without fetching anything.
    pub(super) fn find(&self, name: &str, source: Source) -> Result<Found, PullError> {
        if source == Source::File && self.components.get(name).is_some() {
            return Ok(Found::Component);
        }
        let reference: Reference = name.parse().map_err(|error: ReferenceError| PullError {
            reason: "InvalidImageName",
            message: format!(
                "Failed to apply default image tag {name:?}: couldn't parse image name {name:?}: {error}"
            ),
        })?;
        let builtin = resolve(&reference).and_then(|builtin| self.builtin.get(builtin.name));
        let builtin = builtin.cloned().unwrap_or_else(|| Err(not_found(&reference)));
        builtin.map(Found::Image).map_err(not_pulled)
    }

    /// Whether the name is a good one of an image that is not on the node.
    pub(super) fn is_absent(&self, name: &str, source: Source) -> bool {
        self.find(name, source).is_err_and(|error| error.reason == "ErrImagePull")
    }

    /// Makes the image's programs ready, and tells what the `Pulled` event says.
    pub(super) async fn pull(&self, name: &str, source: Source) -> Result<Pulled, PullError> {
        let image = match self.find(name, source)? {
            Found::Image(image) => image,
            Found::Component => {
                let message = format!("{}: it is a part of this program", present(name));
                return Ok(Pulled { image_id: repo_digest(name, &component_digest(name)), message });
            }
        };
        let start = Instant::now();
        for executable in &image.executables {
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

/// Of an image that need not be fetched.
fn present(name: &str) -> String {
    format!("Container image {name:?} already present on machine and can be accessed by the pod")
}

/// The id of an image as container runtimes report it: where it was named, and what it is.
fn repo_digest(name: &str, digest: &str) -> String {
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
    use crate::runtime::RuntimeOptions;

    fn images(components: Components) -> Images {
        Images::new(Runtime::new(RuntimeOptions::default()).unwrap(), Arc::new(components))
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
        assert!(images.is_absent(SCHEDULER, Source::Api));
        let refused = images.pull(SCHEDULER, Source::Api).await.unwrap_err();
        assert_eq!(refused.reason, "ErrImagePull");
        let pulled = images.pull(SCHEDULER, Source::File).await.unwrap();
        assert!(pulled.image_id.starts_with("registry.k8s.io/kube-scheduler@sha256:"), "{}", pulled.image_id);
    }
}
