//! Tests of the documents as clients read them.

use std::collections::BTreeSet;

use prost::Message;

use super::*;
use crate::api::schema::Schema;
use crate::api::scheme::KINDS;

fn parsed(document: &Document) -> Value {
    serde_json::from_slice(&document.bytes).unwrap()
}

fn v3_of(path: &str) -> Value {
    parsed(open_api().v3(path).unwrap())
}

/// The documents, made once for all tests.
fn open_api() -> &'static OpenApi {
    static OPEN_API: OnceLock<OpenApi> = OnceLock::new();
    OPEN_API.get_or_init(OpenApi::default)
}

/// Every `$ref` of a document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                match inner {
                    Value::String(target) if name == "$ref" => drop(found.insert(target.clone())),
                    inner => references(inner, found),
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| references(element, found)),
        _ => {}
    }
}

fn assert_references_resolve(document: &Value) {
    let mut found = BTreeSet::new();
    references(document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn every_reference_should_resolve() {
    let open_api = open_api();
    assert_references_resolve(&parsed(open_api.v2_json()));
    for document in open_api.documents().v3.values() {
        assert_references_resolve(&parsed(document));
    }
}

#[test]
fn every_kind_and_its_list_should_name_its_group_version_and_kind() {
    let swagger = parsed(open_api().v2_json());
    for kind in KINDS {
        let definition = kinds::definition(kind);
        for (name, expected) in
            [(definition.clone(), kind.kind), (format!("{definition}List"), kind.list_kind)]
        {
            let expected = json!([{ "group": kind.group, "kind": expected, "version": kind.version }]);
            for schema in [
                &swagger["definitions"][&name],
                &v3_of(&group_path(kind.group, kind.version))["components"]["schemas"][&name],
            ] {
                assert_eq!(schema["x-kubernetes-group-version-kind"], expected, "{name}");
                assert_eq!(schema["type"], "object", "{name}");
            }
        }
    }
}

#[test]
fn containers_should_merge_by_name_in_both_dialects() {
    let containers = |properties: &Value| {
        let mut schema = properties["containers"].clone();
        schema.as_object_mut().unwrap().remove("description");
        schema
    };
    let pod_spec = "io.k8s.api.core.v1.PodSpec";
    let swagger = parsed(open_api().v2_json());
    assert_eq!(
        containers(&swagger["definitions"][pod_spec]["properties"]),
        json!({
            "items": { "$ref": "#/definitions/io.k8s.api.core.v1.Container" },
            "type": "array",
            "x-kubernetes-list-map-keys": ["name"],
            "x-kubernetes-list-type": "map",
            "x-kubernetes-patch-merge-key": "name",
            "x-kubernetes-patch-strategy": "merge",
        })
    );
    assert_eq!(
        containers(&v3_of("api/v1")["components"]["schemas"][pod_spec]["properties"]),
        json!({
            "items": { "allOf": [{ "$ref": "#/components/schemas/io.k8s.api.core.v1.Container" }], "default": {} },
            "type": "array",
            "x-kubernetes-list-map-keys": ["name"],
            "x-kubernetes-list-type": "map",
            "x-kubernetes-patch-merge-key": "name",
            "x-kubernetes-patch-strategy": "merge",
        })
    );
    assert_eq!(swagger["definitions"][pod_spec]["required"], json!(["containers"]));
    assert!(swagger["definitions"]["io.k8s.api.core.v1.Pod"].get("required").is_none());
}

#[test]
fn scalars_should_look_as_upstream_publishes_them() {
    let swagger = parsed(open_api().v2_json());
    let core = v3_of("api/v1");
    let cases = [
        (
            "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
            json!({ "format": "int-or-string", "type": "string" }),
            json!({ "format": "int-or-string", "oneOf": [{ "type": "integer" }, { "type": "string" }] }),
        ),
        (
            "io.k8s.apimachinery.pkg.api.resource.Quantity",
            json!({ "type": "string" }),
            json!({ "oneOf": [{ "type": "string" }, { "type": "number" }] }),
        ),
        (
            "io.k8s.apimachinery.pkg.apis.meta.v1.Time",
            json!({ "format": "date-time", "type": "string" }),
            json!({ "format": "date-time", "type": "string" }),
        ),
    ];
    for (name, v2, v3) in cases {
        for (schema, expected) in
            [(&swagger["definitions"][name], v2), (&core["components"]["schemas"][name], v3)]
        {
            let mut schema = schema.clone();
            assert!(schema.as_object_mut().unwrap().remove("description").is_some(), "{name}");
            assert_eq!(schema, expected, "{name}");
        }
    }
}

#[test]
fn fields_should_have_defaults_and_enumerations() {
    let core = v3_of("api/v1");
    let property = |name: &str, field: &str| {
        core["components"]["schemas"][format!("io.k8s.api.core.v1.{name}")]["properties"][field].clone()
    };
    assert_eq!(property("ContainerPort", "protocol")["default"], "TCP");
    assert_eq!(property("Container", "name")["default"], "");
    assert_eq!(property("PodSpec", "restartPolicy")["enum"], json!(["Always", "Never", "OnFailure"]));
    let description = property("PodSpec", "restartPolicy")["description"].as_str().unwrap().to_owned();
    assert!(
        description.ends_with("Possible enum values:\n - `\"Always\"`\n - `\"Never\"`\n - `\"OnFailure\"`")
    );
    let swagger = parsed(open_api().v2_json());
    let port = &swagger["definitions"]["io.k8s.api.core.v1.ContainerPort"]["properties"]["protocol"];
    assert!(port.get("default").is_none(), "swagger has no defaults");
}

#[test]
fn every_property_of_a_type_should_be_in_the_facts_table() {
    let mut missing = Vec::new();
    for (name, schema) in types::generated() {
        let Some(facts) = Schema::for_openapi_name(&name) else { continue };
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        let unknown = properties.filter(|(property, _)| facts.field(property).is_none());
        missing.extend(unknown.map(|(property, _)| format!("{name}.{property}")));
    }
    assert!(missing.is_empty(), "{missing:?}");
}

/// What kubectl's `QueryParamVerifier` looks for.
#[test]
fn patch_of_every_kind_should_take_dry_run_and_field_validation() {
    let swagger = parsed(open_api().v2_json());
    for kind in KINDS {
        let gvk = json!({ "group": kind.group, "kind": kind.kind, "version": kind.version });
        for paths in [&swagger["paths"], &v3_of(&group_path(kind.group, kind.version))["paths"]] {
            let patches = paths.as_object().unwrap().values().filter_map(|item| item.get("patch"));
            let mut found =
                patches.filter(|patch| patch["x-kubernetes-group-version-kind"] == gvk).peekable();
            assert!(found.peek().is_some(), "{kind:?}");
            for patch in found {
                let names: Vec<_> = patch["parameters"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|parameter| &parameter["name"])
                    .collect();
                assert!(
                    names.contains(&&json!("dryRun")) && names.contains(&&json!("fieldValidation")),
                    "{kind:?}"
                );
            }
        }
    }
}

#[test]
fn operations_should_have_upstreams_names() {
    let swagger = parsed(open_api().v2_json());
    let cases = [
        ("/api/v1/", "get", "getCoreV1APIResources", ""),
        ("/api/v1/pods", "get", "listCoreV1PodForAllNamespaces", "list"),
        ("/api/v1/namespaces/{namespace}/pods", "get", "listCoreV1NamespacedPod", "list"),
        ("/api/v1/namespaces/{namespace}/pods", "post", "createCoreV1NamespacedPod", "post"),
        (
            "/api/v1/namespaces/{namespace}/pods",
            "delete",
            "deleteCoreV1CollectionNamespacedPod",
            "deletecollection",
        ),
        ("/api/v1/namespaces/{namespace}/pods/{name}", "put", "replaceCoreV1NamespacedPod", "put"),
        (
            "/api/v1/namespaces/{namespace}/pods/{name}/status",
            "patch",
            "patchCoreV1NamespacedPodStatus",
            "patch",
        ),
        ("/api/v1/namespaces/{namespace}/pods/{name}/log", "get", "readCoreV1NamespacedPodLog", "get"),
        (
            "/api/v1/namespaces/{namespace}/pods/{name}/binding",
            "post",
            "createCoreV1NamespacedPodBinding",
            "post",
        ),
        (
            "/api/v1/namespaces/{namespace}/pods/{name}/proxy",
            "get",
            "connectCoreV1GetNamespacedPodProxy",
            "connect",
        ),
        (
            "/api/v1/namespaces/{namespace}/pods/{name}/proxy/{path}",
            "post",
            "connectCoreV1PostNamespacedPodProxyWithPath",
            "connect",
        ),
        (
            "/api/v1/namespaces/{namespace}/pods/{name}/exec",
            "get",
            "connectCoreV1GetNamespacedPodExec",
            "connect",
        ),
        (
            "/api/v1/namespaces/{namespace}/pods/{name}/portforward",
            "post",
            "connectCoreV1PostNamespacedPodPortforward",
            "connect",
        ),
        ("/api/v1/namespaces/{name}/finalize", "put", "replaceCoreV1NamespaceFinalize", "put"),
        ("/api/v1/nodes/{name}", "get", "readCoreV1Node", "get"),
        ("/api/v1/watch/nodes", "get", "watchCoreV1NodeList", "watchlist"),
        (
            "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}",
            "patch",
            "patchCoordinationV1NamespacedLease",
            "patch",
        ),
    ];
    for (path, method, id, action) in cases {
        let operation = &swagger["paths"][path][method];
        assert_eq!(operation["operationId"], id, "{method} {path}");
        assert_eq!(operation["x-kubernetes-action"].as_str().unwrap_or_default(), action, "{method} {path}");
    }
}

#[test]
fn streams_should_have_their_options_as_parameters_of_the_path() {
    let swagger = parsed(open_api().v2_json());
    let exec = &swagger["paths"]["/api/v1/namespaces/{namespace}/pods/{name}/exec"];
    let names: Vec<&str> = exec["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| parameter["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["command", "container", "name", "namespace", "stderr", "stdin", "stdout", "tty"]);
    let kind = &exec["get"]["x-kubernetes-group-version-kind"];
    assert_eq!(*kind, json!({ "group": "", "kind": "PodExecOptions", "version": "v1" }));
}

#[test]
fn operation_names_should_be_unique() {
    let swagger = parsed(open_api().v2_json());
    let items = swagger["paths"].as_object().unwrap().values();
    let operations =
        items.flat_map(|item| item.as_object().unwrap().values()).filter(|value| value.is_object());
    let mut seen = BTreeSet::new();
    for operation in operations {
        let id = operation["operationId"].as_str().unwrap();
        assert!(seen.insert(id.to_owned()), "{id}");
    }
}

#[test]
fn index_should_lead_to_every_document_by_its_hash() {
    let open_api = open_api();
    let index = parsed(open_api.v3_index());
    let paths = index["paths"].as_object().unwrap();
    let names: Vec<_> = paths.keys().map(String::as_str).collect();
    let groups = ["coordination", "discovery", "events", "networking", "storage"];
    let groups = groups.map(|group| format!("{group}.k8s.io"));
    let groups = std::iter::once("apps".to_owned()).chain(groups);
    let expected: Vec<_> = groups.map(|group| format!("apis/{group}/v1")).collect();
    assert_eq!(names[0], "api/v1");
    assert_eq!(names[1..], expected);
    for (path, entry) in paths {
        let document = open_api.v3(path).unwrap();
        let expected = format!("/openapi/v3/{path}?hash={}", document.hash);
        assert_eq!(entry["serverRelativeURL"], expected.as_str());
    }
}

#[test]
fn documents_should_not_differ_from_one_server_to_the_next() {
    let (one, other) = (open_api(), OpenApi::default());
    assert_eq!(one.v2_json().hash, other.v2_json().hash);
    assert_eq!(one.v2_protobuf().hash, other.v2_protobuf().hash);
    assert_eq!(one.v3_index().hash, other.v3_index().hash);
}

#[test]
fn protobuf_should_say_what_the_json_says() {
    let open_api = open_api();
    let swagger = parsed(open_api.v2_json());
    let document = gnostic::Document::decode(&*open_api.v2_protobuf().bytes).unwrap();
    assert_eq!(document.swagger, "2.0");
    let definitions = document.definitions.unwrap().additional_properties;
    assert_eq!(definitions.len(), swagger["definitions"].as_object().unwrap().len());
    for entry in definitions {
        assert_eq!(schema_json(&entry.value.unwrap()), swagger["definitions"][&entry.name], "{}", entry.name);
    }
    let paths = document.paths.unwrap().path;
    assert_eq!(paths.len(), swagger["paths"].as_object().unwrap().len());
    for entry in paths {
        let item = entry.value.unwrap();
        let methods = [
            ("get", item.get),
            ("put", item.put),
            ("post", item.post),
            ("delete", item.delete),
            ("patch", item.patch),
        ];
        for (method, operation) in methods {
            let expected = swagger["paths"][&entry.name].get(method);
            assert_eq!(
                operation.map(|operation| operation_json(&operation)).as_ref(),
                expected,
                "{}",
                entry.name
            );
        }
    }
}

fn schema_json(schema: &gnostic::Schema) -> Value {
    let mut object = serde_json::Map::new();
    let mut put = |name: &str, value: Value| drop(object.insert(name.to_owned(), value));
    for (name, text) in
        [("$ref", &schema.reference), ("format", &schema.format), ("description", &schema.description)]
    {
        if !text.is_empty() {
            put(name, json!(text));
        }
    }
    if !schema.required.is_empty() {
        put("required", json!(schema.required));
    }
    if !schema.r#enum.is_empty() {
        put("enum", schema.r#enum.iter().map(|value| any_json(Some(value))).collect());
    }
    if let Some(values) = schema.additional_properties.as_ref().and_then(|item| item.schema.as_ref()) {
        put("additionalProperties", schema_json(values));
    }
    if let Some(ty) = &schema.r#type {
        put("type", json!(ty.value[0]));
    }
    if let Some(items) = &schema.items {
        put("items", schema_json(&items.schema[0]));
    }
    if let Some(properties) = &schema.properties {
        let entries = properties.additional_properties.iter();
        put(
            "properties",
            entries
                .map(|entry| (entry.name.clone(), schema_json(entry.value.as_ref().unwrap())))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        );
    }
    schema.vendor_extension.iter().for_each(|entry| put(&entry.name, any_json(entry.value.as_ref())));
    object.into()
}

fn any_json(any: Option<&gnostic::Any>) -> Value {
    serde_json::from_str(&any.unwrap().yaml).unwrap()
}

fn operation_json(operation: &gnostic::Operation) -> Value {
    let mut object = json!({
        "consumes": operation.consumes,
        "description": operation.description,
        "operationId": operation.operation_id,
        "produces": operation.produces,
        "schemes": operation.schemes,
        "tags": operation.tags,
        "responses": operation.responses.as_ref().unwrap().response_code.iter().map(|entry| {
            let response = entry.value.as_ref().unwrap().response.as_ref().unwrap();
            let mut value = json!({ "description": response.description });
            if let Some(schema) = &response.schema {
                value["schema"] = schema_json(schema.schema.as_ref().unwrap());
            }
            (entry.name.clone(), value)
        }).collect::<serde_json::Map<_, _>>(),
    });
    if !operation.parameters.is_empty() {
        object["parameters"] = operation.parameters.iter().map(parameter_json).collect();
    }
    for entry in &operation.vendor_extension {
        object[&entry.name] = any_json(entry.value.as_ref());
    }
    object
}

fn parameter_json(item: &gnostic::ParametersItem) -> Value {
    let parameter = item.parameter.as_ref().unwrap();
    if let Some(body) = &parameter.body_parameter {
        let mut value = json!({ "in": body.r#in, "name": body.name, "schema": schema_json(body.schema.as_ref().unwrap()) });
        if body.required {
            value["required"] = true.into();
        }
        return value;
    }
    let other = parameter.non_body_parameter.as_ref().unwrap();
    let query = other.query_parameter_sub_schema.as_ref().unwrap();
    json!({
        "description": query.description,
        "in": query.r#in,
        "name": query.name,
        "type": query.r#type,
        "uniqueItems": query.unique_items,
    })
}
