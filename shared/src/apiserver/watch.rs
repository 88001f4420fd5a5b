//! `watch`: a collection's changes from a revision on.
//!
//! Follows `pkg/storage/cacher` and `pkg/endpoints/handlers/watch.go` of kubernetes/apiserver. The
//! stream pulls from the store's log, so a slow client costs the server nothing but its place in it.

use std::collections::VecDeque;

use futures::future;
use futures::stream::{self, StreamExt};

use crate::store::{RangeRequest, Revision, StoreEvent, WatchItem};

use super::list::Selection;
use super::registry::{self, Target, store_status};
use super::request::{ListOptions, WatchEvent, WatchStream};
use super::{ApiServer, Result, list, options};

impl ApiServer {
    /// Changes of the collection; where the options name no revision, the present state comes first.
    pub(crate) async fn watch(&self, target: &Target, options: &ListOptions) -> Result<WatchStream> {
        options::check_watch(options)?;
        let selection = Selection::new(target, options)?;
        let from = options.resource_version.unwrap_or(0);
        let initial = options.send_initial_events.unwrap_or(from == 0);
        if !initial {
            let start = if from == 0 { self.store.current_revision() } else { from };
            return Ok(self.follow(target, selection, options.allow_bookmarks, start, VecDeque::new()));
        }
        let newest = self.store.current_revision();
        if from > newest {
            return Err(list::too_large(from, newest));
        }
        let request = RangeRequest { prefix: target.prefix(), ..RangeRequest::default() };
        let range = self.store.range(request).await.map_err(store_status)?;
        let mut pending = VecDeque::with_capacity(range.items.len() + 1);
        for item in &range.items {
            let object = registry::object(target.kind, item)?;
            if selection.matches(object.body()) {
                pending.push_back(WatchEvent::Added(object));
            }
        }
        if options.send_initial_events == Some(true) && options.allow_bookmarks {
            pending.push_back(WatchEvent::Bookmark { revision: range.revision, initial_events_end: true });
        }
        Ok(self.follow(target, selection, options.allow_bookmarks, range.revision, pending))
    }

    /// The pending events and then the store's, up to the first error: after one, nobody knows what the
    /// watcher missed.
    fn follow(
        &self,
        target: &Target,
        selection: Selection,
        bookmarks: bool,
        start: Revision,
        pending: VecDeque<WatchEvent>,
    ) -> WatchStream {
        let kind = target.kind;
        let changes = self.store.watch(&target.prefix(), start).flat_map(move |item| {
            let events = match item {
                Ok(WatchItem::Events(events)) => {
                    events.iter().filter_map(|event| change(kind, &selection, event)).collect()
                }
                Ok(WatchItem::Progress(revision)) if bookmarks => {
                    vec![WatchEvent::Bookmark { revision, initial_events_end: false }]
                }
                Ok(WatchItem::Progress(_)) => Vec::new(),
                Err(error) => vec![WatchEvent::Error(store_status(error))],
            };
            stream::iter(events)
        });
        let until_error = |ended: &mut bool, event: WatchEvent| {
            let next = (!*ended).then_some(event);
            *ended = *ended || matches!(next, Some(WatchEvent::Error(_)));
            future::ready(next)
        };
        stream::iter(pending).chain(changes).scan(false, until_error).boxed()
    }
}

/// The event as one who sees only the selection sees it.
fn change(
    kind: &'static crate::api::scheme::Kind,
    selection: &Selection,
    event: &StoreEvent,
) -> Option<WatchEvent> {
    match try_change(kind, selection, event) {
        Ok(change) => change,
        Err(status) => Some(WatchEvent::Error(status)),
    }
}

fn try_change(
    kind: &'static crate::api::scheme::Kind,
    selection: &Selection,
    event: &StoreEvent,
) -> Result<Option<WatchEvent>> {
    let wanted_before = match &event.previous {
        Some(previous) => selection.matches(registry::object(kind, previous)?.body()),
        None => false,
    };
    if let Some(current) = &event.current {
        let object = registry::object(kind, current)?;
        match (selection.matches(object.body()), wanted_before) {
            (true, true) => return Ok(Some(WatchEvent::Modified(object))),
            (true, false) => return Ok(Some(WatchEvent::Added(object))),
            (false, _) => {}
        }
    }
    match &event.previous {
        Some(previous) if wanted_before => {
            Ok(Some(WatchEvent::Deleted(registry::deleted_object(kind, event, previous)?)))
        }
        _ => Ok(None),
    }
}
