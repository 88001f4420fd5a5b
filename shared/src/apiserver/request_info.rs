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
    Some(ResourcePath { kind, namespace, name, subresource, rest: parts.next().unwrap_or_default(), watch })
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
}
