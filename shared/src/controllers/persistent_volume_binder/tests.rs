use k8s_openapi::api::core::v1::Event;
use serde_json::{Value, json};

use super::*;
use crate::controllers::test_pump::Pump;
use crate::persistent_volume::provisioning::PROVISIONER;

fn claim(name: &str, size: &str, spec: Value) -> PersistentVolumeClaim {
    let mut whole = json!({
        "metadata": { "namespace": "default", "name": name },
        "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": "",
            "resources": { "requests": { "storage": size } },
        },
    });
    merge(&mut whole["spec"], spec);
    serde_json::from_value(whole).unwrap()
}

fn volume(name: &str, size: &str, spec: Value) -> PersistentVolume {
    let mut whole = json!({
        "metadata": { "name": name, "labels": { "name": name } },
        "spec": {
            "accessModes": ["ReadWriteOnce"], "capacity": { "storage": size },
            "hostPath": { "path": "/data" },
        },
    });
    merge(&mut whole["spec"], spec);
    serde_json::from_value(whole).unwrap()
}

fn merge(into: &mut Value, from: Value) {
    for (field, value) in from.as_object().cloned().unwrap_or_default() {
        into[field] = value;
    }
}

type Binder = Pump<PersistentVolumeBinder>;

fn binder() -> Binder {
    Pump::new(PersistentVolumeBinder::default())
}

/// Phase and volume of a claim: `Bound v`.
fn state(pump: &Binder, name: &str) -> String {
    let claim: PersistentVolumeClaim = pump.get("default", name).unwrap();
    let phase = claim.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
    format!("{phase} {}", volume_name(&claim)).trim().to_owned()
}

fn phase(pump: &Binder, name: &str) -> String {
    let volume: PersistentVolume = pump.get("", name).unwrap();
    volume.status.and_then(|status| status.phase).unwrap_or_default()
}

fn events(pump: &Binder) -> Vec<String> {
    let events = pump.list::<Event>("default");
    events.iter().map(|event| event.reason.clone().unwrap_or_default()).collect()
}

#[test]
fn claim_should_get_the_smallest_volume_that_suits() {
    let mut pump = binder();
    for (name, size, spec) in [
        ("small", "1Gi", json!({})),
        ("large", "9Gi", json!({})),
        ("fits", "3Gi", json!({})),
        ("classy", "2Gi", json!({ "storageClassName": "fast" })),
        ("many", "2Gi", json!({ "accessModes": ["ReadOnlyMany"] })),
        ("raw", "2Gi", json!({ "volumeMode": "Block" })),
        ("kept", "2Gi", json!({ "claimRef": { "namespace": "default", "name": "someone" } })),
    ] {
        pump.create(volume(name, size, spec));
    }
    pump.run();
    pump.create(claim("c", "2Gi", json!({})));
    pump.run();
    assert_eq!(state(&pump, "c"), "Bound fits");
    let bound: PersistentVolumeClaim = pump.get("default", "c").unwrap();
    let status = bound.status.unwrap();
    assert_eq!(status.capacity.unwrap()["storage"].0, "3Gi");
    assert_eq!(status.access_modes.unwrap(), ["ReadWriteOnce"]);
    let volume: PersistentVolume = pump.get("", "fits").unwrap();
    assert_eq!(volume.spec.unwrap().claim_ref.unwrap().uid, bound.metadata.uid);
    assert_eq!(["fits", "small", "kept"].map(|name| phase(&pump, name)), ["Bound", "Available", "Available"]);
    pump.create(claim("someone", "1Gi", json!({})));
    pump.create(claim("chosen", "1Gi", json!({ "selector": { "matchLabels": { "name": "large" } } })));
    pump.run();
    assert_eq!([state(&pump, "someone"), state(&pump, "chosen")], ["Bound kept", "Bound large"]);
}

#[test]
fn two_claims_should_not_share_a_volume() {
    let mut pump = binder();
    pump.create(volume("v", "1Gi", json!({})));
    ["a", "b"].iter().for_each(|name| pump.create(claim(name, "1Gi", json!({}))));
    pump.run();
    let mut found = [state(&pump, "a"), state(&pump, "b")];
    found.sort();
    assert_eq!(found, ["Bound v", "Pending"]);
    assert_eq!(events(&pump), ["FailedBinding"]);
}

#[test]
fn claim_should_get_the_volume_that_it_names_if_that_suits() {
    let mut pump = binder();
    pump.create(volume("v", "1Gi", json!({})));
    pump.create(claim("greedy", "2Gi", json!({ "volumeName": "v" })));
    pump.create(claim("early", "1Gi", json!({ "volumeName": "w" })));
    pump.run();
    assert_eq!([state(&pump, "greedy"), state(&pump, "early")], ["Pending v", "Pending w"]);
    assert_eq!(events(&pump), ["VolumeMismatch"]);
    pump.create(volume("w", "1Gi", json!({})));
    pump.run();
    assert_eq!(state(&pump, "early"), "Bound w");
}

