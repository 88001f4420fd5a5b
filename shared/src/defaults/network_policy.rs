//! NetworkPolicies.
//!
//! Follows kubernetes `pkg/apis/networking/v1/defaults.go` (`SetDefaults_NetworkPolicy`,
//! `SetDefaults_NetworkPolicyPort`).

use k8s_openapi::api::networking::v1::NetworkPolicy;

use super::Defaults;

impl Defaults for NetworkPolicy {
    fn apply(&mut self) {
        // Neither the spec nor its selector is a pointer upstream: both are written though they are empty.
        let spec = self.spec.get_or_insert_default();
        spec.pod_selector.get_or_insert_default();
        let ingress = spec.ingress.iter_mut().flatten().flat_map(|rule| rule.ports.iter_mut().flatten());
        let egress = spec.egress.iter_mut().flatten().flat_map(|rule| rule.ports.iter_mut().flatten());
        for port in ingress.chain(egress) {
            port.protocol.get_or_insert_with(|| "TCP".to_owned());
        }
        if spec.policy_types.as_ref().is_none_or(Vec::is_empty) {
            let leaves = spec.egress.as_ref().is_some_and(|rules| !rules.is_empty());
            let types = std::iter::once("Ingress").chain(leaves.then_some("Egress"));
            spec.policy_types = Some(types.map(str::to_owned).collect());
        }
    }
}
