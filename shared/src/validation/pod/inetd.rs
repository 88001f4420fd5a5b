//! Annotations that put a container into inetd mode (`kubelet::serve`). They are not upstream's.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, PodSpec};

use super::super::field::{ErrorList, Path};
use crate::kubelet::serve::{INETD_ANNOTATION_PREFIX, parse_port};

/// Each names a container of the pod and a port that no other has.
pub(super) fn validate(errors: &mut ErrorList, pod: &Pod, path: &Path) {
    let mut taken = BTreeMap::new();
    for (key, value) in pod.metadata.annotations.iter().flatten() {
        let Some(name) = key.strip_prefix(INETD_ANNOTATION_PREFIX) else { continue };
        let path = path.key(key);
        if !pod.spec.as_ref().is_some_and(|spec| has_container(spec, name)) {
            errors.invalid(
                &path,
                key.as_str(),
                format!("must name a container of the pod; {name:?} is none"),
            );
        }
        let Some(port) = parse_port(value) else {
            errors.invalid(&path, value.as_str(), "must be a port number, between 1 and 65535, inclusive");
            continue;
        };
        if let Some(other) = taken.insert(port, name) {
            let message = format!("must be a port of its own; container {other:?} has this one");
            errors.invalid(&path, value.as_str(), message);
        }
    }
}

/// Whether a container runs beside the others, as a sidecar does.
fn has_container(spec: &PodSpec, name: &str) -> bool {
    let init = spec.init_containers.iter().flatten();
    let sidecars = init.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    spec.containers.iter().chain(sidecars).any(|container| container.name == name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn annotation_should_name_a_container_and_a_port() {
        let key = "metadata.annotations[inetd.kijabi.dev/";
        let cases = [
            (
                json!({"inetd.kijabi.dev/web": "8080", "inetd.kijabi.dev/db": "5432", "a/b": "x"}),
                String::new(),
            ),
            (
                json!({"inetd.kijabi.dev/wbe": "8080"}),
                format!(
                    "{key}wbe]: Invalid value: \"inetd.kijabi.dev/wbe\": must name a container of the pod; \"wbe\" is none"
                ),
            ),
            (
                json!({"inetd.kijabi.dev/web": "http"}),
                format!(
                    "{key}web]: Invalid value: \"http\": must be a port number, between 1 and 65535, inclusive"
                ),
            ),
            (
                json!({"inetd.kijabi.dev/web": "65536"}),
                format!(
                    "{key}web]: Invalid value: \"65536\": must be a port number, between 1 and 65535, inclusive"
                ),
            ),
            (
                json!({"inetd.kijabi.dev/db": "80", "inetd.kijabi.dev/web": "80"}),
                format!(
                    "{key}web]: Invalid value: \"80\": must be a port of its own; container \"db\" has this one"
                ),
            ),
        ];
        for (annotations, expected) in cases {
            let pod: Pod = serde_json::from_value(json!({
                "metadata": {"annotations": annotations},
                "spec": {"containers": [{"name": "web"}, {"name": "db"}]},
            }))
            .unwrap();
            let mut errors = ErrorList::new();
            validate(&mut errors, &pod, &Path::root("metadata").child("annotations"));
            let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert_eq!(found.join("\n"), expected, "{annotations}");
        }
    }
}
