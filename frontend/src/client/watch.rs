//! Keeps one kind up to date, for ever: pumps the reflector over HTTP and WebSocket.

use futures::StreamExt;
use jiff::SignedDuration;

use super::{clock, http, socket};
use crate::state::cluster::{ClusterAction, Watched};
use crate::state::connection::Link;
use crate::state::reflector::{Ask, Heard, Reflector};

/// The most messages that are taken in at once, so that a burst is drawn once.
const BURST: usize = 512;
/// A watch that ends sooner than this was refused: a WebSocket does not tell.
const SOON: SignedDuration = SignedDuration::from_secs(2);

/// Lists and watches a kind and tells what it hears; waits and tries again where it fails.
pub async fn follow(kind: Watched, tell: impl Fn(ClusterAction)) {
    let mut reflector = Reflector::default();
    loop {
        let went_on = match reflector.ask() {
            Ask::List => list(kind, &mut reflector, &tell).await,
            Ask::Watch(revision) => watch(kind, &revision, &mut reflector, &tell).await,
        };
        if !went_on {
            tell(ClusterAction::Link(kind.path(), Link::Down));
            clock::sleep(reflector.backoff.next(clock::luck())).await;
        }
    }
}

async fn list(kind: Watched, reflector: &mut Reflector, tell: &impl Fn(ClusterAction)) -> bool {
    let Ok(list) = http::get(kind.path()).await else { return false };
    let listed = reflector.listed(&list);
    tell(ClusterAction::Changes(kind, vec![listed], clock::now()));
    tell(ClusterAction::Link(kind.path(), Link::Up));
    true
}

/// A watch that heard something, or was quiet for a while, before it ended is opened anew at once;
/// one that ended at once failed.
async fn watch(
    kind: Watched,
    revision: &str,
    reflector: &mut Reflector,
    tell: &impl Fn(ClusterAction),
) -> bool {
    let path = format!("{}?watch=1&allowWatchBookmarks=true&resourceVersion={revision}", kind.path());
    let Some(messages) = socket::open(&path) else { return false };
    let mut bursts = messages.ready_chunks(BURST);
    let (opened, mut heard_any) = (clock::now(), false);
    while let Some(burst) = bursts.next().await {
        let (changes, over) = take_in(reflector, burst);
        heard_any = true;
        if !changes.is_empty() {
            tell(ClusterAction::Changes(kind, changes, clock::now()));
        }
        if over {
            // A list will help, and if it does not, it is not asked for without end.
            clock::sleep(reflector.backoff.next(clock::luck())).await;
            return true;
        }
    }
    let was_open = heard_any || clock::now().duration_since(opened) > SOON;
    if !was_open {
        reflector.refused();
    }
    was_open
}

fn take_in(
    reflector: &mut Reflector,
    burst: Vec<serde_json::Value>,
) -> (Vec<crate::state::collection::Change>, bool) {
    let mut changes = Vec::new();
    for event in burst {
        match reflector.heard(event) {
            Heard::Change(change) => changes.push(change),
            Heard::Nothing => {}
            Heard::Over => return (changes, true),
        }
    }
    (changes, false)
}
