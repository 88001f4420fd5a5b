//! Keys that wait to be worked on: each at most once at a time, failed ones later and later.
//!
//! Follows `util/workqueue` of kubernetes/client-go, with time given by the caller.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

/// The first wait after a failure (`DefaultTypedControllerRateLimiter` upstream).
const BASE_DELAY: SignedDuration = SignedDuration::from_millis(5);
/// The longest wait after failures.
const MAX_DELAY: SignedDuration = SignedDuration::from_secs(1000);

/// The keys of one loop.
#[derive(Debug)]
pub struct WorkQueue<K> {
    waiting: BTreeMap<K, Place>,
    in_work: BTreeSet<K>,
    failures: BTreeMap<K, u32>,
    arrivals: u64,
}

/// When a key's turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    due: Timestamp,
    arrival: u64,
}

impl<K> Default for WorkQueue<K> {
    fn default() -> Self {
        WorkQueue {
            waiting: BTreeMap::new(),
            in_work: BTreeSet::new(),
            failures: BTreeMap::new(),
            arrivals: 0,
        }
    }
}

impl<K: Ord + Clone> WorkQueue<K> {
    /// Asks for work on a key as soon as possible; one that is in work comes again after it.
    pub fn add(&mut self, key: K) {
        self.add_at(key, Timestamp::MIN);
    }

    /// Asks for work on a key at a time, unless its turn comes earlier anyway.
    pub fn add_at(&mut self, key: K, due: Timestamp) {
        self.arrivals += 1;
        let place = Place { due, arrival: self.arrivals };
        let kept = self.waiting.entry(key).or_insert(place);
        kept.due = kept.due.min(due);
    }

    /// The key whose turn it is, in order of arrival; it is in work until [`done`](Self::done) or
    /// [`retry`](Self::retry).
    pub fn take(&mut self, now: Timestamp) -> Option<K> {
        let ready = self.ready().filter(|(_, place)| place.due <= now);
        let key = ready.min_by_key(|(_, place)| place.arrival).map(|(key, _)| key.clone())?;
        self.waiting.remove(&key);
        self.in_work.insert(key.clone());
        Some(key)
    }

    /// The work on a key succeeded: its failures are forgotten.
    pub fn done(&mut self, key: &K) {
        self.in_work.remove(key);
        self.failures.remove(key);
    }

    /// The work on a key failed: it comes again, twice as late as the last time.
    pub fn retry(&mut self, key: K, now: Timestamp) {
        self.in_work.remove(&key);
        let failures = self.failures.entry(key.clone()).or_default();
        let delay = BASE_DELAY.checked_mul(1 << (*failures).min(20)).unwrap_or(MAX_DELAY).min(MAX_DELAY);
        *failures += 1;
        self.add_at(key, now.checked_add(delay).unwrap_or(Timestamp::MAX));
    }

    /// Nothing is left to do for a key: it leaves the queue.
    pub fn remove(&mut self, key: &K) {
        self.waiting.remove(key);
        self.failures.remove(key);
    }

    /// When the next turn comes; `None` where nothing waits.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.ready().map(|(_, place)| place.due).min()
    }

    fn ready(&self) -> impl Iterator<Item = (&K, &Place)> {
        self.waiting.iter().filter(|(key, _)| !self.in_work.contains(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(millis)
    }

    #[test]
    fn queue_should_hand_out_keys_in_order_of_arrival_and_once() {
        let mut queue = WorkQueue::default();
        for key in ["b", "a", "b"] {
            queue.add(key);
        }
        assert_eq!([queue.take(at(0)), queue.take(at(0)), queue.take(at(0))], [Some("b"), Some("a"), None]);
    }

    #[test]
    fn key_in_work_should_wait_until_that_is_done() {
        let mut queue = WorkQueue::default();
        queue.add("a");
        queue.take(at(0));
        queue.add("a");
        assert_eq!((queue.take(at(0)), queue.next_due()), (None, None));
        queue.done(&"a");
        assert_eq!(queue.take(at(0)), Some("a"));
    }

    #[test]
    fn failing_key_should_come_later_each_time_until_it_succeeds() {
        let mut queue = WorkQueue::default();
        queue.add("a");
        for delay in [5, 10, 20, 40] {
            assert_eq!(queue.take(at(1000)), Some("a"));
            queue.retry("a", at(0));
            assert_eq!(queue.next_due(), Some(at(delay)));
        }
        queue.take(at(1000));
        queue.done(&"a");
        queue.add("a");
        queue.take(at(1000));
        queue.retry("a", at(0));
        assert_eq!(queue.next_due(), Some(at(5)));
    }

    #[test]
    fn earlier_turn_should_win() {
        let mut queue = WorkQueue::default();
        queue.add_at("a", at(50));
        queue.add_at("a", at(20));
        queue.add_at("a", at(70));
        assert_eq!(
            (queue.take(at(19)), queue.next_due(), queue.take(at(20))),
            (None, Some(at(20)), Some("a"))
        );
    }
}
