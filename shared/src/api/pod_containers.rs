//! The containers of a pod, whichever list of its spec they stand in, and what each is for.
//!
//! Follows `VisitContainers` and `IsRestartableInitContainer` in `pkg/api/v1/pod/util.go` and `fieldPath` in
//! `pkg/kubelet/container/ref.go` of kubernetes/kubernetes.

use k8s_openapi::api::core::v1::{Container, EphemeralContainer, PodSpec};

/// What a container is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It runs to its end before the next one starts.
    Init,
    /// It starts among the init containers and goes on running: an init container that is always restarted.
    Sidecar,
    /// It is what the pod is for.
    Main,
    /// It was added to a running pod to look around.
    Ephemeral,
}

impl Role {
    /// How events name a container of this role: `spec.containers{web}`.
    #[must_use]
    pub fn field_path(self, container: &str) -> String {
        let list = match self {
            Role::Init | Role::Sidecar => "initContainers",
            Role::Main => "containers",
            Role::Ephemeral => "ephemeralContainers",
        };
        format!("spec.{list}{{{container}}}")
    }
}

/// A container of a pod with its role.
#[derive(Clone, Debug, PartialEq)]
pub struct PodContainer {
    /// What it is for.
    pub role: Role,
    /// Its definition.
    pub container: Container,
}

/// All containers of a pod in the order in which they start: init containers and sidecars, the ordinary
/// ones, the ephemeral ones.
#[must_use]
pub fn pod_containers(spec: &PodSpec) -> Vec<PodContainer> {
    let init = spec.init_containers.iter().flatten();
    let init =
        init.map(|container| PodContainer { role: init_role(container), container: container.clone() });
    let main = spec.containers.iter();
    let main = main.map(|container| PodContainer { role: Role::Main, container: container.clone() });
    let ephemeral = spec.ephemeral_containers.iter().flatten();
    let ephemeral =
        ephemeral.map(|container| PodContainer { role: Role::Ephemeral, container: as_container(container) });
    init.chain(main).chain(ephemeral).collect()
}

/// The names of all containers of a pod, in the same order.
pub fn container_names(spec: &PodSpec) -> impl Iterator<Item = &str> {
    let init = spec.init_containers.iter().flatten().map(|container| container.name.as_str());
    let main = spec.containers.iter().map(|container| container.name.as_str());
    let ephemeral = spec.ephemeral_containers.iter().flatten().map(|container| container.name.as_str());
    init.chain(main).chain(ephemeral)
}

fn init_role(container: &Container) -> Role {
    if is_sidecar(container) { Role::Sidecar } else { Role::Init }
}

/// Whether an init container keeps running beside the ordinary ones.
#[must_use]
pub fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// An ephemeral container as the ordinary one whose fields it shares.
#[must_use]
pub fn as_container(ephemeral: &EphemeralContainer) -> Container {
    let ephemeral = ephemeral.clone();
    Container {
        args: ephemeral.args,
        command: ephemeral.command,
        env: ephemeral.env,
        env_from: ephemeral.env_from,
        image: ephemeral.image,
        image_pull_policy: ephemeral.image_pull_policy,
        lifecycle: ephemeral.lifecycle,
        liveness_probe: ephemeral.liveness_probe,
        name: ephemeral.name,
        ports: ephemeral.ports,
        readiness_probe: ephemeral.readiness_probe,
        resize_policy: ephemeral.resize_policy,
        resources: ephemeral.resources,
        restart_policy: ephemeral.restart_policy,
        restart_policy_rules: ephemeral.restart_policy_rules,
        security_context: ephemeral.security_context,
        startup_probe: ephemeral.startup_probe,
        stdin: ephemeral.stdin,
        stdin_once: ephemeral.stdin_once,
        termination_message_path: ephemeral.termination_message_path,
        termination_message_policy: ephemeral.termination_message_policy,
        tty: ephemeral.tty,
        volume_devices: ephemeral.volume_devices,
        volume_mounts: ephemeral.volume_mounts,
        working_dir: ephemeral.working_dir,
    }
}
