//! What a URL path means: `pkg/endpoints/request/requestinfo.go` of kubernetes/apiserver.

use crate::api::scheme::{self, Kind, Subresource};

/// A path of the API, taken apart.
#[derive(Debug, PartialEq)]
pub enum Path<'a> {
    /// A resource, or a collection of them.
    Resource(ResourcePath<'a>),
    /// A resource path whose group, version or resource nobody serves.
    Unknown,
    /// Anything else.
    Other,
}

/// The path of an object, a collection or a subresource.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourcePath<'a> {
    /// The kind behind group, version and plural name.
    pub kind: &'static Kind,
    /// The namespace, empty where the path names none.
    pub namespace: &'a str,
    /// The object's name, empty for collections.
    pub name: &'a str,
    /// The subresource, where the path names one.
    pub subresource: Option<&'static Subresource>,
    /// What follows the subresource, without the leading slash: the path given to `proxy`.
    pub rest: &'a str,
    /// Whether the path is the old form of a watch, `/api/v1/watch/…`.
    pub watch: bool,
}

impl PartialEq for Subresource {
    fn eq(&self, other: &Subresource) -> bool {
        self.name == other.name
    }
}

/// Takes a path apart; segments are not percent-decoded.
pub fn parse(path: &str) -> Path<'_> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (group, version, rest) = match path.split_once('/') {
        Some(("api", rest)) => match rest.split_once('/') {
            Some((version, rest)) => ("", version, rest),
            None => return Path::Other,
        },
        Some(("apis", rest)) => {
            let mut parts = rest.splitn(3, '/');
            match (parts.next(), parts.next(), parts.next()) {
                (Some(group), Some(version), Some(rest)) => (group, version, rest),
                _ => return Path::Other,
            }
        }
        _ => return Path::Other,
    };
    if rest.is_empty() {
        return Path::Other;
    }
    resource(group, version, rest).map_or(Path::Unknown, Path::Resource)
}

fn resource<'a>(group: &str, version: &str, path: &'a str) -> Option<ResourcePath<'a>> {
    let (watch, path) = match path.strip_prefix("watch/") {
        Some(rest) => (true, rest),
        None => (false, path),
    };
    let (namespace, path) = namespaced(path);
    let mut parts = path.splitn(4, '/');
    let kind = scheme::by_resource(group, version, parts.next()?)?;
    let name = parts.next().unwrap_or_default();
    let subresource = match parts.next() {
        None | Some("") => None,
        Some(segment) => Some(kind.subresource(segment)?),
    };
    if kind.namespaced && namespace.is_empty() && !name.is_empty() {
        return None;
    }
    if !kind.namespaced && !namespace.is_empty() {
        return None;
    }
    let rest = parts.next().unwrap_or_default();
    if !rest.is_empty() && subresource.is_none_or(|subresource| subresource.name != "proxy") {
        return None;
    }
    Some(ResourcePath { kind, namespace, name, subresource, rest, watch })
}

/// Splits off `namespaces/NAME/` where a resource follows: `namespaces/NAME` itself, and its own
/// subresources, are about the namespace.
fn namespaced(path: &str) -> (&str, &str) {
    let Some(rest) = path.strip_prefix("namespaces/") else { return ("", path) };
    match rest.split_once('/') {
        Some((namespace, rest)) if !rest.is_empty() && !matches!(rest, "status" | "finalize") => {
            (namespace, rest)
        }
        _ => ("", path),
    }
}

/// What a request is about as the audit names it, whether or not anyone serves it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestInfo<'a> {
    /// The verb; of paths that are no resource, the method.
    pub verb: String,
    /// The API group.
    pub api_group: &'a str,
    /// The version in the group.
    pub api_version: &'a str,
    /// The namespace, empty where the path names none.
    pub namespace: &'a str,
    /// The plural name; `None` where the path is no resource.
    pub resource: Option<&'a str>,
    /// The object's name, empty for collections.
    pub name: &'a str,
    /// The subresource, empty where the path names none.
    pub subresource: &'a str,
}

