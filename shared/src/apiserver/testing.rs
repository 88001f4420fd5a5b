//! An API server over a memory store with a clock and an entropy that tests hold in hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use jiff::Timestamp;

use crate::given::{Clock, Entropy};
use crate::store::memory::MemoryStore;

use super::ApiServer;

/// A clock that stands still until it is moved.
pub(crate) struct SteppedClock(AtomicI64);

impl SteppedClock {
    /// When every test begins: 2026-01-01T00:00:00Z.
    pub(crate) const START: i64 = 1_767_225_600;

    /// Moves the clock on.
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for SteppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// The same numbers in every run: SplitMix64.
struct Seeded(AtomicU64);

impl Entropy for Seeded {
    fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut bits = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

/// An API server over an empty store, and its clock.
pub(crate) fn server() -> (ApiServer, Arc<SteppedClock>) {
    let clock = Arc::new(SteppedClock(AtomicI64::new(SteppedClock::START)));
    let server =
        ApiServer::new(Arc::new(MemoryStore::new()), clock.clone(), Arc::new(Seeded(AtomicU64::new(1))));
    (server, clock)
}
