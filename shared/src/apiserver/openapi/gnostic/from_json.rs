//! From swagger's JSON to gnostic's messages.

use serde_json::Value;

use super::*;

pub(super) fn document(swagger: &Value) -> Document {
    Document {
        swagger: text(swagger, "swagger"),
        info: swagger
            .get("info")
            .map(|info| Info { title: text(info, "title"), version: text(info, "version") }),
        paths: Some(Paths {
            path: named(swagger, "paths", |name, item| NamedPathItem { name, value: Some(path_item(item)) }),
        }),
        definitions: swagger.get("definitions").map(|_| schemas(swagger, "definitions")),
        security: elements(swagger, "security").map(requirement).collect(),
        security_definitions: swagger.get("securityDefinitions").map(|_| security_definitions(swagger)),
    }
}

fn requirement(requirement: &Value) -> SecurityRequirement {
    let entries = requirement.as_object().into_iter().flatten();
    let entry = |(name, _): (&String, _)| NamedStringArray {
        name: name.clone(),
        value: Some(StringArray::default()),
    };
    SecurityRequirement { additional_properties: entries.map(entry).collect() }
}

fn security_definitions(swagger: &Value) -> SecurityDefinitions {
    let key = |key: &Value| ApiKeySecurity {
        r#type: text(key, "type"),
        name: text(key, "name"),
        r#in: text(key, "in"),
        description: text(key, "description"),
    };
    SecurityDefinitions {
        additional_properties: named(swagger, "securityDefinitions", |name, value| {
            NamedSecurityDefinitionsItem {
                name,
                value: Some(SecurityDefinitionsItem { api_key_security: Some(key(value)) }),
            }
        }),
    }
}

fn path_item(item: &Value) -> PathItem {
    let method = |name: &str| item.get(name).map(operation);
    PathItem {
        get: method("get"),
        put: method("put"),
        post: method("post"),
        delete: method("delete"),
        patch: method("patch"),
        parameters: elements(item, "parameters").map(parameter).collect(),
    }
}

fn operation(operation: &Value) -> Operation {
    Operation {
        tags: texts(operation, "tags"),
        description: text(operation, "description"),
        operation_id: text(operation, "operationId"),
        produces: texts(operation, "produces"),
        consumes: texts(operation, "consumes"),
        parameters: elements(operation, "parameters").map(parameter).collect(),
        responses: Some(Responses {
            response_code: named(operation, "responses", |name, value| NamedResponseValue {
                name,
                value: Some(ResponseValue { response: Some(response(value)) }),
            }),
        }),
        schemes: texts(operation, "schemes"),
        vendor_extension: extensions(operation),
    }
}

fn response(response: &Value) -> Response {
    let schema = response.get("schema").map(|inner| SchemaItem { schema: Some(schema(inner)) });
    Response { description: text(response, "description"), schema }
}

fn parameter(parameter: &Value) -> ParametersItem {
    let case = match text(parameter, "in").as_str() {
        "body" => Parameter { body_parameter: Some(body_parameter(parameter)), non_body_parameter: None },
        "path" => non_body(NonBodyParameter {
            path_parameter_sub_schema: Some(path_parameter(parameter)),
            ..Default::default()
        }),
        _ => non_body(NonBodyParameter {
            query_parameter_sub_schema: Some(query_parameter(parameter)),
            ..Default::default()
        }),
    };
    ParametersItem { parameter: Some(case) }
}

fn non_body(parameter: NonBodyParameter) -> Parameter {
    Parameter { body_parameter: None, non_body_parameter: Some(parameter) }
}

fn body_parameter(parameter: &Value) -> BodyParameter {
    BodyParameter {
        name: text(parameter, "name"),
        r#in: text(parameter, "in"),
        required: flag(parameter, "required"),
        schema: parameter.get("schema").map(schema),
    }
}

fn path_parameter(parameter: &Value) -> PathParameter {
    PathParameter {
        required: flag(parameter, "required"),
        r#in: text(parameter, "in"),
        description: text(parameter, "description"),
        name: text(parameter, "name"),
        r#type: text(parameter, "type"),
        unique_items: flag(parameter, "uniqueItems"),
    }
}

fn query_parameter(parameter: &Value) -> QueryParameter {
    QueryParameter {
        r#in: text(parameter, "in"),
        description: text(parameter, "description"),
        name: text(parameter, "name"),
        r#type: text(parameter, "type"),
        unique_items: flag(parameter, "uniqueItems"),
    }
}

fn schemas(parent: &Value, name: &str) -> NamedSchemas {
    let entry = |name, value: &Value| NamedSchema { name, value: Some(schema(value)) };
    NamedSchemas { additional_properties: named(parent, name, entry) }
}

fn schema(value: &Value) -> Schema {
    let values = value
        .get("additionalProperties")
        .map(|inner| AdditionalPropertiesItem { schema: Some(Box::new(schema(inner))) });
    Schema {
        reference: text(value, "$ref"),
        format: text(value, "format"),
        description: text(value, "description"),
        required: texts(value, "required"),
        r#enum: elements(value, "enum").map(any).collect(),
        additional_properties: values.map(Box::new),
        r#type: value.get("type").map(|_| TypeItem { value: vec![text(value, "type")] }),
        items: value.get("items").map(|items| ItemsItem { schema: vec![schema(items)] }),
        properties: value.get("properties").map(|_| schemas(value, "properties")),
        vendor_extension: extensions(value),
    }
}

fn extensions(value: &Value) -> Vec<NamedAny> {
    let entries = value.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with("x-"));
    entries.map(|(name, value)| NamedAny { name: name.clone(), value: Some(any(value)) }).collect()
}

fn any(value: &Value) -> Any {
    Any { yaml: value.to_string() }
}

fn named<T>(parent: &Value, name: &str, entry: impl Fn(String, &Value) -> T) -> Vec<T> {
    let entries = parent.get(name).and_then(Value::as_object).into_iter().flatten();
    entries.map(|(name, value)| entry(name.clone(), value)).collect()
}

fn elements<'a>(parent: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    parent.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text(parent: &Value, name: &str) -> String {
    parent.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn texts(parent: &Value, name: &str) -> Vec<String> {
    elements(parent, name).filter_map(Value::as_str).map(str::to_owned).collect()
}

fn flag(parent: &Value, name: &str) -> bool {
    parent.get(name).and_then(Value::as_bool).unwrap_or(false)
}
