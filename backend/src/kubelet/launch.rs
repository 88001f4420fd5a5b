//! From a container of a pod to a running guest, or to a task of the control plane.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};
use shared::kubelet::action::StartError;
use shared::kubelet::cpu_shares::cpu_shares;
use shared::kubelet::environment::{Surroundings, environment, expand};
use shared::kubelet::quality_of_service::limit;
use shared::kubelet::serve;
use tokio::sync::watch;

use crate::images::{Image, Launch};
use crate::runtime::logs::{LogConfig, LogFollow, LogWriter};
use crate::runtime::{
    ContainerHandle, ContainerSpec, ContainerState, ExitStatus, ProcessSpec, ServeSpec, StopBehavior,
};

use super::component::ComponentHandle;
use super::image::{Found, Source};
use super::logs;
use super::mounts::{self, Mounts};
use super::node::Kubelet;
use super::pod::blocking;
use super::sandbox::Sandbox;
use super::termination::{self, LastWords};
use super::variable_sources::VariableSources;

/// A WebAssembly program that was started as a container.
#[derive(Clone)]
pub(super) struct Guest {
    pub(super) handle: ContainerHandle,
    /// Whose programs can be started beside it.
    pub(super) image: Arc<Image>,
    last_words: LastWords,
    /// What its programs see as their mounts, as long as they may be started.
    _held: Arc<[fs::File]>,
}

/// A container that was started.
#[derive(Clone)]
pub(super) enum Running {
    /// A WebAssembly program.
    Guest(Guest),
    /// A part of this program.
    Component(ComponentHandle),
}

impl Running {
    /// Follows the container's life.
    pub(super) fn watch(&self) -> watch::Receiver<ContainerState> {
        match self {
            Running::Guest(guest) => guest.handle.watch(),
            Running::Component(handle) => handle.watch(),
        }
    }

    /// What a reader needs to follow the log.
    pub(super) fn follow_log(&self) -> LogFollow {
        match self {
            Running::Guest(guest) => guest.handle.follow_log(),
            Running::Component(handle) => handle.follow_log(),
        }
    }

    /// How the container ended, with what it had to say.
    pub(super) async fn with_last_words(&self, status: ExitStatus) -> ExitStatus {
        match self {
            Running::Guest(guest) => guest.last_words.add_to(status).await,
            Running::Component(_) => status,
        }
    }

    /// Ends the container, by force when the grace is over.
    pub(super) async fn kill(&self, grace: Duration) {
        match self {
            Running::Guest(guest) => drop(guest.handle.kill(grace).await),
            Running::Component(handle) => handle.kill(grace).await,
        }
    }
}

/// What to start.
pub(super) struct Order<'a> {
    pub(super) kubelet: &'a Kubelet,
    pub(super) pod: &'a Pod,
    pub(super) source: Source,
    pub(super) container: &'a Container,
    pub(super) sandbox: &'a Sandbox,
    pub(super) attempt: i32,
}

fn error(reason: &'static str) -> impl Fn(String) -> StartError {
    move |message| StartError { reason, message }
}

