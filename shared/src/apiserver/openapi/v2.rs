//! The swagger 2.0 document of the whole API (`pkg/builder/openapi.go` of kube-openapi;
//! `pkg/server/routes/openapi.go` of kubernetes/apiserver takes the defaults out).

use serde_json::{Map, Value, json};

use super::definitions::{Definitions, referred, visit};
use super::operations::{Answer, Operation, PathItem, paths};
use super::parameters::Parameter;
use super::{group_versions, kinds, scalars};
use crate::apiserver::VERSION;

const OBJECT: &[&str] = &["application/json", "application/yaml"];
const WATCHABLE: &[&str] = &["application/json", "application/yaml", "application/json;stream=watch"];

/// The document, its keys sorted.
pub(super) fn document(definitions: &Definitions) -> Value {
    let paths = group_versions().into_iter().flat_map(|(group, version)| paths(group, version));
    let mut document = json!({
        "swagger": "2.0",
        "info": { "title": "Kubernetes", "version": VERSION },
        "definitions": schemas(definitions.clone()),
        "paths": paths.map(|item| (item.path.clone(), path_item(&item))).collect::<Map<_, _>>(),
        "security": [{ "BearerToken": [] }],
        "securityDefinitions": { "BearerToken": {
            "description": "Bearer Token authentication",
            "in": "header",
            "name": "authorization",
            "type": "apiKey",
        } },
    });
    document.sort_all_objects();
    document
}

fn schemas(mut definitions: Definitions) -> Value {
    for (name, kinds) in kinds::by_definition(&group_versions()) {
        if let Some(schema) = definitions.get_mut(&name) {
            let kinds = kinds.into_iter().map(kinds::GroupVersionKind::to_json).collect::<Vec<_>>();
            schema.insert("x-kubernetes-group-version-kind".to_owned(), kinds.into());
        }
    }
    for schema in definitions.values_mut() {
        visit(schema, &mut translate);
    }
    json!(definitions)
}

fn translate(schema: &mut Map<String, Value>) {
    // A property may be named `default`, but it stands in `properties`, not in the schema.
    schema.remove("default");
    scalars::without_one_of(schema);
    if let Some(name) = referred(schema) {
        schema.insert("$ref".to_owned(), reference(&name).into());
    }
}

fn reference(definition: &str) -> String {
    format!("#/definitions/{definition}")
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
    let consumes = operation.body.as_ref().map_or(&["*/*"][..], |body| body.media_types);
    let mut object = json!({
        "consumes": consumes,
        "description": operation.description,
        "operationId": operation.id,
        "produces": produces(&operation.answer),
        "responses": responses(operation),
        "schemes": ["https"],
        "tags": [operation.tag],
    });
    let parameters = parameters(operation);
    if !parameters.is_empty() {
        object["parameters"] = parameters.into();
    }
    if !operation.action.is_empty() {
        object["x-kubernetes-action"] = operation.action.into();
    }
    if let Some(kind) = operation.kind {
        object["x-kubernetes-group-version-kind"] = kind.to_json();
    }
    object
}

fn produces(answer: &Answer) -> Value {
    match answer {
        Answer::Object(_) => json!(OBJECT),
        Answer::Watchable(_) => json!(WATCHABLE),
        Answer::Text(media_type) => json!([media_type]),
    }
}

/// A request's body is a parameter here.
fn parameters(operation: &Operation) -> Vec<Value> {
    let body = operation.body.iter().map(|body| {
        let mut object =
            json!({ "in": "body", "name": "body", "schema": { "$ref": reference(&body.definition) } });
        if body.required {
            object["required"] = true.into();
        }
        object
    });
    body.chain(operation.parameters.iter().map(|given| parameter(given))).collect()
}

fn parameter(parameter: &Parameter) -> Value {
    let mut object = json!({
        "description": parameter.description,
        "in": parameter.place,
        "name": parameter.name,
        "type": parameter.ty,
        "uniqueItems": true,
    });
    if parameter.place == "path" {
        object["required"] = true.into();
    }
    object
}

fn responses(operation: &Operation) -> Value {
    let schema = match &operation.answer {
        Answer::Object(definition) | Answer::Watchable(definition) => {
            json!({ "$ref": reference(definition) })
        }
        Answer::Text(_) => json!({ "type": "string" }),
    };
    let mut responses = json!({ "401": { "description": "Unauthorized" } });
    for (code, phrase) in operation.codes {
        responses[code] = json!({ "description": phrase, "schema": schema });
    }
    responses
}
