//! When to compact, as kube-apiserver decides it: every five minutes, up to where the store stood
//! five minutes before.
//!
//! Follows `staging/src/k8s.io/apiserver/pkg/storage/etcd3/compact.go` in kubernetes/kubernetes,
//! less the lease between several API servers: an embedded store has one.

use jiff::{SignedDuration, Timestamp};

use crate::store::Revision;

/// kube-apiserver's `--etcd-compaction-interval`.
pub const COMPACTION_INTERVAL: SignedDuration = SignedDuration::from_mins(5);

/// The compactor: a plain value that its owner steps.
pub struct Compactor {
    interval: SignedDuration,
    mark: Option<Mark>,
    compacted: Revision,
}

/// Where the store stood at the last turn.
#[derive(Clone, Copy)]
struct Mark {
    at: Timestamp,
    revision: Revision,
}

/// What the compactor wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactorStep {
    /// Compact up to this revision now ([`crate::store::Store::compact`]). A refusal as
    /// [`crate::store::StoreError::Compacted`] means that it was done already.
    pub compact: Option<Revision>,
    /// Step again at this time; sooner is harmless.
    pub wake_at: Timestamp,
}

impl Compactor {
    /// A compactor that keeps at least one and at most two `interval`s of history.
    pub fn new(interval: SignedDuration) -> Compactor {
        Compactor { interval, mark: None, compacted: 0 }
    }

    /// Tells the compactor the time and the store's newest revision.
    pub fn step(&mut self, now: Timestamp, newest: Revision) -> CompactorStep {
        let Some(mark) = self.mark else {
            return self.turn(now, newest, None);
        };
        // A clock that was set back must not put off the compaction by as much.
        let at = mark.at.min(now);
        self.mark = Some(Mark { at, ..mark });
        if now.duration_since(at) < self.interval {
            return CompactorStep { compact: None, wake_at: self.due(at) };
        }
        // Where nothing was written since the turn before, there is nothing new to forget.
        let compact = (mark.revision > self.compacted).then_some(mark.revision);
        self.compacted = mark.revision;
        self.turn(now, newest, compact)
    }

    fn turn(&mut self, now: Timestamp, revision: Revision, compact: Option<Revision>) -> CompactorStep {
        self.mark = Some(Mark { at: now, revision });
        CompactorStep { compact, wake_at: self.due(now) }
    }

    fn due(&self, at: Timestamp) -> Timestamp {
        at.checked_add(self.interval).unwrap_or(Timestamp::MAX)
    }
}

impl Default for Compactor {
    fn default() -> Self {
        Compactor::new(COMPACTION_INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compactor_should_keep_the_last_interval() {
        // Minute, newest revision, what is compacted, minute of the next turn.
        let turns = [
            (0, 7, None, 5),
            (3, 8, None, 5),
            (5, 20, Some(7), 10),
            (10, 20, Some(20), 15),
            (15, 20, None, 20),
            (27, 30, None, 32),
            (32, 40, Some(30), 37),
        ];
        let mut compactor = Compactor::default();
        for (minute, newest, compact, wake) in turns {
            let step = compactor.step(at(minute), newest);
            assert_eq!(step, CompactorStep { compact, wake_at: at(wake) }, "minute {minute}");
        }
    }

    #[test]
    fn compactor_should_follow_a_clock_that_was_set_back() {
        let mut compactor = Compactor::default();
        compactor.step(at(1000), 7);
        assert_eq!(compactor.step(at(10), 8), CompactorStep { compact: None, wake_at: at(15) });
        assert_eq!(compactor.step(at(15), 9).compact, Some(7));
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }
}
