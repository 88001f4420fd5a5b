//! The threads that guests run on: a tokio runtime of their own, so that the server never queues behind a guest.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// Polls of guests, each up to an epoch long, between two looks at timers and sockets.
const POLLS_BETWEEN_EVENTS: u32 = 5;

/// File operations of guests that run at once.
const BLOCKING_THREADS: usize = 32;

/// Owns the guests' tokio runtime. Dropping it drops every guest without waiting for it.
pub(super) struct GuestThreads {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl GuestThreads {
    /// Threads for so many guests at once, and one on which others come to their queue (`processors`).
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1) + 1)
            .max_blocking_threads(BLOCKING_THREADS)
            .event_interval(POLLS_BETWEEN_EVENTS)
            .global_queue_interval(POLLS_BETWEEN_EVENTS)
            .thread_name("guest")
            .enable_all()
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for GuestThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
