//! Types whose JSON is no structure, as upstream publishes them (`OpenAPIDefinition` methods of
//! kubernetes/apimachinery: `pkg/api/resource/quantity.go`, `pkg/util/intstr/intstr.go`).

use serde_json::{Map, Value, json};

/// The published schema of a type that `k8s-openapi` describes otherwise; the description is kept.
///
/// Both OpenAPI 3's `oneOf` and what swagger writes in its place are here; each dialect drops the other's.
pub(super) fn publish(name: &str, schema: &mut Map<String, Value>) {
    let published = match name {
        "io.k8s.apimachinery.pkg.api.resource.Quantity" => {
            json!({ "oneOf": [{ "type": "string" }, { "type": "number" }] })
        }
        "io.k8s.apimachinery.pkg.util.intstr.IntOrString" => {
            json!({ "format": "int-or-string", "oneOf": [{ "type": "integer" }, { "type": "string" }] })
        }
        _ => return,
    };
    schema.remove("x-kubernetes-int-or-string");
    if let Value::Object(published) = published {
        schema.extend(published);
    }
}

/// Swagger has no `oneOf`: these types are strings there.
pub(super) fn without_one_of(schema: &mut Map<String, Value>) {
    if schema.remove("oneOf").is_some() {
        schema.insert("type".to_owned(), json!("string"));
    }
}
