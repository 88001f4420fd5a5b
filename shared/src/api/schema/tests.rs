use super::*;

fn pod_field(path: &str) -> &'static Field {
    Schema::at("v1", "Pod", path).unwrap_or_else(|| panic!("no {path}")).field
}

#[test]
fn every_line_of_the_table_should_be_understood() {
    assert_eq!(Schema::kubernetes().parsed().defects, Vec::<&str>::new());
    assert!(Schema::kubernetes().types().count() > 200);
}

#[test]
fn every_served_kind_should_have_a_type_with_metadata() {
    for (api_version, kind) in [
        ("v1", "Pod"),
        ("v1", "Node"),
        ("v1", "Namespace"),
        ("v1", "Service"),
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("v1", "Event"),
        ("v1", "Binding"),
        ("v1", "ServiceAccount"),
        ("v1", "PersistentVolume"),
        ("v1", "PersistentVolumeClaim"),
        ("storage.k8s.io/v1", "StorageClass"),
        ("coordination.k8s.io/v1", "Lease"),
        ("events.k8s.io/v1", "Event"),
        ("authentication.k8s.io/v1", "TokenRequest"),
        ("policy/v1", "Eviction"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "ReplicaSet"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("batch/v1", "Job"),
        ("batch/v1", "CronJob"),
        ("discovery.k8s.io/v1", "EndpointSlice"),
        ("networking.k8s.io/v1", "Ingress"),
        ("networking.k8s.io/v1", "IngressClass"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
    ] {
        let ty = Schema::for_kind(api_version, kind).unwrap_or_else(|| panic!("no {kind}"));
        let metadata = ty.field("metadata").and_then(|field| field.shape.object());
        assert_eq!(metadata.map(|ty| ty.name), Some("meta.v1.ObjectMeta"), "{kind}");
    }
    assert!(Schema::for_kind("v1", "Nonsense").is_none());
}

#[test]
fn merge_keys_should_equal_upstreams() {
    for (path, strategy, key, list_type, keys) in [
        ("spec.containers", "merge", Some("name"), Some(MergeType::Map), &["name"][..]),
        (
            "spec.containers[0].ports",
            "merge",
            Some("containerPort"),
            Some(MergeType::Map),
            &["containerPort", "protocol"],
        ),
        ("spec.containers[0].command", "", None, Some(MergeType::Atomic), &[]),
        ("spec.containers[0].volumeMounts", "merge", Some("mountPath"), Some(MergeType::Map), &["mountPath"]),
        ("spec.tolerations", "", None, Some(MergeType::Atomic), &[]),
        ("spec.volumes", "merge,retainKeys", Some("name"), Some(MergeType::Map), &["name"]),
        ("metadata.finalizers", "merge", None, Some(MergeType::Set), &[]),
        ("metadata.ownerReferences", "merge", Some("uid"), Some(MergeType::Map), &["uid"]),
        ("status.conditions", "merge", Some("type"), Some(MergeType::Map), &["type"]),
        ("status.podIPs", "merge", Some("ip"), Some(MergeType::Map), &["ip"]),
    ] {
        let field = pod_field(path);
        assert_eq!(field.patch_strategy.join(","), strategy, "{path}");
        assert_eq!(field.patch_merge_key, key, "{path}");
        assert_eq!(field.list_type(), list_type, "{path}");
        assert_eq!(field.list_map_keys, keys, "{path}");
    }
}

#[test]
fn shapes_should_have_the_names_that_go_prints() {
    for (path, name) in [
        ("spec.containers", "[]v1.Container"),
        ("spec.containers[0]", "v1.Container"),
        ("spec.containers[0].imagePullPolicy", "v1.PullPolicy"),
        ("spec.containers[0].resources.limits", "v1.ResourceList"),
        ("spec.containers[0].resources.limits[cpu]", "resource.Quantity"),
        ("spec.nodeSelector", "map[string]string"),
        ("spec.terminationGracePeriodSeconds", "int64"),
        ("metadata.uid", "types.UID"),
        ("metadata.labels[app.kubernetes.io/name]", "string"),
        ("metadata.creationTimestamp", "v1.Time"),
    ] {
        let place = Schema::at("v1", "Pod", path).unwrap_or_else(|| panic!("no {path}"));
        assert_eq!(place.shape.go_type(), name, "{path}");
    }
    let data = Schema::at("v1", "Secret", "data").unwrap();
    assert_eq!(data.shape.go_type(), "map[string][]uint8");
}

#[test]
fn a_path_that_leaves_the_type_should_lead_nowhere() {
    for path in ["spec.containers[0].imagee", "spec.nodeName.x", "", "spec.containers[0"] {
        assert!(Schema::at("v1", "Pod", path).is_none(), "{path}");
    }
}

#[test]
fn defaults_requirements_and_enumerations_should_be_known() {
    assert_eq!(pod_field("spec.containers[0].ports[0].protocol").default(), Some(json!("TCP")));
    assert!(pod_field("spec.containers").required);
    assert!(!pod_field("spec.nodeName").required);
    assert_eq!(
        pod_field("spec.restartPolicy").shape.enum_values(),
        Some(["Always", "OnFailure", "Never"].as_slice())
    );
    assert_eq!(pod_field("spec.nodeName").shape.enum_values(), None);
}

#[test]
fn types_should_be_found_by_their_openapi_name() {
    for name in ["io.k8s.api.core.v1.PodSpec", "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"] {
        assert_eq!(Schema::for_openapi_name(name).map(Type::openapi_name).as_deref(), Some(name));
    }
    assert!(Schema::for_openapi_name("io.k8s.api.meta.v1.ObjectMeta").is_none());
    assert_eq!(
        Value::Object(pod_field("spec.volumes").openapi_extensions()),
        json!({
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "x-kubernetes-patch-merge-key": "name",
            "x-kubernetes-patch-strategy": "merge,retainKeys",
        })
    );
}
