//! The containers of a pod as the page offers them: which there are, what each is for, and how it fares.

use serde_json::Value;
use shared::api::pod_containers::Role;

use super::object::{entries, items, text, truth};

/// Says which container is meant where none is named, as kubectl knows it
/// (`DefaultContainerAnnotationName` in `pkg/cmd/util/podcmd` of kubernetes/kubectl).
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// A container of a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct PodContainer {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Whether its program runs now.
    pub is_running: bool,
    /// The ID of its run, empty before the first one.
    pub run: String,
    /// Whether its program can be written to.
    pub stdin: bool,
    /// Whether its streams are a terminal.
    pub tty: bool,
}

impl PodContainer {
    /// Whether there is something of its program to attach to besides its log.
    pub fn is_attachable(&self) -> bool {
        self.stdin || self.tty
    }
}

/// The name of a role in translations.
pub fn role_slug(role: Role) -> &'static str {
    match role {
        Role::Init => "init",
        Role::Sidecar => "sidecar",
        Role::Main => "main",
        Role::Ephemeral => "ephemeral",
    }
}

/// Where a pod's containers of each kind stand: their definitions and their statuses.
const LISTS: [(&str, &str, Role); 3] = [
    ("/spec/initContainers", "/status/initContainerStatuses", Role::Init),
    ("/spec/containers", "/status/containerStatuses", Role::Main),
    ("/spec/ephemeralContainers", "/status/ephemeralContainerStatuses", Role::Ephemeral),
];

/// All containers of a pod in the order in which they start.
pub fn containers(pod: &Value) -> Vec<PodContainer> {
    let of = |(specs, statuses, role)| {
        items(pod, specs).iter().map(move |spec| container(spec, items(pod, statuses), role))
    };
    LISTS.into_iter().flat_map(of).collect()
}

fn container(spec: &Value, statuses: &[Value], role: Role) -> PodContainer {
    let name = text(spec, "/name");
    let status = statuses.iter().find(|status| text(status, "/name") == name).unwrap_or(&Value::Null);
    let is_sidecar = role == Role::Init && text(spec, "/restartPolicy") == "Always";
    PodContainer {
        name: name.to_owned(),
        role: if is_sidecar { Role::Sidecar } else { role },
        is_running: status.pointer("/state/running").is_some(),
        run: text(status, "/containerID").to_owned(),
        stdin: truth(spec, "/stdin"),
        tty: truth(spec, "/tty"),
    }
}

/// The container that is meant: the chosen one while the pod has it, else the pod's own choice, else its first.
pub fn meant<'a>(
    pod: &Value,
    containers: &'a [PodContainer],
    chosen: Option<&str>,
) -> Option<&'a PodContainer> {
    let annotations = entries(pod, "/metadata/annotations");
    let own = annotations.iter().find(|(key, _)| *key == DEFAULT_CONTAINER).map(|(_, name)| *name);
    let named =
        |name: Option<&str>| containers.iter().find(|container| Some(container.name.as_str()) == name);
    let first = || containers.iter().find(|container| container.role == Role::Main);
    named(chosen).or_else(|| named(own)).or_else(first)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> Value {
        json!({
            "metadata": {"annotations": {DEFAULT_CONTAINER: "log"}},
            "spec": {
                "initContainers": [{"name": "once"}, {"name": "beside", "restartPolicy": "Always"}],
                "containers": [{"name": "web", "stdin": true, "tty": true}, {"name": "log"}],
                "ephemeralContainers": [{"name": "debugger"}],
            },
            "status": {
                "initContainerStatuses": [{"name": "beside", "containerID": "b", "state": {"running": {}}}],
                "containerStatuses": [{"name": "web", "containerID": "w", "state": {"terminated": {}}}],
                "ephemeralContainerStatuses": [{"name": "debugger", "containerID": "d", "state": {"running": {}}}],
            },
        })
    }

    #[test]
    fn containers_of_every_list_should_be_offered_with_their_role_and_run() {
        let containers = containers(&pod());
        let told: Vec<_> = containers
            .iter()
            .map(|one| (one.name.as_str(), role_slug(one.role), one.run.as_str(), one.is_running))
            .collect();
        let expected = [
            ("once", "init", "", false),
            ("beside", "sidecar", "b", true),
            ("web", "main", "w", false),
            ("log", "main", "", false),
            ("debugger", "ephemeral", "d", true),
        ];
        assert_eq!(told, expected);
        assert!(containers[2].is_attachable() && !containers[3].is_attachable());
    }

    #[test]
    fn the_container_that_is_meant_should_be_the_chosen_one_then_the_pods_own_then_the_first() {
        let (annotated, mut plain) = (pod(), pod());
        plain["metadata"] = json!({});
        let containers = containers(&annotated);
        let cases = [
            (&annotated, Some("debugger"), "debugger"),
            (&annotated, Some("gone"), "log"),
            (&annotated, None, "log"),
            (&plain, None, "web"),
        ];
        for (pod, chosen, expected) in cases {
            assert_eq!(meant(pod, &containers, chosen).map(|one| one.name.as_str()), Some(expected));
        }
    }
}
