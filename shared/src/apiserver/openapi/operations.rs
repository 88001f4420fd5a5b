//! The paths of a group version and what can be done there, in no dialect yet: operation names, actions
//! and bodies follow `pkg/endpoints/installer.go` of kubernetes/apiserver.

use super::kinds::{self, GroupVersionKind};
use super::parameters::{self, NAME, NAMESPACE, Parameter};
use super::subresources;
use crate::api::scheme::{KINDS, Kind, Verb};

/// A path and its operations.
pub(super) struct PathItem {
    pub(super) path: String,
    pub(super) parameters: Vec<&'static Parameter>,
    pub(super) operations: Vec<Operation>,
}

/// One method of a path.
pub(super) struct Operation {
    /// The HTTP method in lower case.
    pub(super) method: &'static str,
    /// `operationId`: `listCoreV1NamespacedPod`.
    pub(super) id: String,
    pub(super) tag: String,
    pub(super) description: String,
    /// `x-kubernetes-action`, empty where there is none.
    pub(super) action: &'static str,
    pub(super) kind: Option<GroupVersionKind>,
    pub(super) parameters: &'static [&'static Parameter],
    pub(super) body: Option<Body>,
    pub(super) answer: Answer,
    /// The codes of success, with their phrases.
    pub(super) codes: &'static [(&'static str, &'static str)],
}

/// What a request carries.
pub(super) struct Body {
    /// The name of a definition.
    pub(super) definition: String,
    pub(super) required: bool,
    pub(super) media_types: &'static [&'static str],
}

