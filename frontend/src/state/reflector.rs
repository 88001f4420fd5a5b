//! One kind kept up to date by list and watch, as client-go's reflector does it, as a plain state
//! machine: it says what to ask next, and is told what came back.
//!
//! See `tools/cache/reflector.go` of kubernetes/client-go and
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes>.

use serde_json::Value;

use super::backoff::Backoff;
use super::collection::Change;
use super::object::{items, resource_version, text};

/// What to ask the API server next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// List everything.
    List,
    /// Watch for changes after this `resourceVersion`.
    Watch(String),
}

/// What one watch event means.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// Something changed.
    Change(Change),
    /// Time passed and nothing changed (a bookmark).
    Nothing,
    /// The watch is over; ask again.
    Over,
}

/// The state of one list-and-watch.
#[derive(Clone, Debug, Default)]
pub struct Reflector {
    resource_version: Option<String>,
    /// Grows with every failure, starts anew with every success.
    pub backoff: Backoff,
}

impl Reflector {
    /// What to ask next.
    pub fn ask(&self) -> Ask {
        self.resource_version.clone().map_or(Ask::List, Ask::Watch)
    }

    /// A list arrived. Its items lack `apiVersion` and `kind`; the list's own name tells them.
    pub fn listed(&mut self, list: &Value) -> Change {
        self.resource_version = Some(resource_version(list).to_owned());
        self.backoff.reset();
        let api_version = text(list, "/apiVersion");
        let kind = text(list, "/kind").trim_end_matches("List");
        Change::Listed(items(list, "/items").iter().map(|item| with_type(item, api_version, kind)).collect())
    }

    /// A watch event arrived.
    pub fn heard(&mut self, mut event: Value) -> Heard {
        let object = event.get_mut("object").map(Value::take).unwrap_or_default();
        if text(&event, "/type") == "ERROR" {
            // Whatever the Status says (410 Gone, as a rule), the safe answer is a new list.
            self.resource_version = None;
            return Heard::Over;
        }
        self.backoff.reset();
        let revision = resource_version(&object);
        if !revision.is_empty() {
            self.resource_version = Some(revision.to_owned());
        }
        match text(&event, "/type") {
            "ADDED" | "MODIFIED" => Heard::Change(Change::Stored(object)),
            "DELETED" => Heard::Change(Change::Deleted(object)),
            _ => Heard::Nothing,
        }
    }

    /// The watch could not be opened. A WebSocket does not tell why (the revision may be gone), a
    /// list will.
    pub fn refused(&mut self) {
        self.resource_version = None;
    }
}

fn with_type(item: &Value, api_version: &str, kind: &str) -> Value {
    let mut item = item.clone();
    if let Some(map) = item.as_object_mut() {
        map.entry("apiVersion").or_insert_with(|| api_version.into());
        map.entry("kind").or_insert_with(|| kind.into());
    }
    item
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed() -> Reflector {
        let mut reflector = Reflector::default();
        reflector.listed(&json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": []}));
        reflector
    }

    #[test]
    fn a_reflector_should_list_first_and_watch_from_the_lists_revision() {
        assert_eq!(Reflector::default().ask(), Ask::List);
        assert_eq!(listed().ask(), Ask::Watch("7".into()));
    }

    #[test]
    fn items_of_a_list_should_be_given_their_kind() {
        let change = Reflector::default()
            .listed(&json!({"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "a"}}]}));
        let Change::Listed(items) = change else { panic!("{change:?}") };
        assert_eq!((text(&items[0], "/kind"), text(&items[0], "/apiVersion")), ("Pod", "v1"));
    }

    #[test]
    fn a_watch_should_go_on_from_the_last_event_or_bookmark() {
        let mut reflector = listed();
        let object = json!({"metadata": {"name": "a", "resourceVersion": "8"}});
        let heard = reflector.heard(json!({"type": "MODIFIED", "object": object}));
        assert_eq!(heard, Heard::Change(Change::Stored(object)));
        assert_eq!(reflector.ask(), Ask::Watch("8".into()));
        let bookmark = json!({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "12"}}});
        assert_eq!(reflector.heard(bookmark), Heard::Nothing);
        assert_eq!(reflector.ask(), Ask::Watch("12".into()));
    }

    #[test]
    fn a_watch_that_is_too_old_should_list_again() {
        let mut reflector = listed();
        let gone = json!({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}});
        assert_eq!(reflector.heard(gone), Heard::Over);
        assert_eq!(reflector.ask(), Ask::List);
    }

    #[test]
    fn a_watch_that_was_refused_should_list_again() {
        let mut reflector = listed();
        reflector.refused();
        assert_eq!(reflector.ask(), Ask::List);
    }
}
