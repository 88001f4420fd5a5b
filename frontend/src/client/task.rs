//! Work that goes on beside the page and ends with whoever asked for it.

use std::future::Future;

use futures::future::{AbortHandle, abortable};
use wasm_bindgen_futures::spawn_local;

/// A running piece of work; it is dropped where it waits when this is dropped.
#[must_use = "the work ends when this is dropped"]
pub struct Task(AbortHandle);

impl Task {
    /// Starts a piece of work.
    pub fn spawn(work: impl Future<Output = ()> + 'static) -> Task {
        let (work, handle) = abortable(work);
        spawn_local(async move {
            // An abort is the ordinary end of a stream nobody looks at any more.
            let _ = work.await;
        });
        Task(handle)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