/// What a response carries.
pub(super) enum Answer {
    /// An object of a definition.
    Object(String),
    /// An object of a definition, or a stream of events where a watch is asked for.
    Watchable(String),
    /// Text that no definition describes.
    Text(&'static str),
}

pub(super) const OK: (&str, &str) = ("200", "OK");
pub(super) const CREATED: (&str, &str) = ("201", "Created");
pub(super) const ACCEPTED: (&str, &str) = ("202", "Accepted");
const ANY: &[&str] = &["*/*"];
/// The forms of patches that the server takes.
const PATCHES: &[&str] = &[
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

/// Every path of a group version.
pub(super) fn paths(group: &str, version: &str) -> Vec<PathItem> {
    let served = KINDS.iter().filter(|kind| kind.group == group && kind.version == version);
    let mut items: Vec<PathItem> = served.clone().flat_map(of_kind).collect();
    items.extend(served.take(1).map(resource_list));
    items.sort_by(|a, b| a.path.cmp(&b.path));
    items
}

fn of_kind(kind: &'static Kind) -> Vec<PathItem> {
    let mut items = vec![collection(kind), object(kind)];
    if kind.namespaced && kind.verbs.contains(&Verb::List) {
        items.push(across_namespaces(kind));
    }
    items.extend(watches(kind));
    items.extend(kind.subresources.iter().flat_map(|subresource| subresources::paths(kind, subresource)));
    items
}

/// `/api/v1/`: what is served.
fn resource_list(kind: &'static Kind) -> PathItem {
    let id = format!("get{}APIResources", group_version(kind));
    let answer = Answer::Object(kinds::meta("APIResourceList"));
    let mut get = Operation::new(kind, "get", "", id, "get available resources".to_owned(), answer);
    get.kind = None;
    PathItem { path: format!("{}/", root(kind)), parameters: Vec::new(), operations: vec![get] }
}

fn collection(kind: &'static Kind) -> PathItem {
    let operations = kind.verbs.iter().filter_map(|verb| match verb {
        Verb::List => Some(list(kind, operation_id(kind, "list", ""))),
        Verb::Create => Some(create(kind)),
        Verb::DeleteCollection => Some(delete_collection(kind)),
        _ => None,
    });
    PathItem { path: collection_path(kind), parameters: namespace_of(kind), operations: operations.collect() }
}

fn object(kind: &'static Kind) -> PathItem {
    let operations = kind.verbs.iter().filter_map(|verb| match verb {
        Verb::Get => Some(read(kind, "")),
        Verb::Update => Some(replace(kind, "")),
        Verb::Patch => Some(patch(kind, "")),
        Verb::Delete => Some(delete(kind)),
        _ => None,
    });
    PathItem { path: object_path(kind), parameters: name_of(kind), operations: operations.collect() }
}

fn across_namespaces(kind: &'static Kind) -> PathItem {
    let id = format!("list{}{}ForAllNamespaces", group_version(kind), kind.kind);
    let path = format!("{}/{}", root(kind), kind.plural);
    PathItem { path, parameters: Vec::new(), operations: vec![list(kind, id)] }
}

/// The old paths of watches.
fn watches(kind: &'static Kind) -> Vec<PathItem> {
    if !kind.verbs.contains(&Verb::Watch) {
        return Vec::new();
    }
    let old = |path: String| path.replacen(&root(kind), &format!("{}/watch", root(kind)), 1);
    let item = |path, parameters, id, action| PathItem {
        path: old(path),
        parameters,
        operations: vec![watch(kind, id, action)],
    };
    let mut items = vec![
        item(collection_path(kind), namespace_of(kind), operation_id(kind, "watch", "List"), "watchlist"),
        item(object_path(kind), name_of(kind), operation_id(kind, "watch", ""), "watch"),
    ];
    if kind.namespaced {
        let id = format!("watch{}{}ListForAllNamespaces", group_version(kind), kind.kind);
        items.push(item(format!("{}/{}", root(kind), kind.plural), Vec::new(), id, "watchlist"));
    }
    items
}

fn list(kind: &'static Kind, id: String) -> Operation {
    let answer = Answer::Watchable(format!("{}List", kinds::definition(kind)));
    let text = format!("list or watch objects of kind {}", kind.kind);
    Operation { parameters: parameters::LIST, ..Operation::new(kind, "get", "list", id, text, answer) }
}

fn watch(kind: &'static Kind, id: String, action: &'static str) -> Operation {
    let text = format!("watch objects of kind {}; deprecated: list with the parameter watch", kind.kind);
    let answer = Answer::Watchable(kinds::meta("WatchEvent"));
    Operation { parameters: parameters::LIST, ..Operation::new(kind, "get", action, id, text, answer) }
}

fn create(kind: &'static Kind) -> Operation {
    let definition = kinds::definition(kind);
    let text = format!("create {} {}", article(kind.kind), kind.kind);
    Operation {
        parameters: parameters::WRITE,
        body: Some(Body::object(definition.clone())),
        codes: &[OK, CREATED, ACCEPTED],
        ..Operation::new(
            kind,
            "post",
            "post",
            operation_id(kind, "create", ""),
            text,
            Answer::Object(definition),
        )
    }
}

fn delete_collection(kind: &'static Kind) -> Operation {
    let scope = if kind.namespaced { "Namespaced" } else { "" };
    let id = format!("delete{}Collection{scope}{}", group_version(kind), kind.kind);
    let text = format!("delete collection of {}", kind.kind);
    let answer = Answer::Object(kinds::meta("Status"));
    Operation {
        parameters: parameters::DELETE_COLLECTION,
        body: Some(Body::delete_options()),
        ..Operation::new(kind, "delete", "deletecollection", id, text, answer)
    }
}

fn delete(kind: &'static Kind) -> Operation {
    // Pods are answered themselves, since they go on to exist until their kubelet is done.
    let answer = if kind.kind == "Pod" { kinds::definition(kind) } else { kinds::meta("Status") };
    let text = format!("delete {} {}", article(kind.kind), kind.kind);
    Operation {
        parameters: parameters::DELETE,
        body: Some(Body::delete_options()),
        codes: &[OK, ACCEPTED],
        ..Operation::new(
            kind,
            "delete",
            "delete",
            operation_id(kind, "delete", ""),
            text,
            Answer::Object(answer),
        )
    }
}

/// GET of an object or of its subresource, whose name in camel case is `suffix`.
pub(super) fn read(kind: &'static Kind, suffix: &str) -> Operation {
    let text = about("read", kind, suffix);
    let answer = Answer::Object(kinds::definition(kind));
    Operation::new(kind, "get", "get", operation_id(kind, "read", suffix), text, answer)
}

/// PUT of an object or of its subresource.
pub(super) fn replace(kind: &'static Kind, suffix: &str) -> Operation {
    let definition = kinds::definition(kind);
    let text = about("replace", kind, suffix);
    Operation {
        parameters: parameters::WRITE,
        body: Some(Body::object(definition.clone())),
        codes: &[OK, CREATED],
        ..Operation::new(
            kind,
            "put",
            "put",
            operation_id(kind, "replace", suffix),
            text,
            Answer::Object(definition),
        )
    }
}

/// PATCH of an object or of its subresource.
pub(super) fn patch(kind: &'static Kind, suffix: &str) -> Operation {
    let body = Body { definition: kinds::meta("Patch"), required: true, media_types: PATCHES };
    let text = about("partially update", kind, suffix);
    let answer = Answer::Object(kinds::definition(kind));
    Operation {
        parameters: parameters::WRITE,
        body: Some(body),
        codes: &[OK, CREATED],
        ..Operation::new(kind, "patch", "patch", operation_id(kind, "patch", suffix), text, answer)
    }
}

fn about(verb: &str, kind: &Kind, suffix: &str) -> String {
    match suffix {
        "" => format!("{verb} the specified {}", kind.kind),
        suffix => format!("{verb} {} of the specified {}", suffix.to_lowercase(), kind.kind),
    }
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" }
}

impl Operation {
    /// An operation without parameters and body that answers 200.
    pub(super) fn new(
        kind: &'static Kind,
        method: &'static str,
        action: &'static str,
        id: String,
        description: String,
        answer: Answer,
    ) -> Operation {
        let tag = format!("{}_{}", kinds::short_group(kind.group), kind.version);
        let kind = Some(GroupVersionKind::of(kind));
        Operation {
            method,
            id,
            tag,
            description,
            action,
            kind,
            parameters: &[],
            body: None,
            answer,
            codes: &[OK],
        }
    }
}

impl Body {
    /// An object that must be there.
    pub(super) fn object(definition: String) -> Body {
        Body { definition, required: true, media_types: ANY }
    }

    fn delete_options() -> Body {
        Body { definition: kinds::meta("DeleteOptions"), required: false, media_types: ANY }
    }
}

/// `readCoreV1NamespacedPodStatus`: verb, group version, scope, kind, suffix.
pub(super) fn operation_id(kind: &'static Kind, verb: &str, suffix: &str) -> String {
    let scope = if kind.namespaced { "Namespaced" } else { "" };
    format!("{verb}{}{scope}{}{suffix}", group_version(kind), kind.kind)
}

/// `CoreV1`.
pub(super) fn group_version(kind: &Kind) -> String {
    format!("{}{}", capitalized(kinds::short_group(kind.group)), capitalized(kind.version))
}

/// With the first letter in upper case.
pub(super) fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn root(kind: &Kind) -> String {
    match kind.group {
        "" => format!("/api/{}", kind.version),
        group => format!("/apis/{group}/{}", kind.version),
    }
}

fn collection_path(kind: &Kind) -> String {
    let namespace = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
    format!("{}{namespace}/{}", root(kind), kind.plural)
}

/// The path of an object.
pub(super) fn object_path(kind: &Kind) -> String {
    format!("{}/{{name}}", collection_path(kind))
}

fn namespace_of(kind: &Kind) -> Vec<&'static Parameter> {
    if kind.namespaced { vec![&NAMESPACE] } else { Vec::new() }
}

/// The parameters in the path of an object.
pub(super) fn name_of(kind: &Kind) -> Vec<&'static Parameter> {
    std::iter::once(&NAME).chain(namespace_of(kind)).collect()
}
