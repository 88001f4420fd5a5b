//! Whether a container is started again after it ended.
//!
//! Follows `ContainerShouldRestart` and `ShouldContainerBeRestarted` in `pkg/kubelet/container/helpers.go` and
//! `computeInitContainerActions` in `pkg/kubelet/kuberuntime/kuberuntime_container.go` of kubernetes/kubernetes.

use k8s_openapi::api::core::v1::{ContainerRestartRule, Pod};

use crate::api::pod_containers::{PodContainer, Role};

/// When a container is started again.
#[derive(Clone, Copy, Debug)]
pub struct Restart<'a> {
    /// `Always`, `OnFailure` or `Never`.
    pub policy: &'a str,
    /// Exit codes after which it is started again whatever the policy.
    pub rules: &'a [ContainerRestartRule],
}

impl<'a> Restart<'a> {
    /// For a container of the pod. What prepares a pod ends, sidecars never do, and who only looks around comes
    /// once; else a container's own policy comes before the pod's.
    pub fn of(pod: &'a Pod, spec: &'a PodContainer) -> Restart<'a> {
        let own = spec.container.restart_policy.as_deref();
        let policy = match (spec.role, own.unwrap_or_else(|| restart_policy(pod))) {
            (Role::Init, "Always") => "OnFailure",
            (Role::Sidecar, _) => "Always",
            (Role::Ephemeral, _) => "Never",
            (Role::Init | Role::Main, policy) => policy,
        };
        Restart { policy, rules: spec.container.restart_policy_rules.as_deref().unwrap_or_default() }
    }

    /// Whether it is, after it ended with this exit code.
    pub fn after(&self, exit_code: i32) -> bool {
        self.rules.iter().any(|rule| applies(rule, exit_code))
            || match self.policy {
                "Never" => false,
                "OnFailure" => exit_code != 0,
                _ => true,
            }
    }
}

fn applies(rule: &ContainerRestartRule, exit_code: i32) -> bool {
    rule.exit_codes.as_ref().is_some_and(|codes| {
        let is_named = codes.values.iter().flatten().any(|value| *value == exit_code);
        if codes.operator == "NotIn" { !is_named } else { is_named }
    })
}

/// The pod's policy: `Always`, `OnFailure` or `Never`.
pub(super) fn restart_policy(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()).unwrap_or("Always")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn restart_should_follow_role_policies_and_rules() {
        let rules = json!([{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]);
        let others = json!([{"action": "Restart", "exitCodes": {"operator": "NotIn", "values": [0, 1]}}]);
        // Role, the pod's policy, the container's own; which of the exit codes 0, 1 and 42 start it again.
        let cases = [
            (Role::Main, "Always", json!({}), [true, true, true]),
            (Role::Main, "OnFailure", json!({}), [false, true, true]),
            (Role::Main, "Never", json!({}), [false, false, false]),
            (Role::Main, "Never", json!({"restartPolicy": "OnFailure"}), [false, true, true]),
            (Role::Main, "Always", json!({"restartPolicy": "Never"}), [false, false, false]),
            (
                Role::Main,
                "Always",
                json!({"restartPolicy": "Never", "restartPolicyRules": rules}),
                [false, false, true],
            ),
            (
                Role::Main,
                "Always",
                json!({"restartPolicy": "Never", "restartPolicyRules": others}),
                [false, false, true],
            ),
            (Role::Init, "Always", json!({}), [false, true, true]),
            (Role::Init, "Never", json!({}), [false, false, false]),
            (Role::Init, "Always", json!({"restartPolicy": "Never"}), [false, false, false]),
            (Role::Sidecar, "Never", json!({"restartPolicy": "Always"}), [true, true, true]),
            (Role::Ephemeral, "Always", json!({}), [false, false, false]),
        ];
        for (role, policy, mut container, expected) in cases {
            let pod = json!({"spec": {"restartPolicy": policy, "containers": []}});
            let pod: Pod = serde_json::from_value(pod).unwrap();
            container["name"] = json!("c");
            let spec = PodContainer { role, container: serde_json::from_value(container).unwrap() };
            let found = [0, 1, 42].map(|exit_code| Restart::of(&pod, &spec).after(exit_code));
            assert_eq!(found, expected, "{policy} {spec:?}");
        }
    }
}
