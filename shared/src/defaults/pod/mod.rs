//! Pods.
//!
//! Follows kubernetes `pkg/apis/core/v1/defaults.go` (`SetDefaults_Pod`, `SetDefaults_PodSpec`) and, for the
//! deprecated name of the service account, `pkg/apis/core/v1/conversion.go`.

mod container;
mod image;
mod resources;
mod volume;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, PodTemplateSpec};

use super::quantity::round_up;
use super::{Defaults, text};

const GRACE_PERIOD_SECONDS: i64 = 30;

impl Defaults for Pod {
    fn apply(&mut self) {
        let spec = self.spec.get_or_insert_default();
        apply_to_spec(spec);
        resources::apply(spec);
        spec.enable_service_links.get_or_insert(true);
        if spec.host_network == Some(true) {
            apply_host_ports(&mut spec.containers);
            apply_host_ports(spec.init_containers.as_deref_mut().unwrap_or_default());
        }
    }
}

/// What a template of pods is given; the rest its pods are given when they are made.
pub(super) fn apply_to_template(template: &mut PodTemplateSpec) {
    apply_to_spec(template.spec.get_or_insert_default());
}

/// What pods and templates of pods have in common.
fn apply_to_spec(spec: &mut PodSpec) {
    text(&mut spec.dns_policy, "ClusterFirst");
    text(&mut spec.restart_policy, "Always");
    text(&mut spec.scheduler_name, "default-scheduler");
    spec.security_context.get_or_insert_default();
    spec.termination_grace_period_seconds.get_or_insert(GRACE_PERIOD_SECONDS);
    apply_account(spec);
    round_up(&mut spec.overhead);
    for volume in spec.volumes.iter_mut().flatten() {
        volume::apply(volume);
    }
    for container in spec.init_containers.iter_mut().flatten().chain(&mut spec.containers) {
        container::apply(container);
    }
    for container in spec.ephemeral_containers.iter_mut().flatten() {
        container::apply_to_ephemeral(container);
    }
}

/// The account's name stands in the deprecated field too.
fn apply_account(spec: &mut PodSpec) {
    let given = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    let name = given(&spec.service_account_name).or_else(|| given(&spec.service_account));
    if name.is_some() {
        spec.service_account_name.clone_from(&name);
        spec.service_account = name;
    }
}

/// On the host's network a container's ports are the host's.
fn apply_host_ports(containers: &mut [Container]) {
    for port in containers.iter_mut().flat_map(|container| container.ports.iter_mut().flatten()) {
        super::number(&mut port.host_port, port.container_port);
    }
}
