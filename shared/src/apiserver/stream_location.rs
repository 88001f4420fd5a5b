//! Where a stream to a pod leads: which container is meant, which node has it, which streams there are.
//!
//! Follows `pkg/registry/core/pod/strategy.go` (`streamLocation`, `validateContainer`) of
//! kubernetes/kubernetes and `NewOptions` of `pkg/cri/streaming/remotecommand/httpstream.go` of
//! kubernetes/kubelet.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;

use crate::api::pod_containers::container_names;
use crate::api::status;

type Result<T> = std::result::Result<T, Box<Status>>;

/// Which standard streams a client wants of `exec` or `attach`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamOptions {
    /// The client sends input.
    pub stdin: bool,
    /// The client wants the output.
    pub stdout: bool,
    /// The client wants the error output.
    pub stderr: bool,
    /// There is a terminal, which mixes both outputs.
    pub tty: bool,
}

impl StreamOptions {
    /// The options as they can be: a terminal has no error output of its own.
    ///
    /// # Errors
    /// 400 where no stream is wanted at all.
    pub fn checked(self) -> Result<StreamOptions> {
        let options = StreamOptions { stderr: self.stderr && !self.tty, ..self };
        if !options.stdin && !options.stdout && !options.stderr {
            const WHY: &str = "you must specify at least 1 of stdin, stdout, stderr";
            return Err(Box::new(status::bad_request(WHY)));
        }
        Ok(options)
    }
}

/// The container that is meant: the one that is named, else the pod's only one.
///
/// # Errors
/// 400 where it must be named, or there is none of that name.
pub fn container(pod: &Pod, wanted: Option<&str>) -> Result<String> {
    let names: Vec<&str> = pod.spec.iter().flat_map(container_names).collect();
    let containers = pod.spec.as_ref().map_or(&[][..], |spec| &spec.containers);
    let name = pod_name(pod);
    let refused = match (wanted, containers) {
        (Some(wanted), _) if names.contains(&wanted) => return Ok(wanted.to_owned()),
        (Some(wanted), _) => format!("container {wanted} is not valid for pod {name}"),
        (None, [only]) => return Ok(only.name.clone()),
        (None, []) => format!("a container name must be specified for pod {name}"),
        (None, _) => {
            let choice = names.join(" ");
            format!("a container name must be specified for pod {name}, choose one of: [{choice}]")
        }
    };
    Err(Box::new(status::bad_request(refused)))
}

/// The node that has the pod.
///
/// # Errors
/// 400 where none has it yet.
pub fn host(pod: &Pod) -> Result<&str> {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
    if node.is_empty() {
        let why = format!("pod {} does not have a host assigned", pod_name(pod));
        return Err(Box::new(status::bad_request(why)));
    }
    Ok(node)
}

fn pod_name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(spec: serde_json::Value) -> Pod {
        serde_json::from_value(json!({ "metadata": { "name": "web" }, "spec": spec })).unwrap()
    }

    fn message<T: std::fmt::Debug>(refused: Result<T>) -> String {
        refused.unwrap_err().message.clone().unwrap()
    }

    #[test]
    fn container_should_be_the_only_one_or_the_one_that_is_named() {
        let one = pod(json!({ "containers": [{ "name": "a" }], "initContainers": [{ "name": "i" }] }));
        let two = pod(json!({
            "containers": [{ "name": "a" }, { "name": "b" }],
            "initContainers": [{ "name": "i" }],
            "ephemeralContainers": [{ "name": "e" }],
        }));
        assert_eq!(container(&one, None).unwrap(), "a");
        for named in ["a", "b", "i", "e"] {
            assert_eq!(container(&two, Some(named)).unwrap(), named);
        }
        assert_eq!(
            message(container(&two, None)),
            "a container name must be specified for pod web, choose one of: [i a b e]"
        );
        assert_eq!(message(container(&two, Some("c"))), "container c is not valid for pod web");
        let none = pod(json!({ "containers": [] }));
        assert_eq!(message(container(&none, None)), "a container name must be specified for pod web");
    }

    #[test]
    fn host_should_be_the_pods_node() {
        let placed = pod(json!({ "containers": [], "nodeName": "node-1" }));
        assert_eq!(host(&placed).unwrap(), "node-1");
        let waiting = pod(json!({ "containers": [] }));
        assert_eq!(message(host(&waiting)), "pod web does not have a host assigned");
    }

    #[test]
    fn options_should_have_a_stream_and_no_error_output_of_a_terminal() {
        let terminal = StreamOptions { stdout: true, stderr: true, tty: true, stdin: false };
        assert_eq!(terminal.checked().unwrap(), StreamOptions { stderr: false, ..terminal });
        let nothing = StreamOptions { tty: true, stderr: true, ..StreamOptions::default() };
        assert_eq!(message(nothing.checked()), "you must specify at least 1 of stdin, stdout, stderr");
    }
}
