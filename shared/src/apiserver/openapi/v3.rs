//! An OpenAPI 3.0 document of one group version (`pkg/builder3/openapi.go` of kube-openapi).

use serde_json::{Map, Value, json};

use super::definitions::{Definitions, reachable, reference, referred, visit};
use super::kinds;
use super::operations::{Answer, Body, Operation, PathItem, paths};
use super::parameters::Parameter;

/// The forms of an object on the wire.
const OBJECT: &[&str] = &["application/json", "application/yaml"];
const WATCHABLE: &[&str] = &["application/json", "application/json;stream=watch", "application/yaml"];

/// The document, its keys sorted.
pub(super) fn document(definitions: &Definitions, group: &'static str, version: &'static str) -> Value {
    let paths = paths(group, version);
    let mut document = json!({
        "openapi": "3.0.0",
        "info": { "title": "Kubernetes", "version": "unversioned" },
        "components": {
            "schemas": schemas(definitions, &paths, (group, version)),
            "securitySchemes": { "BearerToken": {
                "description": "Bearer Token authentication",
                "in": "header",
                "name": "authorization",
                "type": "apiKey",
            } },
        },
        "paths": paths.iter().map(|item| (item.path.clone(), path_item(item))).collect::<Map<_, _>>(),
    });
    document.sort_all_objects();
    document
}

fn schemas(
    definitions: &Definitions,
    paths: &[PathItem],
    group_version: (&'static str, &'static str),
) -> Value {
    let roots = paths.iter().flat_map(|item| &item.operations).flat_map(used);
    let mut reached = reachable(definitions, roots);
    for (name, kinds) in kinds::by_definition(&[group_version]) {
        if let Some(schema) = reached.get_mut(&name) {
            let kinds = kinds.into_iter().map(kinds::GroupVersionKind::to_json).collect::<Vec<_>>();
            schema.insert("x-kubernetes-group-version-kind".to_owned(), kinds.into());
        }
    }
    for schema in reached.values_mut() {
        visit(schema, &mut wrap_reference);
    }
    json!(reached)
}

/// The definitions that an operation names.
fn used(operation: &Operation) -> impl Iterator<Item = String> + use<> {
    let body = operation.body.as_ref().map(|body| body.definition.clone());
    let answer = match &operation.answer {
        Answer::Object(definition) | Answer::Watchable(definition) => Some(definition.clone()),
        Answer::Text(_) => None,
    };
    body.into_iter().chain(answer)
}

/// OpenAPI 3.0 ignores what stands beside a reference, so upstream moves it into `allOf`.
fn wrap_reference(schema: &mut Map<String, Value>) {
    if schema.len() > 1 && referred(schema).is_some() {
        let target = schema.remove("$ref");
        schema.insert("allOf".to_owned(), json!([{ "$ref": target }]));
    }
}

fn path_item(item: &PathItem) -> Value {
    let mut object: Map<String, Value> = item
        .operations
        .iter()
        .map(|operation| (operation.method.to_owned(), self::operation(operation)))
        .collect();
    if !item.parameters.is_empty() {
        object
            .insert("parameters".to_owned(), item.parameters.iter().map(|given| parameter(given)).collect());
    }
    object.into()
}

fn operation(operation: &Operation) -> Value {
    let mut object = json!({
        "description": operation.description,
        "operationId": operation.id,
        "responses": responses(operation),
        "tags": [operation.tag],
    });
    if !operation.parameters.is_empty() {
        object["parameters"] = operation.parameters.iter().map(|given| parameter(given)).collect();
    }
    if let Some(body) = &operation.body {
        object["requestBody"] = request_body(body);
    }
    if !operation.action.is_empty() {
        object["x-kubernetes-action"] = operation.action.into();
    }
    if let Some(kind) = operation.kind {
        object["x-kubernetes-group-version-kind"] = kind.to_json();
    }
    object
}

fn parameter(parameter: &Parameter) -> Value {
    let mut object = json!({
        "description": parameter.description,
        "in": parameter.place,
        "name": parameter.name,
        "schema": { "type": parameter.ty, "uniqueItems": true },
    });
    if parameter.place == "path" {
        object["required"] = true.into();
    }
    object
}

fn request_body(body: &Body) -> Value {
    let mut object = json!({ "content": content(body.media_types, &schema_of(&body.definition)) });
    if body.required {
        object["required"] = true.into();
    }
    object
}

fn responses(operation: &Operation) -> Value {
    let content = match &operation.answer {
        Answer::Object(definition) => content(OBJECT, &schema_of(definition)),
        Answer::Watchable(definition) => content(WATCHABLE, &schema_of(definition)),
        Answer::Text(media_type) => content(&[media_type], &json!({ "type": "string" })),
    };
    let mut responses = json!({ "401": { "description": "Unauthorized" } });
    for (code, phrase) in operation.codes {
        responses[code] = json!({ "content": content, "description": phrase });
    }
    responses
}

fn content(media_types: &[&str], schema: &Value) -> Value {
    media_types
        .iter()
        .map(|media_type| ((*media_type).to_owned(), json!({ "schema": schema })))
        .collect::<Map<_, _>>()
        .into()
}

fn schema_of(definition: &str) -> Value {
    json!({ "$ref": reference(definition) })
}
