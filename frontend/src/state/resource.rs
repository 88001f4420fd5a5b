//! From a kind to the path it is served at, by the server's own discovery.

use serde_json::Value;

use super::object::{ObjectKey, items, text, truth};

/// A kind as the server serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    api_version: String,
    plural: String,
    namespaced: bool,
}

/// The path of an API version's discovery document.
pub fn discovery_path(api_version: &str) -> String {
    if api_version.contains('/') { format!("/apis/{api_version}") } else { format!("/api/{api_version}") }
}

impl Resource {
    /// Finds a kind in an `APIResourceList`.
    pub fn find(list: &Value, kind: &str) -> Option<Resource> {
        let is_kind =
            |resource: &&Value| text(resource, "/kind") == kind && !text(resource, "/name").contains('/');
        let found = items(list, "/resources").iter().find(is_kind)?;
        Some(Resource {
            api_version: text(list, "/groupVersion").to_owned(),
            plural: text(found, "/name").to_owned(),
            namespaced: truth(found, "/namespaced"),
        })
    }

    /// Where an object of this kind lies; `default` for a namespaced one that names no namespace.
    ///
    /// # Errors
    /// kubectl's sentence for an object without a name: its path would be that of all objects.
    pub fn key(&self, object: &Value) -> Result<ObjectKey, &'static str> {
        let mut key = ObjectKey::of(object);
        if key.name.is_empty() {
            let is_generated = !text(object, "/metadata/generateName").is_empty();
            return Err(if is_generated {
                "cannot use generate name with apply"
            } else {
                "resource name may not be empty"
            });
        }
        match self.namespaced {
            true if key.namespace.is_empty() => key.namespace = "default".to_owned(),
            true => {}
            false => key.namespace.clear(),
        }
        Ok(key)
    }

    /// Where objects of this kind are created.
    pub fn collection_path(&self, namespace: &str) -> String {
        let root = discovery_path(&self.api_version);
        match self.namespaced {
            true => format!("{root}/namespaces/{namespace}/{}", self.plural),
            false => format!("{root}/{}", self.plural),
        }
    }

    /// Where one object lies.
    pub fn object_path(&self, key: &ObjectKey) -> String {
        format!("{}/{}", self.collection_path(&key.namespace), key.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_should_be_found_at_the_path_discovery_tells() {
        let core = json!({"groupVersion": "v1", "resources": [
            {"name": "pods/log", "kind": "Pod", "namespaced": true},
            {"name": "pods", "kind": "Pod", "namespaced": true},
            {"name": "nodes", "kind": "Node", "namespaced": false},
        ]});
        let apps = json!({"groupVersion": "apps/v1", "resources": [{"name": "deployments", "kind": "Deployment", "namespaced": true}]});
        let path = |list: &Value, object: Value| {
            let resource = Resource::find(list, text(&object, "/kind")).unwrap();
            resource.object_path(&resource.key(&object).unwrap())
        };
        let pod = json!({"kind": "Pod", "metadata": {"name": "web"}});
        let node = json!({"kind": "Node", "metadata": {"name": "n", "namespace": "x"}});
        let deployment = json!({"kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}});
        assert_eq!(path(&core, pod), "/api/v1/namespaces/default/pods/web");
        assert_eq!(path(&core, node), "/api/v1/nodes/n");
        assert_eq!(path(&apps, deployment), "/apis/apps/v1/namespaces/shop/deployments/web");
        assert_eq!(Resource::find(&core, "Gizmo"), None);
    }

    #[test]
    fn an_object_without_a_name_should_have_no_path() {
        let core =
            json!({"groupVersion": "v1", "resources": [{"name": "pods", "kind": "Pod", "namespaced": true}]});
        let pods = Resource::find(&core, "Pod").unwrap();
        let table = [
            (
                json!({"kind": "Pod", "metadata": {"generateName": "web-"}}),
                "cannot use generate name with apply",
            ),
            (json!({"kind": "Pod", "metadata": {}}), "resource name may not be empty"),
        ];
        for (object, expected) in table {
            assert_eq!(pods.key(&object), Err(expected));
        }
    }
}
