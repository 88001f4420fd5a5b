//! `create`, and what the chain gives a new object.

use super::*;

#[test]
fn server_should_say_what_only_it_knows() {
    let claimed = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "a", "uid": "mine", "creationTimestamp": "2001-01-01T00:00:00Z",
            "deletionTimestamp": "2001-01-01T00:00:00Z", "deletionGracePeriodSeconds": 3,
            "managedFields": [{ "manager": "me", "operation": "Update" }],
        },
    });
    let made = api().create("configmaps/default", &claimed).unwrap();
    let metadata = &made["metadata"];
    assert_eq!(metadata["creationTimestamp"], "2026-01-01T00:00:00Z");
    assert_eq!(metadata["namespace"], "default");
    assert_ne!(metadata["uid"], "mine");
    for absent in ["deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"] {
        assert!(metadata.get(absent).is_none(), "{absent}");
    }
}

#[test]
fn refusals_should_bear_upstreams_sentences() {
    let api = api();
    api.create("configmaps/default", &config_map("taken")).unwrap();
    let base = with(pod(""), "/metadata/generateName", "web-".into());
    let without_account = with(base.clone(), "/spec/serviceAccountName", "robot".into());
    let cases = [
        ("configmaps/default", config_map("taken"), 409, "configmaps \"taken\" already exists"),
        ("configmaps/nowhere", config_map("a"), 404, "namespaces \"nowhere\" not found"),
        (
            "configmaps/default",
            with(config_map("a"), "/metadata/namespace", "kube-system".into()),
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            "configmaps/default",
            with(config_map("a"), "/metadata/resourceVersion", "7".into()),
            500,
            "resourceVersion should not be set on objects to be created",
        ),
        (
            "configmaps/default",
            config_map(""),
            422,
            "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required",
        ),
        (
            "pods/default",
            without_account,
            403,
            "pods \"web-\" is forbidden: error looking up service account default/robot: \
             serviceaccount \"robot\" not found",
        ),
    ];
    for (path, body, code, message) in cases {
        assert_eq!(api.create(path, &body), Err((code, message.to_owned())), "{body}");
    }
}

#[test]
fn bodies_should_be_read_as_generously_as_upstream_reads_them() {
    let api = api();
    let wrapped = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "a" }, "data": { "k": "aGVs\nbG8=\n", "n": null } });
    let secret = api.create("secrets/default", &wrapped).unwrap();
    assert_eq!(secret["data"], json!({ "k": "aGVsbG8=", "n": "" }));
    let empty =
        with(with(config_map("a"), "/data", json!({ "k": null })), "/binaryData", json!({ "b": "YQ\r\n==" }));
    let made = api.create("configmaps/default", &empty).unwrap();
    assert_eq!((&made["data"], &made["binaryData"]), (&json!({ "k": "" }), &json!({ "b": "YQ==" })));
}

#[test]
fn quantities_should_be_stored_in_canonical_form() {
    let api = api();
    let resources = json!({ "limits": { "cpu": 0.5, "memory": "1024Mi" }, "requests": { "cpu": "0.25" } });
    let body = with(pod("web"), "/spec/containers/0/resources", resources.clone());
    let made = api.create("pods/default", &body).unwrap();
    let canonical = json!({ "limits": { "cpu": "500m", "memory": "1Gi" }, "requests": { "cpu": "250m", "memory": "1Gi" } });
    assert_eq!(made["spec"]["containers"][0]["resources"], canonical);
    // What was applied once may be applied again, in whatever spelling.
    let again =
        json!({ "spec": { "containers": [{ "name": "main", "image": "nginx", "resources": resources }] } });
    let patch = Patch::new(PatchType::Strategic, again);
    let after = api.send("pods/default/web", Operation::Patch(patch, WriteOptions::default())).unwrap();
    assert_eq!(after, made);
}

#[test]
fn body_of_another_kind_should_be_refused_in_upstreams_words() {
    let api = api();
    let no_kind = "no kind \"Gadget\" is registered for version \"example.com/v1\" in scheme \
                   \"pkg/api/legacyscheme/scheme.go:30\"";
    for (path, api_version, kind, message) in [
        (
            "configmaps/default",
            "v1",
            "Secret",
            "Secret in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): \
             unknown conversion"
                .to_owned(),
        ),
        (
            "leases/default",
            "apps/v1",
            "Deployment",
            "Deployment in version \"v1\" cannot be handled as a Lease: converting (v1.Deployment) to \
             (coordination.Lease): unknown conversion"
                .to_owned(),
        ),
        (
            "configmaps/default",
            "example.com/v1",
            "Gadget",
            format!("Gadget in version \"v1\" cannot be handled as a ConfigMap: {no_kind}"),
        ),
        (
            "events/default",
            "events.k8s.io/v1",
            "Event",
            "the API version in the data (events.k8s.io/v1) does not match the expected API version (v1)".to_owned(),
        ),
    ] {
        let body = json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": "a" } });
        assert_eq!(api.create(path, &body), Err((400, message)));
    }
    let unsaid = json!({ "apiVersion": "", "kind": null, "metadata": { "name": "a" } });
    assert!(api.create("configmaps/default", &unsaid).is_ok());
}

