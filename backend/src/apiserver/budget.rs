//! The memory that one connection may take for what its client sent and nobody has taken yet.
//!
//! A client that sends faster than pods read waits once so much is queued, however many streams it has. As in
//! `pkg/util/httpstream/spdy/connection.go` of kubernetes/apimachinery, a stream that nobody reads holds up the
//! connection then.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most bytes that wait, all streams of a connection together.
const BUDGET_BYTES: usize = 1 << 20;
/// The most bytes that are queued as one part.
pub(super) const PART_BYTES: usize = 32 * 1024;

/// What is left for a connection. Clones share it.
#[derive(Clone)]
pub(super) struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Budget {
        Budget(Arc::new(Semaphore::new(BUDGET_BYTES)))
    }
}

/// Bytes that were charged for, and are given back once nobody has them any more.
struct Charged {
    bytes: Vec<u8>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Budget {
    /// Waits until there is room for these bytes, at most [`PART_BYTES`], and copies them: what is queued does
    /// not keep the message alive that they came in.
    pub(super) async fn copy(&self, part: &[u8]) -> Bytes {
        debug_assert!(part.len() <= PART_BYTES, "a part is too large");
        let charge = part.len().min(PART_BYTES) as u32;
        // Nobody closes the semaphore.
        let permit = self.0.clone().acquire_many_owned(charge).await.ok();
        Bytes::from_owner(Charged { bytes: part.to_vec(), _permit: permit })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn budget_should_let_nobody_queue_more_until_something_is_taken() {
        let budget = Budget::default();
        let part = vec![7; PART_BYTES];
        let mut queued = Vec::new();
        while let Some(bytes) = budget.copy(&part).now_or_never() {
            queued.push(bytes);
        }
        assert_eq!(queued.len() * PART_BYTES, BUDGET_BYTES);
        let taken = queued.pop().unwrap();
        let clone = taken.clone();
        drop(taken);
        assert!(budget.copy(&part).now_or_never().is_none(), "a clone has the bytes still");
        drop(clone);
        assert_eq!(budget.copy(&part).now_or_never().unwrap(), part);
    }
}
