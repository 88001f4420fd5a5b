//! The clock that makes guests yield: it advances the engine's epoch every millisecond while a guest computes,
//! and sleeps when none does, so that an idle cluster uses no processor time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::EngineWeak;

/// How long a guest may run before it lets others run.
const EPOCH: Duration = Duration::from_millis(1);

/// Epochs without a guest after which the clock sleeps.
const IDLE_EPOCHS: u32 = 20;

/// A running clock. Dropping it ends its thread.
pub(super) struct EpochClock {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Default)]
struct Shared {
    /// Guests that compute now.
    computing: AtomicUsize,
    asleep: AtomicBool,
    stopped: AtomicBool,
}

impl EpochClock {
    pub(super) fn start(engine: EngineWeak) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let clock = shared.clone();
        let handle = thread::Builder::new().name("epoch".into()).spawn(move || clock.run(&engine))?;
        Ok(Self { shared, thread: handle.thread().clone() })
    }

    /// Says that a guest computes until what is returned is dropped.
    pub(super) fn compute(&self) -> Computing<'_> {
        // Counted before looking whether the clock sleeps; the clock looks in the opposite order.
        self.shared.computing.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.swap(false, Ordering::SeqCst) {
            self.thread.unpark();
        }
        Computing { shared: &self.shared }
    }
}

impl Drop for EpochClock {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// A guest that computes.
pub(super) struct Computing<'a> {
    shared: &'a Shared,
}

impl Drop for Computing<'_> {
    fn drop(&mut self) {
        self.shared.computing.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    fn run(&self, engine: &EngineWeak) {
        let mut idle_epochs = 0;
        while !self.stopped.load(Ordering::SeqCst)
            && let Some(engine) = engine.upgrade()
        {
            engine.increment_epoch();
            drop(engine);
            let idle = self.computing.load(Ordering::SeqCst) == 0;
            idle_epochs = if idle { idle_epochs + 1 } else { 0 };
            if idle_epochs < IDLE_EPOCHS {
                thread::sleep(EPOCH);
            } else {
                self.sleep();
                idle_epochs = 0;
            }
        }
    }

    /// Sleeps until a guest computes.
    fn sleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
        while self.computing.load(Ordering::SeqCst) == 0
            && self.asleep.load(Ordering::SeqCst)
            && !self.stopped.load(Ordering::SeqCst)
        {
            thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }
}
