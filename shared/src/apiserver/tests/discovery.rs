//! Discovery: what clients learn of kinds, in both forms.

use super::super::discovery;
use super::*;

#[test]
fn plain_and_aggregated_form_should_agree() {
    for (core, group) in [(true, ""), (false, "coordination.k8s.io"), (false, "events.k8s.io")] {
        let aggregated = discovery::aggregated(core);
        let groups = aggregated["items"].as_array().unwrap();
        let found =
            groups.iter().find(|entry| entry["metadata"]["name"].as_str().unwrap_or_default() == group);
        let version = &found.unwrap()["versions"][0];
        let plain = discovery::resource_list(group, version["version"].as_str().unwrap()).unwrap();
        let names: Vec<&str> = plain["resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["name"].as_str().unwrap())
            .collect();
        let mut expected = Vec::new();
        for resource in version["resources"].as_array().unwrap() {
            let plural = resource["resource"].as_str().unwrap();
            expected.push(plural.to_owned());
            for subresource in resource["subresources"].as_array().into_iter().flatten() {
                expected.push(format!("{plural}/{}", subresource["subresource"].as_str().unwrap()));
            }
        }
        assert_eq!(names, expected, "{group}");
    }
}

#[test]
fn resources_should_be_described_as_kubectl_needs_them() {
    let core = discovery::resource_list("", "v1").unwrap();
    let find = |name: &str| {
        core["resources"].as_array().unwrap().iter().find(|entry| entry["name"] == name).unwrap().clone()
    };
    let pods = json!({
        "name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod",
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        "shortNames": ["po"], "categories": ["all"],
    });
    assert_eq!(find("pods"), pods);
    let binding = json!({
        "name": "pods/binding", "singularName": "", "namespaced": true, "kind": "Binding",
        "verbs": ["create"],
    });
    assert_eq!(find("pods/binding"), binding);
    for (stream, kind) in
        [("attach", "PodAttachOptions"), ("exec", "PodExecOptions"), ("portforward", "PodPortForwardOptions")]
    {
        let name = format!("pods/{stream}");
        let expected = json!({
            "name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["create", "get"],
        });
        assert_eq!(find(&name), expected);
    }
    assert_eq!(find("namespaces")["namespaced"], false);
}
