//! A pod's status: `generateAPIPodStatus` and `getPhase` in `pkg/kubelet/kubelet_pods.go` of
//! kubernetes/kubernetes.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{HostIP, Pod, PodIP, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::conditions::{Facts, conditions};
use super::container::{ContainerWork, Stage};

/// What a kubelet knows of a pod beside the object.
pub struct Observed<'a> {
    /// The containers, in the order of the spec.
    pub containers: &'a [ContainerWork],
    /// The pod's address, once it has one.
    pub pod_ip: Option<&'a str>,
    /// The node's address.
    pub host_ip: &'a str,
    /// Whether the pod's network and directories are there.
    pub has_sandbox: bool,
    /// When the kubelet first saw the pod.
    pub start_time: Timestamp,
}

/// The status to write.
pub fn pod_status(pod: &Pod, observed: &Observed<'_>, now: Timestamp) -> PodStatus {
    let before = pod.status.clone().unwrap_or_default();
    let spec = pod.spec.as_ref();
    let specs = spec.map_or(&[][..], |spec| &spec.containers);
    let statuses: Vec<_> = specs.iter().zip(observed.containers).map(|(spec, work)| work.status(spec)).collect();
    let policy = spec.and_then(|spec| spec.restart_policy.as_deref()).unwrap_or("Always");
    let phase = phase(observed.containers, policy);
    let facts = Facts {
        phase,
        containers: &statuses,
        has_sandbox: observed.has_sandbox,
        generation: pod.metadata.generation,
    };
    let conditions = conditions(&facts, before.conditions.as_deref().unwrap_or_default(), now);
    PodStatus {
        phase: Some(phase.to_owned()),
        conditions: Some(conditions),
        container_statuses: Some(statuses),
        host_ip: Some(observed.host_ip.to_owned()),
        host_ips: Some(vec![HostIP { ip: observed.host_ip.to_owned() }]),
        pod_ip: observed.pod_ip.map(str::to_owned),
        pod_ips: observed.pod_ip.map(|ip| vec![PodIP { ip: ip.to_owned() }]),
        qos_class: before.qos_class,
        start_time: before.start_time.or(Some(Time(observed.start_time))),
        observed_generation: pod.metadata.generation,
        ..PodStatus::default()
    }
}

/// `Pending`, `Running`, `Succeeded` or `Failed`.
pub fn phase(containers: &[ContainerWork], restart_policy: &str) -> &'static str {
    let mut running = 0;
    let mut waiting_for_the_first_time = 0;
    let mut stopped = 0;
    let mut succeeded = 0;
    for work in containers {
        match &work.stage {
            Stage::Running { .. } => running += 1,
            Stage::Exited(exit) => {
                stopped += 1;
                succeeded += usize::from(exit.exit_code == 0);
            }
            _ if work.last_state.is_some() => stopped += 1,
            _ => waiting_for_the_first_time += 1,
        }
    }
    match () {
        () if waiting_for_the_first_time > 0 => "Pending",
        () if running > 0 => "Running",
        () if restart_policy == "Always" => "Running",
        () if stopped == succeeded => "Succeeded",
        () if restart_policy == "Never" => "Failed",
        () => "Running",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ContainerStateTerminated;

    fn work(stage: Stage) -> ContainerWork {
        ContainerWork { stage, ..ContainerWork::new() }
    }

    fn exited(exit_code: i32) -> ContainerWork {
        work(Stage::Exited(ContainerStateTerminated { exit_code, ..ContainerStateTerminated::default() }))
    }

    fn running() -> ContainerWork {
        work(Stage::Running { since: Timestamp::UNIX_EPOCH, stopping: false })
    }

    #[test]
    fn phase_should_follow_containers_and_restart_policy() {
        let crash_looping = ContainerWork { last_state: Some(ContainerStateTerminated::default()), ..ContainerWork::new() };
        let cases = [
            (vec![ContainerWork::new()], "Always", "Pending"),
            (vec![running(), ContainerWork::new()], "Always", "Pending"),
            (vec![running()], "Never", "Running"),
            (vec![running(), exited(1)], "Never", "Running"),
            (vec![exited(0)], "Never", "Succeeded"),
            (vec![exited(0)], "OnFailure", "Succeeded"),
            (vec![exited(0), exited(3)], "Never", "Failed"),
            (vec![exited(3)], "OnFailure", "Running"),
            (vec![exited(0)], "Always", "Running"),
            (vec![crash_looping], "Always", "Running"),
        ];
        for (containers, policy, expected) in cases {
            assert_eq!(phase(&containers, policy), expected, "{policy} {containers:?}");
        }
    }
}
