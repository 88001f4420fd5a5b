//! What the address bar says: the selected object and the open tab, as `#/pods/default/web/logs`.

use crate::state::object::ObjectKey;
use crate::state::ui::{DetailsTab, Selection};

/// A place in the page that can be linked to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// The selected object.
    pub selection: Option<Selection>,
    /// The open tab of its details.
    pub tab: DetailsTab,
}

impl Route {
    /// Reads a location's hash; what it does not understand is the start.
    pub fn parse(hash: &str) -> Route {
        let parts: Vec<&str> =
            hash.trim_start_matches('#').split('/').filter(|part| !part.is_empty()).collect();
        let (selection, tab) = match parts.as_slice() {
            ["pods", namespace, name, rest @ ..] => (Selection::Pod(ObjectKey::new(namespace, name)), rest),
            ["nodes", name, rest @ ..] => (Selection::Node(ObjectKey::new("", name)), rest),
            ["services", namespace, name, rest @ ..] => {
                (Selection::Service(ObjectKey::new(namespace, name)), rest)
            }
            _ => return Route::default(),
        };
        let tab = tab.first().and_then(|slug| DetailsTab::from_slug(slug)).unwrap_or_default();
        Route { selection: Some(selection), tab }
    }

    /// The hash that leads here.
    pub fn hash(&self) -> String {
        match &self.selection {
            None => "#/".to_owned(),
            Some(Selection::Pod(key)) => format!("#/pods/{}/{}/{}", key.namespace, key.name, self.tab.slug()),
            Some(Selection::Service(key)) => {
                format!("#/services/{}/{}/{}", key.namespace, key.name, self.tab.slug())
            }
            Some(Selection::Node(key)) => format!("#/nodes/{}/{}", key.name, self.tab.slug()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_should_lead_where_it_was_made() {
        for hash in ["#/", "#/pods/default/web/logs", "#/nodes/node-1/status", "#/services/default/db/events"]
        {
            assert_eq!(Route::parse(hash).hash(), hash);
        }
    }

    #[test]
    fn a_hash_nobody_understands_should_lead_to_the_start() {
        for hash in ["", "#", "#/gizmos/x", "#/pods/default"] {
            assert_eq!(Route::parse(hash), Route::default());
        }
        assert_eq!(Route::parse("#/pods/default/web/gizmo").hash(), "#/pods/default/web/status");
    }
}
