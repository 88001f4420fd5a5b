use serde_json::json;

use super::*;

/// A field that holds bytes.
fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    [&[number << 3 | 2, length], content].concat()
}

fn body(api_version: &str, kind: &str, object: &[u8]) -> Vec<u8> {
    let types = [bytes(1, api_version.as_bytes()), bytes(2, kind.as_bytes())].concat();
    [MAGIC.to_vec(), bytes(1, &types), bytes(2, object), bytes(3, b""), bytes(4, b"")].concat()
}

#[test]
fn what_kubectl_create_namespace_sends_should_be_read() {
    let sent = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09Namespace\x12\x1b\x0a\x13\x0a\x03foo\x12\x00\x1a\x00\x22\x00\x2a\x00\x32\x00\x38\x00\x42\x00\x12\x00\x1a\x02\x0a\x00\x1a\x00\x22\x00";
    let expected = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": "foo" }, "spec": {}, "status": {},
    });
    assert_eq!(decode(sent), Ok(expected));
}

#[test]
fn maps_bytes_and_inline_messages_should_read_as_in_json() {
    let data = bytes(2, &[bytes(1, b"p"), bytes(2, b"q")].concat());
    let secret = decode(&body("v1", "Secret", &data)).unwrap();
    assert_eq!(secret["data"], json!({ "p": "cQ==" }));

    let reference = bytes(1, b"settings");
    let selector = [bytes(1, &reference), bytes(2, b"colour")].concat();
    let variable = [bytes(1, b"COLOUR"), bytes(3, &bytes(3, &selector))].concat();
    let container = [bytes(1, b"a"), bytes(7, &variable)].concat();
    let pod = decode(&body("v1", "Pod", &bytes(2, &bytes(2, &container)))).unwrap();
    let expected = json!([{ "name": "a", "env": [
        { "name": "COLOUR", "valueFrom": { "configMapKeyRef": { "name": "settings", "key": "colour" } } },
    ]}]);
    assert_eq!(pod["spec"]["containers"], expected);
}

#[test]
fn numbers_times_and_ports_should_read_as_in_json() {
    // A port 80 with targetPort "http", whose type is 1.
    let port = [vec![3 << 3, 80], bytes(4, &[vec![1 << 3, 1], bytes(3, b"http")].concat())].concat();
    let service = decode(&body("v1", "Service", &bytes(2, &bytes(1, &port)))).unwrap();
    assert_eq!(service["spec"]["ports"], json!([{ "port": 80, "targetPort": "http" }]));

    let spec = bytes(4, &[1 << 3, 1, 2 << 3, 0xc0, 0x84, 0x3d]);
    let lease = decode(&body("coordination.k8s.io/v1", "Lease", &bytes(2, &spec))).unwrap();
    assert_eq!(lease["spec"], json!({ "renewTime": "1970-01-01T00:00:01.001000Z" }));

    let options = decode(&body("v1", "DeleteOptions", &[1 << 3, 0])).unwrap();
    assert_eq!(options["gracePeriodSeconds"], json!(0), "a pointer's zero is said");
}

#[test]
fn what_is_cut_short_should_be_refused() {
    let whole = body("v1", "Secret", &bytes(1, &bytes(1, b"name")));
    for length in 0..whole.len() {
        // Wherever a cut falls between two fields, less is said; nowhere does it panic.
        let _ = decode(&whole[..length]);
    }
    assert_eq!(decode(&whole[..whole.len() - 5]), Err(DecodeError::Malformed));
    assert!(matches!(decode(&body("v1", "Nothing", b"")), Err(DecodeError::UnknownKind(_))));
}

#[test]
fn every_type_that_is_listed_should_be_known() {
    for kind in crate::api::scheme::KINDS {
        let name = schema::message_of(kind.api_version, kind.kind);
        assert!(schema::fields(&name).is_some(), "{name}");
    }
}
