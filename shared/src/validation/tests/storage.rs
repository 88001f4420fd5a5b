//! PersistentVolumes, claims and classes: new ones and their changes.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;

use super::*;

const SIZE: &str = "accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}";

fn claim(spec: &str, status: &str) -> PersistentVolumeClaim {
    defaulted(&format!(
        "{{metadata: {{name: c, namespace: d, resourceVersion: '1'}}, spec: {{{spec}}}, status: {{{status}}}}}"
    ))
}

#[test]
fn new_claims_should_say_what_they_want() {
    let table: [(&str, &[&str]); 6] = [
        (SIZE, &[]),
        (
            "volumeMode: Odd",
            &[
                "spec.accessModes: Required value: at least 1 access mode is required",
                "spec.resources[storage]: Required value",
                "spec.volumeMode: Unsupported value: \"Odd\": supported values: \"Block\", \"Filesystem\"",
            ],
        ),
        (
            "accessModes: [ReadWriteOncePod, ReadWriteMany], resources: {requests: {storage: '0'}}",
            &[
                "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
                "spec.resources[storage]: Invalid value: \"0\": must be greater than zero",
            ],
        ),
        (
            "accessModes: [RWO], resources: {requests: {storage: 1Gi}}",
            &[
                "spec.accessModes: Unsupported value: \"RWO\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"",
            ],
        ),
        ("storageClassName: '', accessModes: [ReadWriteOnce], resources: {requests: {storage: 1}}", &[]),
        (
            "dataSource: {kind: Secret, name: s}, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1}}",
            &[
                "spec.dataSource: Invalid value: \"Secret\": must be 'PersistentVolumeClaim' when referencing the default apiGroup",
            ],
        ),
    ];
    for (spec, expected) in table {
        assert_eq!(texts(validate_create(&claim(spec, ""))), expected, "{spec}");
    }
}

#[test]
fn bound_claims_should_change_in_their_size_only() {
    let bound = "phase: Bound, capacity: {storage: 1Gi}";
    let volume = format!("{SIZE}, volumeName: v");
    let immutable = "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n";
    let larger = "accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}, volumeName: v";
    let smaller = "accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}, volumeName: v";
    let others = "accessModes: [ReadWriteMany], resources: {requests: {storage: 1Gi}}, volumeName: v";
    let table = [
        (SIZE, "phase: Pending", volume.as_str(), None),
        (volume.as_str(), bound, larger, None),
        (volume.as_str(), bound, others, Some(immutable)),
        (volume.as_str(), "phase: Pending", larger, Some(immutable)),
        (
            volume.as_str(),
            bound,
            smaller,
            Some("spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"),
        ),
    ];
    for (before, status, after, expected) in table {
        let errors = texts(validate_update(&claim(after, status), &claim(before, status)));
        let begins = |error: &String| expected.is_some_and(|expected| error.starts_with(expected));
        assert_eq!(
            (errors.len(), errors.iter().all(begins)),
            (usize::from(expected.is_some()), true),
            "{errors:?}"
        );
    }
}

fn volume(rest: &str) -> String {
    format!(
        "{{metadata: {{name: v, resourceVersion: '1'}}, spec: {{capacity: {{storage: 1Gi}}, accessModes: [ReadWriteOnce], {rest}}}}}"
    )
}

#[test]
fn volumes_should_have_one_source_which_stays() {
    check::<PersistentVolume>(&volume("hostPath: {path: /a}"), &[]);
    check::<PersistentVolume>(&volume(""), &["spec: Required value: must specify a volume type"]);
    check::<PersistentVolume>(
        &volume("local: {path: /a/../b}"),
        &[
            "spec.local.path: Invalid value: \"/a/../b\": must not contain '..'",
            "spec.nodeAffinity: Required value: Local volume requires node affinity",
        ],
    );
    check::<PersistentVolume>(
        &volume("hostPath: {path: /a}, nfs: {server: s, path: /b}"),
        &["spec.nfs: Forbidden: may not specify more than 1 volume type"],
    );
    check::<PersistentVolume>(
        "{metadata: {name: v}, spec: {hostPath: {path: /a}, persistentVolumeReclaimPolicy: Keep}}",
        &[
            "spec.accessModes: Required value",
            "spec.capacity: Required value",
            "spec.capacity: Unsupported value: null: supported values: \"storage\"",
            "spec.persistentVolumeReclaimPolicy: Unsupported value: \"Keep\": supported values: \"Delete\", \"Recycle\", \"Retain\"",
        ],
    );
    let of = |rest: &str| defaulted::<PersistentVolume>(&volume(rest));
    let errors = texts(validate_update(&of("hostPath: {path: /b}"), &of("hostPath: {path: /a}")));
    let expected =
        "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n";
    assert!(errors.len() == 1 && errors[0].starts_with(expected), "{errors:?}");
}

#[test]
fn classes_should_stay_what_they_are() {
    check::<StorageClass>("{metadata: {name: s}, provisioner: a/b}", &[]);
    check::<StorageClass>(
        "{metadata: {name: s}, provisioner: '', reclaimPolicy: Recycle, volumeBindingMode: Now}",
        &[
            "provisioner: Required value",
            "reclaimPolicy: Unsupported value: \"Recycle\": supported values: \"Delete\", \"Retain\"",
            "volumeBindingMode: Unsupported value: \"Now\": supported values: \"Immediate\", \"WaitForFirstConsumer\"",
        ],
    );
    let of = |rest: &str| {
        defaulted::<StorageClass>(&format!("{{metadata: {{name: s, resourceVersion: '1'}}, {rest}}}"))
    };
    let new = of(
        "provisioner: a/c, reclaimPolicy: Retain, volumeBindingMode: WaitForFirstConsumer, allowVolumeExpansion: true",
    );
    assert_eq!(
        texts(validate_update(&new, &of("provisioner: a/b"))),
        [
            "provisioner: Forbidden: updates to provisioner are forbidden.",
            "reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.",
            "volumeBindingMode: Invalid value: \"WaitForFirstConsumer\": field is immutable",
        ]
    );
}