impl<'a> RequestInfo<'a> {
    /// What a method on a path means; `watch` is the query's parameter of that name.
    pub fn new(method: &str, path: &'a str, watch: bool) -> RequestInfo<'a> {
        let other = || RequestInfo { verb: method.to_lowercase(), ..RequestInfo::default() };
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (api_group, api_version, parts) = match parts.as_slice() {
            ["api", version, parts @ ..] if !parts.is_empty() => ("", *version, parts),
            ["apis", group, version, parts @ ..] if !parts.is_empty() => (*group, *version, parts),
            _ => return other(),
        };
        let (old_watch, parts) = match parts {
            ["watch", parts @ ..] if !parts.is_empty() => (true, parts),
            parts => (false, parts),
        };
        let (namespace, parts) = match parts {
            ["namespaces", namespace, kind, ..] if !matches!(*kind, "status" | "finalize") => {
                (*namespace, &parts[2..])
            }
            ["namespaces", namespace, ..] => (*namespace, parts),
            parts => ("", parts),
        };
        let part = |index: usize| parts.get(index).copied().unwrap_or_default();
        let verb = if old_watch { "watch" } else { verb(method, part(1), watch) };
        RequestInfo {
            verb: verb.into(),
            api_group,
            api_version,
            namespace,
            resource: Some(part(0)),
            name: part(1),
            subresource: part(2),
        }
    }
}

fn verb(method: &str, name: &str, watch: bool) -> &'static str {
    match method {
        "GET" | "HEAD" if !name.is_empty() => "get",
        "GET" | "HEAD" if watch => "watch",
        "GET" | "HEAD" => "list",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" if name.is_empty() => "deletecollection",
        "DELETE" => "delete",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(path: &str) -> String {
        match parse(path) {
            Path::Resource(found) => format!(
                "{}|{}|{}|{}|{}{}",
                found.kind.plural,
                found.namespace,
                found.name,
                found.subresource.map_or("", |subresource| subresource.name),
                found.rest,
                if found.watch { "|watch" } else { "" }
            ),
            Path::Unknown => "unknown".into(),
            Path::Other => "other".into(),
        }
    }

    #[test]
    fn paths_should_mean_what_upstream_says() {
        let cases = [
            ("/api/v1/pods", "pods||||"),
            ("/api/v1/namespaces/default/pods", "pods|default|||"),
            ("/api/v1/namespaces/default/pods/web", "pods|default|web||"),
            ("/api/v1/namespaces/default/pods/web/log", "pods|default|web|log|"),
            ("/api/v1/namespaces/default/pods/web:80/proxy/a/b", "pods|default|web:80|proxy|a/b"),
            ("/api/v1/namespaces", "namespaces||||"),
            ("/api/v1/namespaces/default", "namespaces||default||"),
            ("/api/v1/namespaces/default/status", "namespaces||default|status|"),
            ("/api/v1/namespaces/default/finalize", "namespaces||default|finalize|"),
            ("/api/v1/nodes/node-1/status", "nodes||node-1|status|"),
            ("/api/v1/watch/pods", "pods|||||watch"),
            ("/api/v1/watch/namespaces/a/pods/b", "pods|a|b|||watch"),
            ("/apis/coordination.k8s.io/v1/namespaces/a/leases/b", "leases|a|b||"),
            ("/api/v1/namespaces/default/nodes/node-1", "unknown"),
            ("/api/v1/pods/web", "unknown"),
            ("/api/v1/namespaces/default/pods/web/status/", "pods|default|web|status|"),
            ("/api/v1/namespaces/default/pods/web/status/extra", "unknown"),
            ("/api/v1/namespaces/default/pods/web/log/a/b", "unknown"),
            ("/api/v1/namespaces/default/pods/web//extra", "unknown"),
            ("/api/v1/podz", "unknown"),
            ("/apis/apps/v9/deployments", "unknown"),
            ("/api/v1", "other"),
            ("/api", "other"),
            ("/apis/coordination.k8s.io/v1", "other"),
            ("/healthz", "other"),
        ];
        for (path, expected) in cases {
            assert_eq!(describe(path), expected, "{path}");
        }
    }

    #[test]
    fn requests_should_be_named_as_upstream_names_them() {
        let cases = [
            ("GET /api/v1/pods", "list /v1 pods"),
            ("GET /api/v1/pods?watch", "watch /v1 pods"),
            ("GET /api/v1/watch/namespaces/a/pods/b", "watch /v1 a pods b"),
            ("HEAD /api/v1/namespaces/a/pods/b?watch", "get /v1 a pods b"),
            ("POST /api/v1/namespaces/a/pods/b/exec", "create /v1 a pods b exec"),
            ("GET /api/v1/namespaces/a/pods/b/proxy/c/d", "get /v1 a pods b proxy"),
            ("PUT /api/v1/namespaces/a/finalize", "update /v1 a namespaces a finalize"),
            ("DELETE /apis/apps/v1/namespaces/a/deployments/", "deletecollection apps/v1 a deployments"),
            ("DELETE /apis/apps/v1/namespaces/a/deployments/b", "delete apps/v1 a deployments b"),
            ("OPTIONS /api/v1/pods", " /v1 pods"),
            ("GET /api/v1", "get"),
            ("POST /apis/apps/v1/", "post"),
            ("GET /openapi/v2", "get"),
        ];
        for (request, expected) in cases {
            let (method, path) = request.split_once(' ').unwrap();
            let (path, watch) = path.split_once('?').map_or((path, false), |(path, _)| (path, true));
            let info = RequestInfo::new(method, path, watch);
            let found = match info.resource {
                None => info.verb,
                Some(resource) => {
                    let version = format!("{}/{}", info.api_group, info.api_version);
                    let parts = [&info.verb, &version, info.namespace, resource, info.name, info.subresource];
                    let parts: Vec<&str> = parts
                        .into_iter()
                        .enumerate()
                        .filter(|(index, part)| *index == 0 || !part.is_empty())
                        .map(|(_, part)| part)
                        .collect();
                    parts.join(" ")
                }
            };
            assert_eq!(found, expected, "{request}");
        }
    }
}