#[test]
fn generated_names_should_differ_and_keep_their_base() {
    let api = api();
    let body = with(config_map(""), "/metadata/generateName", "part-".into());
    let names: std::collections::BTreeSet<String> = (0..50)
        .map(|_| {
            api.create("configmaps/default", &body).unwrap()["metadata"]["name"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(names.len(), 50);
    assert!(names.iter().all(|name| name.starts_with("part-") && name.len() == 10));
}

#[test]
fn namespace_should_bear_its_name_and_the_finalizers_of_all() {
    let api = api();
    let namespace = |metadata: Value, finalizers: Value| {
        let spec = json!({ "finalizers": finalizers });
        let body = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata, "spec": spec });
        api.create("namespaces", &body).unwrap()
    };
    let made = namespace(json!({ "generateName": "team-" }), json!(["example.com/a"]));
    assert_eq!(made["metadata"]["labels"]["kubernetes.io/metadata.name"], made["metadata"]["name"]);
    assert_eq!(made["spec"]["finalizers"], json!(["example.com/a", "kubernetes"]));
    let made = namespace(json!({ "name": "b" }), json!(["kubernetes", "example.com/a"]));
    assert_eq!(made["spec"]["finalizers"], json!(["kubernetes", "example.com/a"]));
}

#[test]
fn dry_run_should_answer_like_a_create_and_write_nothing() {
    let api = api();
    api.create("configmaps/default", &config_map("taken")).unwrap();
    let before = api.revision();
    let create = |name| api.send("configmaps/default", Operation::Create(text(&config_map(name)), dry()));
    assert!(create("free").is_ok());
    assert_eq!(create("taken").unwrap_err().0, 409);
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
        "spec": { "type": "NodePort", "ports": [{ "port": 80 }] },
    });
    assert!(api.send("services/default", Operation::Create(text(&service), dry())).is_ok());
    assert_eq!(api.revision(), before);
}

#[test]
fn nothing_new_should_come_into_a_terminating_namespace() {
    let api = api();
    let team = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "team" } });
    api.create("namespaces", &team).unwrap();
    api.delete("namespaces//team", DeleteOptions::default()).unwrap();
    let create = Operation::Create(text(&config_map("a")), WriteOptions::default());
    let status = api.answer(request("configmaps/team", create)).err().unwrap();
    let sentence = "configmaps \"a\" is forbidden: unable to create new content in namespace team because it is \
                    being terminated";
    assert_eq!(refusal(&status), (403, sentence.to_owned()));
    let causes = status.details.unwrap().causes.unwrap();
    assert_eq!(causes[0].reason.as_deref(), Some("NamespaceTerminating"));
}

#[test]
fn addresses_of_a_service_should_be_its_own_until_it_is_gone() {
    let api = api();
    let service = |name: &str, ip: &str, port: i32| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": name },
            "spec": { "type": "NodePort", "clusterIP": ip, "ports": [{ "port": 80, "nodePort": port }] },
        })
    };
    api.create("services/default", &service("a", "10.96.7.7", 30080)).unwrap();
    let taken = [("10.96.7.7", 30081, "spec.clusterIPs"), ("10.96.7.8", 30080, "spec.ports[0].nodePort")];
    for (ip, port, field) in taken {
        let (code, message) = api.create("services/default", &service("b", ip, port)).unwrap_err();
        assert_eq!(code, 422);
        assert!(message.contains(field) && message.contains("already allocated"), "{message}");
    }
    api.delete("services/default/a", DeleteOptions::default()).unwrap();
    assert!(api.create("services/default", &service("b", "10.96.7.7", 30080)).is_ok());
}

#[test]
fn addresses_should_be_free_after_the_last_finalizer_of_their_service_went() {
    let api = api();
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": "a", "finalizers": ["example.com/hold"] },
        "spec": { "clusterIP": "10.96.7.7", "ports": [{ "port": 80 }] },
    });
    api.create("services/default", &service).unwrap();
    api.delete("services/default/a", DeleteOptions::default()).unwrap();
    api.merge("services/default/a", json!({ "metadata": { "finalizers": null } })).unwrap();
    assert_eq!(api.get("services/default/a").unwrap_err().0, 404);
    assert!(api.create("services/default", &service).is_ok());
}

#[test]
fn cluster_should_be_bootstrapped_again_on_what_an_earlier_start_left() {
    let (server, _) = crate::apiserver::testing::server();
    for _ in 0..2 {
        futures::executor::block_on(server.bootstrap("172.18.0.2:6443".parse().unwrap())).unwrap();
    }
}
