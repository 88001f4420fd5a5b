//! The images of a node: from a name in a pod to a program that can be started.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use shared::kubelet::action::{PullError, Pulled};
use tokio::sync::Mutex;

use crate::assets::Embedded;
use crate::images::builtin::{Builtin, not_found, resolve};
use crate::images::{Reference, ReferenceError};
use crate::runtime::{Program, Runtime};

use super::component::Components;

/// What an image is here.
#[derive(Clone)]
pub(super) enum Image {
    /// A WebAssembly image that this program brings along.
    Builtin(&'static Builtin),
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
    programs: Mutex<BTreeMap<&'static str, Arc<Program>>>,
}

impl Images {
    pub(super) fn new(runtime: Runtime, components: Arc<Components>) -> Images {
        Images { runtime, components, programs: Mutex::default() }
    }

    /// What the name means, without fetching anything.
    pub(super) fn find(&self, name: &str, source: Source) -> Result<Image, PullError> {
        if source == Source::File && self.components.get(name).is_some() {
            return Ok(Image::Component);
        }
        let reference: Reference = name.parse().map_err(|error: ReferenceError| PullError {
            reason: "InvalidImageName",
            message: format!(
                "Failed to apply default image tag {name:?}: couldn't parse image name {name:?}: {error}"
            ),
        })?;
        let builtin = resolve(&reference).map(Image::Builtin);
        builtin.ok_or_else(|| PullError { reason: "ErrImagePull", message: not_found(&reference) })
    }

    /// Whether the name is a good one of an image that is not on the node.
    pub(super) fn is_absent(&self, name: &str, source: Source) -> bool {
        self.find(name, source).is_err_and(|error| error.reason == "ErrImagePull")
    }

    /// Makes the image's programs ready, and tells what the `Pulled` event says.
    pub(super) async fn pull(&self, name: &str, source: Source) -> Result<Pulled, PullError> {
        let builtin = match self.find(name, source)? {
            Image::Builtin(builtin) => builtin,
            Image::Component => {
                let message = format!(
                    "Container image {name:?} already present on machine and can be accessed by the pod: \
                     it is a part of this program"
                );
                return Ok(Pulled { image_id: repo_digest(name, &component_digest(name)), message });
            }
        };
        let start = Instant::now();
        for executable in builtin.executables {
            let Some(program) = crate::assets::program(executable.program) else {
                return Err(PullError { reason: "ErrImagePull", message: crate::assets::MISSING.into() });
            };
            self.program(program).await.map_err(|message| PullError { reason: "ErrImagePull", message })?;
        }
        tracing::debug!(image = name, elapsed = ?start.elapsed(), "image ready");
        let message = format!(
            "Container image {name:?} already present on machine and can be accessed by the pod: it is {}",
            builtin.description
        );
        Ok(Pulled { image_id: repo_digest(name, &builtin.digest()), message })
    }

    /// An embedded program, loaded or compiled once.
    pub(super) async fn program(&self, embedded: &'static Embedded) -> Result<Arc<Program>, String> {
        let mut programs = self.programs.lock().await;
        if let Some(program) = programs.get(embedded.name) {
            return Ok(program.clone());
        }
        let precompiled = Some(embedded.precompiled).filter(|code| !code.is_empty());
        let loaded = precompiled.and_then(|code| self.runtime.load_precompiled(code).ok());
        let program = match loaded {
            Some(program) => program,
            None => self
                .runtime
                .compile(Bytes::from_static(embedded.wasm))
                .await
                .map_err(|error| error.to_string())?,
        };
        programs.insert(embedded.name, program.clone());
        Ok(program)
    }
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
        assert!(matches!(images.find(SCHEDULER, Source::File), Ok(Image::Component)));
        assert!(images.is_absent(SCHEDULER, Source::Api));
        let refused = images.pull(SCHEDULER, Source::Api).await.unwrap_err();
        assert_eq!(refused.reason, "ErrImagePull");
        let pulled = images.pull(SCHEDULER, Source::File).await.unwrap();
        assert!(pulled.image_id.starts_with("registry.k8s.io/kube-scheduler@sha256:"), "{}", pulled.image_id);
    }
}
