//! The audit stream: who asked what of the API server.

use futures::StreamExt;

use super::{clock, http, socket};
use crate::state::backoff::Backoff;
use crate::state::cluster::ClusterAction;
use crate::state::object::items;

const PATH: &str = "/kijabi/audit";
const BURST: usize = 512;

/// Reads what is known and follows what comes, for ever. Records have names, so that one that is
/// told twice is kept once.
pub async fn follow(tell: impl Fn(ClusterAction)) {
    let mut backoff = Backoff::default();
    loop {
        if let Some(messages) = socket::open(&format!("{PATH}?watch=1")) {
            if let Ok(list) = http::get(PATH).await {
                tell(ClusterAction::Audit(items(&list, "/items").to_vec()));
                backoff.reset();
            }
            let mut bursts = messages.ready_chunks(BURST);
            while let Some(burst) = bursts.next().await {
                tell(ClusterAction::Audit(burst));
            }
        }
        clock::sleep(backoff.next(clock::luck())).await;
    }
}