#[test]
fn a_claim_should_say_which_pods_it_waits_for() {
    let mut pump = binder();
    let told = |pump: &Binder| {
        let events = pump.list::<Event>("default").into_iter();
        let mut told: Vec<_> = events.filter_map(|event| Some((event.reason?, event.message?))).collect();
        told.sort();
        told
    };
    let waits = |reason: &str, message: &str| (reason.to_owned(), message.to_owned());
    pump.create(claim("c", "1Gi", json!({ "storageClassName": "standard" })));
    pump.run();
    let first = waits("WaitForFirstConsumer", "waiting for first consumer to be created before binding");
    assert_eq!(told(&pump), std::slice::from_ref(&first));
    let pod = |name: &str, node: Option<&str>| -> Pod {
        serde_json::from_value(json!({
            "metadata": { "namespace": "default", "name": name },
            "spec": {
                "nodeName": node,
                "containers": [{ "name": "a", "image": "nginx" }],
                "volumes": [{ "name": "v", "persistentVolumeClaim": { "claimName": "c" } }],
            },
        }))
        .unwrap()
    };
    pump.create(pod("placed", Some("node-1")));
    pump.run();
    assert_eq!(told(&pump), std::slice::from_ref(&first), "a pod with a node is not waited for");
    pump.create(pod("web", None));
    pump.run();
    let one = waits("WaitForPodScheduled", "waiting for pod web to be scheduled");
    assert_eq!(told(&pump), [first.clone(), one.clone()]);
    pump.create(pod("db", None));
    pump.run();
    let two = waits("WaitForPodScheduled", "waiting for pods db,web to be scheduled");
    assert_eq!(told(&pump), [first, one, two]);
}

#[test]
fn both_should_be_told_that_their_modes_differ() {
    let pump = binder();
    let claim = claim("c", "1Gi", json!({ "volumeName": "v" }));
    pump.create(claim);
    let uid = pump.get::<PersistentVolumeClaim>("default", "c").unwrap().metadata.uid;
    let reference = json!({ "namespace": "default", "name": "c", "uid": uid });
    pump.create(volume("v", "1Gi", json!({ "volumeMode": "Block", "claimRef": reference })));
    let unbound: PersistentVolumeClaim = pump.get("default", "c").unwrap();
    let mut known = Known::default();
    let mut claim = unbound.clone();
    claim.spec.as_mut().unwrap().volume_name = None;
    known.claims.insert(key_of(&claim), claim.clone());
    let look = known.look_at_volume(&pump.get("", "v").unwrap(), Timestamp::UNIX_EPOCH);
    let of_volume = "Cannot bind PersistentVolume to requested PersistentVolumeClaim \"c\" due to incompatible volumeMode.";
    let of_claim = "Cannot bind PersistentVolume \"v\" to requested PersistentVolumeClaim due to incompatible volumeMode.";
    assert_eq!(look.event.unwrap(), ("Warning", "VolumeMismatch", of_volume.to_owned()));
    let (item, told) = look.beside.unwrap();
    assert_eq!(
        (item, told),
        (Item::Claim(key_of(&claim)), ("Warning", "VolumeMismatch", of_claim.to_owned()))
    );
}

#[test]
fn class_should_say_when_and_by_whom_a_volume_is_made() {
    let mut pump = binder();
    let class = |name: &str, provisioner: &str| -> StorageClass {
        serde_json::from_value(json!({ "metadata": { "name": name }, "provisioner": provisioner })).unwrap()
    };
    pump.create(class("now", PROVISIONER));
    pump.create(class("none", "kubernetes.io/no-provisioner"));
    for (name, reason) in [
        ("standard", "WaitForFirstConsumer"),
        ("now", "ExternalProvisioning"),
        ("none", "ProvisioningFailed"),
        ("absent", "ProvisioningFailed"),
    ] {
        pump.create(claim(name, "1Gi", json!({ "storageClassName": name })));
        pump.run();
        assert_eq!(state(&pump, name), "Pending");
        let told = pump
            .list::<Event>("default")
            .into_iter()
            .find(|event| event.involved_object.name.as_deref() == Some(name));
        assert_eq!(told.and_then(|event| event.reason).as_deref(), Some(reason), "{name}");
        let asked: PersistentVolumeClaim = pump.get("default", name).unwrap();
        let annotation = annotation(&asked.metadata, crate::persistent_volume::STORAGE_PROVISIONER);
        assert_eq!(annotation, (name == "now").then_some(PROVISIONER), "{name}");
    }
    assert_eq!(pump.run(), 0);
}

#[test]
fn volume_should_be_released_and_reclaimed_when_its_claim_goes() {
    for (policy, provisioned, expected) in [
        ("Retain", false, "Released"),
        ("Delete", false, "Failed"),
        ("Recycle", false, "Failed"),
        ("Delete", true, "Released"),
    ] {
        let mut pump = binder();
        let mut made = volume("v", "1Gi", json!({ "persistentVolumeReclaimPolicy": policy }));
        if provisioned {
            crate::persistent_volume::annotate(
                &mut made.metadata,
                crate::persistent_volume::PROVISIONED_BY,
                "a/b",
            );
        }
        pump.create(made);
        pump.create(claim("c", "1Gi", json!({})));
        pump.run();
        assert_eq!(state(&pump, "c"), "Bound v");
        pump.merge::<PersistentVolumeClaim>("default", "c", json!({ "metadata": { "finalizers": null } }));
        pump.delete::<PersistentVolumeClaim>("default", "c");
        pump.run();
        assert_eq!(phase(&pump, "v"), expected, "{policy} {provisioned}");
        pump.create(claim("c", "1Gi", json!({})));
        pump.run();
        assert_eq!(state(&pump, "c"), "Pending", "another claim of that name is another claim");
    }
}

#[test]
fn claim_should_be_lost_with_its_volume() {
    let mut pump = binder();
    pump.create(volume("v", "1Gi", json!({})));
    pump.create(claim("c", "1Gi", json!({})));
    pump.run();
    pump.merge::<PersistentVolume>("", "v", json!({ "metadata": { "finalizers": null } }));
    pump.delete::<PersistentVolume>("", "v");
    pump.run();
    assert_eq!(state(&pump, "c"), "Lost v");
    assert_eq!(events(&pump), ["ClaimLost"]);
}
