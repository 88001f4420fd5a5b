use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, Pod};
use serde_json::json;

use super::*;

#[test]
fn field_selectors_should_be_read_and_written_as_upstream_does() {
    for (text, canonical) in [
        ("", ""),
        ("b=2,a==1", "a=1,b=2"),
        ("a!=1", "a!=1"),
        ("a=", "a="),
        ("a=x\\,y\\=z\\\\", "a=x\\,y\\=z\\\\"),
        (",a=1,", "a=1"),
    ] {
        assert_eq!(
            text.parse::<FieldSelector>().map(|it| it.to_string()),
            Ok(canonical.to_owned()),
            "{text}"
        );
    }
    let selector: FieldSelector = "a=x\\,y".parse().unwrap();
    assert_eq!(selector.required_value("a"), Some("x,y"));
}

#[test]
fn malformed_field_selectors_should_be_refused_in_upstreams_words() {
    for (text, message) in [
        ("a", "invalid selector: 'a'; can't understand 'a'"),
        ("a=b,c", "invalid selector: 'a=b,c'; can't understand 'c'"),
        ("a=b=c", "invalid field selector: unescaped character in value: 61"),
        ("a=\\x", "invalid field selector: invalid escape sequence: \\x"),
        ("a=b\\", "invalid field selector: invalid escape sequence: \\"),
    ] {
        assert_eq!(text.parse::<FieldSelector>(), Err(FieldSelectorError(message.to_owned())), "{text}");
    }
}

#[test]
fn a_kind_should_support_upstreams_fields_and_refuse_others() {
    let check = |api_version, kind, text: &str| {
        text.parse::<FieldSelector>()
            .and_then(|selector| selector.for_kind(api_version, kind))
            .map(|selector| selector.to_string())
            .map_err(|error| error.0)
    };
    assert_eq!(check("v1", "Pod", "spec.host=n"), Ok("spec.nodeName=n".to_owned()));
    assert_eq!(check("v1", "Pod", "spec.image=n"), Err("field label not supported: spec.image".to_owned()));
    assert_eq!(
        check("v1", "Node", "metadata.namespace=n").unwrap_err(),
        "field label not supported: metadata.namespace"
    );
    assert_eq!(
        check("v1", "ConfigMap", "data=n").unwrap_err(),
        "\"data\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
    );
}

#[test]
fn objects_should_match_by_their_fields() {
    let pod: Pod = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"containers": [], "nodeName": "node-1", "restartPolicy": "Always"},
        "status": {"phase": "Running", "podIP": "10.244.1.2"},
    }))
    .unwrap();
    let event: Event = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "web"},
        "reason": "Started", "type": "Normal", "reportingComponent": "kubelet",
    }))
    .unwrap();
    let node = Node::default();
    let config_map = ConfigMap::default();
    let cases: [(&dyn ApiObject, &str, bool); 11] = [
        (&pod, "metadata.name=web,spec.nodeName!=node-2", true),
        (&pod, "status.phase!=Succeeded,status.phase!=Failed", true),
        (&pod, "spec.nodeName=", false),
        (&pod, "spec.hostNetwork=false", true),
        (&pod, "status.podIP=10.244.1.2", true),
        (&event, "involvedObject.kind=Pod,involvedObject.name=web,involvedObject.uid=", true),
        (&event, "source=kubelet", true),
        (&event, "reason=Killing", false),
        (&node, "spec.unschedulable=false", true),
        (&config_map, "metadata.name=x", false),
        (&config_map, "", true),
    ];
    for (object, text, expected) in cases {
        let selector: FieldSelector = text.parse().unwrap();
        assert_eq!(selector.matches_object(object), expected, "{text}");
    }
}

#[test]
fn every_supported_field_should_have_a_value() {
    let objects: [Box<dyn ApiObject>; 4] =
        [Box::<Pod>::default(), Box::<Event>::default(), Box::<Node>::default(), Box::<ConfigMap>::default()];
    for object in objects {
        for label in supported_labels(object.api_version(), object.kind()) {
            assert!(field_value(&*object, label).is_some(), "{} {label}", object.kind());
        }
    }
}