impl Order<'_> {
    /// Starts the container.
    pub(super) async fn start(&self) -> Result<Running, StartError> {
        let name = self.container.image.as_deref().unwrap_or_default();
        let image = self
            .kubelet
            .images
            .find(name, self.source)
            .map_err(|missing| StartError { reason: "CreateContainerError", message: missing.message })?;
        let variables = self.variables().await.map_err(error("CreateContainerConfigError"))?;
        match image {
            Found::Image(image) => self.start_guest(image, variables).await,
            Found::Component => self.start_component(name, &variables).await,
        }
    }

    async fn start_guest(
        &self,
        image: Arc<Image>,
        variables: Vec<(String, String)>,
    ) -> Result<Running, StartError> {
        // Before anything can fail, so that a container that could not be started has an empty log.
        let log = self.log().await?;
        let launch = self.launch(&image, &variables).map_err(error("RunContainerError"))?;
        let program =
            self.kubelet.images.program(&launch.program).await.map_err(error("RunContainerError"))?;
        let root = self.root(&image).await.map_err(error("CreateContainerError"))?;
        let Mounts { mounts, held } = self.mounts(root, &variables).await?;
        let last_words = LastWords::of(self.container, &mounts, &self.log_path());
        let process = ProcessSpec {
            program,
            args: launch.arguments,
            env: with_image_defaults(&image, variables),
            working_dir: Some(self.working_dir(&image)),
            mounts,
            meters: self.sandbox.meters.of(self.container, &self.sandbox.volumes),
            tty: self.container.tty.unwrap_or(false),
            hostname: self.sandbox.names.hostname.clone(),
            pod: self.sandbox.network.clone(),
        };
        let spec = ContainerSpec {
            id: self.id(),
            process,
            stdin: self.container.stdin.unwrap_or(false),
            stdin_once: self.container.stdin_once.unwrap_or(false),
            stop: match launch.drains_on_stdin_close {
                true => StopBehavior::DrainWhenStdinEnds,
                false => StopBehavior::Terminate,
            },
            serve: ServeSpec {
                http_port: serve::http_port(self.container),
                inetd_port: serve::inetd_port(self.pod, &self.container.name),
            },
            memory_limit_bytes: limit(self.container, "memory")
                .and_then(|limit| u64::try_from(limit.value()).ok()),
            cpu_limit_cores: limit(self.container, "cpu").map(|limit| limit.milli_value() as f64 / 1000.0),
            cpu_shares: cpu_shares(self.container),
            log,
        };
        let handle = self
            .kubelet
            .runtime
            .start(spec)
            .map_err(|failure| error("RunContainerError")(failure.to_string()))?;
        Ok(Running::Guest(Guest { handle, image, last_words, _held: held }))
    }

    async fn start_component(
        &self,
        image: &str,
        variables: &[(String, String)],
    ) -> Result<Running, StartError> {
        let Some(component) = self.kubelet.components.get(image) else {
            return Err(error("CreateContainerError")(format!("{image} is no part of this program")));
        };
        let log = self.log().await?;
        let (command, args) = self.expanded(variables);
        let line = [command, args].concat();
        let (network, clock) = (self.sandbox.network.clone(), self.kubelet.clock_source());
        Ok(Running::Component(ComponentHandle::start(component, line, log, network, clock)))
    }

    /// Command and arguments with their `$(VAR)`s replaced.
    fn expanded(&self, variables: &[(String, String)]) -> (Vec<String>, Vec<String>) {
        let variables: BTreeMap<String, String> = variables.iter().cloned().collect();
        let all = |words: &Option<Vec<String>>| {
            words.iter().flatten().map(|word| expand(word, &variables)).collect()
        };
        (all(&self.container.command), all(&self.container.args))
    }

    fn launch(&self, image: &Image, variables: &[(String, String)]) -> Result<Launch, String> {
        let (command, args) = self.expanded(variables);
        image.launch(image.command_line(&command, &args))
    }

    async fn variables(&self) -> Result<Vec<(String, String)>, String> {
        let ip = self.sandbox.ip().to_string();
        let host_ip = self.kubelet.address.to_string();
        let allocatable = self.kubelet.allocatable();
        let services = self.kubelet.services.variables(self.pod).await;
        let surroundings =
            Surroundings { pod_ip: &ip, host_ip: &host_ip, services: &services, allocatable: &allocatable };
        let sources =
            VariableSources::read(self.kubelet, self.pod, self.container, &self.sandbox.volumes).await;
        environment(self.pod, self.container, &surroundings, &sources)
    }

    fn working_dir(&self, image: &Image) -> String {
        let own = self.container.working_dir.clone().filter(|directory| !directory.is_empty());
        own.unwrap_or_else(|| image.working_dir.clone())
    }

    fn log_path(&self) -> PathBuf {
        logs::path(self.kubelet, self.pod, &self.container.name, self.attempt)
    }

    /// The log of this run; of those before it only the last one's stays.
    async fn log(&self) -> Result<LogWriter, StartError> {
        let path = self.log_path();
        let (clock, attempt) = (self.kubelet.clock_source(), self.attempt);
        let made = blocking(move || {
            if let Some(directory) = path.parent() {
                logs::remove_before(directory, attempt - 1);
            }
            LogWriter::create(path, LogConfig::default(), clock).map_err(|failure| failure.to_string())
        });
        made.await.unwrap_or_else(Err).map_err(error("CreateContainerError"))
    }

    fn id(&self) -> String {
        let metadata = &self.pod.metadata;
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        format!("{}/{}/{}", part(&metadata.namespace), part(&metadata.name), self.container.name)
    }

    /// Makes the image's files anew, as for every start, and says where they lie.
    async fn root(&self, image: &Arc<Image>) -> Result<PathBuf, String> {
        let root = self.sandbox.directory.join("containers").join(&self.container.name).join("rootfs");
        let (place, container) = (root.clone(), self.container.clone());
        let (names, image) = (self.sandbox.names.clone(), image.clone());
        let laid_out = blocking(move || {
            lay_out(&image, &place)?;
            names.write(&place)?;
            termination::prepare(&place, &container)
        });
        let laid_out = laid_out.await?;
        laid_out.map_err(|failure| format!("failed to lay out the image's files: {failure}"))?;
        Ok(root)
    }

    /// The image's files, and the volumes.
    async fn mounts(&self, root: PathBuf, variables: &[(String, String)]) -> Result<Mounts, StartError> {
        let variables = variables.iter().cloned().collect();
        let (container, places) = (self.container.clone(), self.sandbox.volumes.clone());
        let made = blocking(move || mounts::plan(&container, &places, &variables)?.make(root));
        made.await.unwrap_or_else(Err).map_err(error("CreateContainerConfigError"))
    }
}

/// The image's own variables, overridden by the pod's.
fn with_image_defaults(image: &Image, variables: Vec<(String, String)>) -> Vec<(String, String)> {
    let own = |name: &str| variables.iter().any(|(set, _)| set == name);
    let defaults = image.env.iter().filter(|(name, _)| !own(name));
    [defaults.cloned().collect(), variables].concat()
}

/// The image's files as they were, whatever an earlier run of the container left.
fn lay_out(image: &Image, root: &Path) -> io::Result<()> {
    match fs::remove_dir_all(root) {
        Err(failure) if failure.kind() != io::ErrorKind::NotFound => return Err(failure),
        _ => fs::create_dir_all(root)?,
    }
    image.lay_out(root)
}
