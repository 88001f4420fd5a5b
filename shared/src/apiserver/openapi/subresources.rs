//! The paths below an object: `status`, `finalize`, `binding`, `log`, and the streams to pods.

use super::kinds::GroupVersionKind;
use super::operations::{
    ACCEPTED, Answer, Body, CREATED, OK, Operation, PathItem, capitalized, group_version, name_of,
    object_path, operation_id, patch, read, replace,
};
use super::parameters::{self, PROXY_PATH};
use crate::api::schema::Schema;
use crate::api::scheme::{Kind, Subresource, Verb};

/// The paths of a subresource; `proxy` has two.
pub(super) fn paths(kind: &'static Kind, subresource: &Subresource) -> Vec<PathItem> {
    let path = format!("{}/{}", object_path(kind), subresource.name);
    if let Some(own) = parameters::of_stream(subresource.name) {
        let mut parameters = name_of(kind);
        parameters.extend(own);
        parameters.sort_by_key(|parameter| parameter.name);
        return vec![PathItem { path, parameters, operations: connect(kind, subresource, "") }];
    }
    if subresource.name != "proxy" {
        let operations =
            subresource.verbs.iter().filter_map(|verb| operation(kind, subresource, *verb)).collect();
        return vec![PathItem { path, parameters: name_of(kind), operations }];
    }
    let mut with_path = name_of(kind);
    with_path.push(&PROXY_PATH);
    vec![
        PathItem {
            path: format!("{path}/{{path}}"),
            parameters: with_path,
            operations: connect(kind, subresource, "WithPath"),
        },
        PathItem { path, parameters: name_of(kind), operations: connect(kind, subresource, "") },
    ]
}

fn operation(kind: &'static Kind, subresource: &Subresource, verb: Verb) -> Option<Operation> {
    let suffix = capitalized(subresource.name);
    match verb {
        Verb::Get if subresource.name == "log" => Some(log(kind)),
        Verb::Get => Some(of_own_kind(read(kind, &suffix), subresource)),
        Verb::Update => Some(of_own_kind(replace(kind, &suffix), subresource)),
        Verb::Patch => Some(of_own_kind(patch(kind, &suffix), subresource)),
        Verb::Create => create(kind, subresource, &suffix),
        _ => None,
    }
}

/// The operation on the subresource's kind, where that is not the object's.
fn of_own_kind(operation: Operation, subresource: &Subresource) -> Operation {
    let Some(own) = own_kind(subresource) else { return operation };
    let Some(ty) = Schema::for_kind(&api_version(own), own.kind) else { return operation };
    let definition = ty.openapi_name();
    let body = match operation.body {
        Some(_) if operation.method == "put" => Some(Body::object(definition.clone())),
        body => body,
    };
    Operation { kind: Some(own), answer: Answer::Object(definition), body, ..operation }
}

fn log(kind: &'static Kind) -> Operation {
    let text = format!("read log of the specified {}", kind.kind);
    let operation = Operation::new(
        kind,
        "get",
        "get",
        operation_id(kind, "read", "Log"),
        text,
        Answer::Text("text/plain"),
    );
    Operation { parameters: parameters::LOG, ..operation }
}

/// POST of a kind of its own, such as `Binding`.
fn create(kind: &'static Kind, subresource: &Subresource, suffix: &str) -> Option<Operation> {
    let own = own_kind(subresource)?;
    let definition = Schema::for_kind(&api_version(own), own.kind)?.openapi_name();
    let id = operation_id(kind, "create", suffix);
    let text = format!("create {} of a {}", subresource.name, kind.kind);
    Some(Operation {
        kind: Some(own),
        parameters: parameters::WRITE,
        body: Some(Body::object(definition.clone())),
        codes: &[OK, CREATED, ACCEPTED],
        ..Operation::new(kind, "post", "post", id, text, Answer::Object(definition))
    })
}

fn own_kind(subresource: &Subresource) -> Option<GroupVersionKind> {
    subresource.kind.map(|(group, version, kind)| GroupVersionKind { group, version, kind })
}

fn api_version(own: GroupVersionKind) -> String {
    match own.group {
        "" => own.version.to_owned(),
        group => format!("{group}/{}", own.version),
    }
}

fn connect(kind: &'static Kind, subresource: &Subresource, suffix: &str) -> Vec<Operation> {
    let connect = |verb: &Verb| {
        let method = method(*verb)?;
        let id = format!(
            "connect{}{}Namespaced{}{}{suffix}",
            group_version(kind),
            capitalized(method),
            kind.kind,
            capitalized(subresource.name)
        );
        let (name, sent) = (subresource.name, method.to_uppercase());
        let text = format!("connect {sent} requests to {name} of {}", kind.kind);
        let operation = Operation::new(kind, method, "connect", id, text, Answer::Text("*/*"));
        Some(Operation { kind: own_kind(subresource), ..operation })
    };
    subresource.verbs.iter().filter_map(connect).collect()
}

fn method(verb: Verb) -> Option<&'static str> {
    match verb {
        Verb::Get => Some("get"),
        Verb::Create => Some("post"),
        Verb::Update => Some("put"),
        Verb::Patch => Some("patch"),
        Verb::Delete => Some("delete"),
        Verb::List | Verb::Watch | Verb::DeleteCollection => None,
    }
}
