//! `DefaultTolerationSeconds`: a pod stays five minutes on a node that is not ready or not
//! reachable, unless it says otherwise (`plugin/pkg/admission/defaulttolerationseconds` of
//! kubernetes/kubernetes).

use k8s_openapi::api::core::v1::{Pod, Toleration};

use crate::api::object::ApiObject;

const SECONDS: i64 = 300;
const TAINTS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const NO_EXECUTE: &str = "NoExecute";

/// Adds the tolerations that the pod lacks.
pub(super) fn admit(object: &mut dyn ApiObject) {
    let Some(spec) = object.downcast_mut::<Pod>().and_then(|pod| pod.spec.as_mut()) else { return };
    let tolerations = spec.tolerations.get_or_insert_default();
    for taint in TAINTS {
        if !tolerations.iter().any(|toleration| speaks_of(toleration, taint)) {
            tolerations.push(Toleration {
                key: Some(taint.to_owned()),
                operator: Some("Exists".into()),
                effect: Some(NO_EXECUTE.into()),
                toleration_seconds: Some(SECONDS),
                ..Toleration::default()
            });
        }
    }
}

/// Whether the pod has an opinion on this taint already.
fn speaks_of(toleration: &Toleration, taint: &str) -> bool {
    let key = toleration.key.as_deref().unwrap_or_default();
    let effect = toleration.effect.as_deref().unwrap_or_default();
    (key == taint || key.is_empty()) && (effect == NO_EXECUTE || effect.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::PodSpec;

    fn pod(tolerations: Vec<Toleration>) -> Pod {
        let spec = PodSpec { tolerations: Some(tolerations), ..PodSpec::default() };
        Pod { spec: Some(spec), ..Pod::default() }
    }

    fn keys(mut pod: Pod) -> Vec<String> {
        admit(&mut pod);
        let tolerations = pod.spec.and_then(|spec| spec.tolerations).unwrap_or_default();
        tolerations.into_iter().map(|toleration| toleration.key.unwrap_or_default()).collect()
    }

    #[test]
    fn pod_without_tolerations_should_get_both() {
        assert_eq!(keys(pod(Vec::new())), TAINTS);
    }

    #[test]
    fn pod_that_tolerates_everything_should_get_none() {
        let everything = Toleration { operator: Some("Exists".into()), ..Toleration::default() };
        assert_eq!(keys(pod(vec![everything])), [""]);
    }

    #[test]
    fn own_toleration_should_not_be_replaced() {
        let own = Toleration {
            key: Some(TAINTS[1].into()),
            effect: Some(NO_EXECUTE.into()),
            ..Toleration::default()
        };
        assert_eq!(keys(pod(vec![own])), [TAINTS[1], TAINTS[0]]);
    }
}
