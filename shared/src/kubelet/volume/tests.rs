//! Volumes as tables: a volume, and the files that it has or why it has none.

use serde_json::{Value, json};

use super::*;

/// One ConfigMap, one Secret, and a token of every kind.
struct World(BTreeMap<String, Quantity>);

fn data(entries: &[(&str, &str)]) -> Data {
    entries.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
}

impl Sources for World {
    fn config_map(&self, name: &str) -> Option<Data> {
        (name == "settings").then(|| data(&[("colour", "blue"), ("size", "7")]))
    }

    fn secret(&self, name: &str) -> Option<Data> {
        (name == "keys").then(|| data(&[("tls.key", "k")]))
    }

    fn token(&self, request: &TokenRequest) -> Result<String, String> {
        match request.audience.as_str() {
            "nobody" => Err("no such audience".into()),
            audience => Ok(format!("token for {audience:?}, {} s", request.expiration_seconds)),
        }
    }

    fn allocatable(&self) -> &BTreeMap<String, Quantity> {
        &self.0
    }
}

fn pod(volume: &Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {
            "name": "web", "namespace": "shop", "uid": "1-2",
            "labels": {"tier": "front", "app": "a \"b\"\n"},
        },
        "spec": {
            "containers": [{"name": "a", "resources": {"limits": {"cpu": "250m"}}}],
            "volumes": [volume],
        },
    }))
    .unwrap()
}

/// The files as lines `path mode content`, or the error.
fn shown(volume: &Value) -> String {
    let mut volume = volume.clone();
    volume["name"] = "v".into();
    let pod = pod(&volume);
    let world = World(serde_json::from_value(json!({"cpu": "2", "memory": "1Gi"})).unwrap());
    let volume = volumes(&pod).next().unwrap();
    match files(&pod, volume, &world) {
        Err(error) => format!("! {error}"),
        Ok(files) => {
            let line = |(path, file): (&String, &File)| {
                format!("{path} {:o} {}", file.mode, String::from_utf8_lossy(&file.content))
            };
            files.iter().map(line).collect::<Vec<_>>().join("; ")
        }
    }
}

#[test]
fn volumes_should_hold_what_their_objects_say() {
    let cases = [
        (json!({"configMap": {"name": "settings"}}), "colour 644 blue; size 644 7"),
        (
            json!({"configMap": {"name": "settings", "defaultMode": 0o400, "items": [
                {"key": "size", "path": "a/b"}, {"key": "colour", "path": "c", "mode": 0o755},
            ]}}),
            "a/b 400 7; c 755 blue",
        ),
        (json!({"configMap": {"name": "none"}}), "! configmap \"none\" not found"),
        (json!({"configMap": {"name": "none", "optional": true}}), ""),
        (
            json!({"configMap": {"name": "settings", "items": [{"key": "x", "path": "x"}]}}),
            "! references non-existent config key: x",
        ),
        (
            json!({"configMap": {"name": "settings", "optional": true, "items": [{"key": "x", "path": "x"}]}}),
            "",
        ),
        (json!({"secret": {"secretName": "keys", "defaultMode": 0o600}}), "tls.key 600 k"),
        (json!({"secret": {"secretName": "none"}}), "! secret \"none\" not found"),
        (
            json!({"secret": {"secretName": "keys", "items": [{"key": "x", "path": "x"}]}}),
            "! references non-existent secret key: x",
        ),
        (
            json!({"downwardAPI": {"items": [
                {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                {"path": "tier", "fieldRef": {"fieldPath": "metadata.labels['tier']"}},
                {"path": "id", "mode": 0o440, "fieldRef": {"fieldPath": "metadata.uid"}},
                {"path": "cpu", "resourceFieldRef": {"containerName": "a", "resource": "limits.cpu", "divisor": "1m"}},
                {"path": "memory", "resourceFieldRef": {"containerName": "a", "resource": "limits.memory", "divisor": "1Mi"}},
            ]}}),
            "cpu 644 250; id 440 1-2; labels 644 app=\"a \\\"b\\\"\\n\"\ntier=\"front\"; memory 644 1024; tier 644 front",
        ),
        (
            json!({"downwardAPI": {"items": [
                {"path": "cpu", "resourceFieldRef": {"containerName": "z", "resource": "limits.cpu"}},
            ]}}),
            "! container z not found",
        ),
    ];
    for (volume, expected) in cases {
        assert_eq!(shown(&volume), expected, "{volume}");
    }
}

#[test]
fn projected_volumes_should_join_their_sources() {
    let joined = json!({"projected": {"defaultMode": 0o444, "sources": [
        {"configMap": {"name": "settings", "items": [{"key": "size", "path": "size"}]}},
        {"secret": {"name": "keys", "items": [{"key": "tls.key", "path": "tls/key", "mode": 0o400}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "none", "optional": true}},
    ]}});
    assert_eq!(
        shown(&joined),
        "namespace 444 shop; size 444 7; tls/key 400 k; token 444 token for \"\", 3607 s"
    );
    let wrong = json!({"projected": {"sources": [
        {"configMap": {"name": "none"}},
        {"secret": {"name": "keys"}},
        {"serviceAccountToken": {"path": "token", "audience": "nobody"}},
    ]}});
    assert_eq!(shown(&wrong), "! [configmap \"none\" not found, no such audience]");
}

#[test]
fn all_that_a_pods_volumes_are_made_of_should_be_known() {
    let volume = json!({"name": "v", "projected": {"sources": [
        {"configMap": {"name": "settings"}}, {"secret": {"name": "keys"}},
        {"serviceAccountToken": {"path": "a", "expirationSeconds": 600, "audience": "vault"}},
    ]}});
    let pod = pod(&volume);
    let expected = [Reference::ConfigMap("settings".into()), Reference::Secret("keys".into())];
    assert_eq!(references(&pod), expected.into());
    let token = TokenRequest { audience: "vault".into(), expiration_seconds: 600 };
    assert_eq!(tokens(&pod), [token].into());
}

#[test]
fn mount_points_inside_a_volume_should_be_found() {
    let pod: Pod = serde_json::from_value(json!({"spec": {"containers": [
        {"name": "a", "volumeMounts": [
            {"name": "v", "mountPath": "/etc/app"}, {"name": "w", "mountPath": "/etc/app/certs/"},
            {"name": "x", "mountPath": "/etc/application"},
        ]},
        {"name": "b", "volumeMounts": [{"name": "v", "mountPath": "/v/"}, {"name": "w", "mountPath": "/v/a/b"}]},
    ]}}))
    .unwrap();
    assert_eq!(nested_mount_points(&pod, "v"), ["a/b".to_owned(), "certs".to_owned()].into());
    assert!(nested_mount_points(&pod, "w").is_empty());
}

#[test]
fn waits_should_double_up_to_their_longest() {
    let seconds = |failures| retry_after(failures).as_secs_f64();
    assert_eq!([1, 2, 3, 9, 60].map(seconds), [0.5, 1.0, 2.0, 122.0, 122.0]);
}
