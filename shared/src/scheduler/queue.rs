//! The pods that wait for a node.
//!
//! Follows upstream's `pkg/scheduler/backend/queue` (`scheduling_queue.go`, `active_queue.go`,
//! `backoff_queue.go`) and `pkg/scheduler/framework/plugins/queuesort/priority_sort.go`. Pure: time
//! is passed in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use super::hints::ClusterEvent;
use super::plugins::{plugin, scheduling_gates::is_gated};
use super::snapshot::{pod_priority, pod_uid};
use super::typed::Typed;

/// How long a pod waits after its first attempt failed (`podInitialBackoffSeconds`).
pub const INITIAL_BACKOFF: SignedDuration = SignedDuration::from_secs(1);
/// The longest a pod waits after an attempt failed (`podMaxBackoffSeconds`).
pub const MAX_BACKOFF: SignedDuration = SignedDuration::from_secs(10);
/// After this a pod is tried again even if nothing happened that could help it.
pub const UNSCHEDULABLE_TIMEOUT: SignedDuration = SignedDuration::from_secs(5 * 60);

/// The plugin that keeps pods with gates out of the queue.
const SCHEDULING_GATES: &str = "SchedulingGates";

/// A pod on its way through the queue, with what happened to it so far.
#[derive(Clone, Debug)]
pub struct QueuedPod {
    /// The newest version of the pod.
    pub pod: Typed<Pod>,
    /// How often it was taken from the queue.
    pub attempts: u32,
    /// The plugins that refused it at the last attempt; none if that ended in an error.
    pub plugins: BTreeSet<String>,
    unschedulable_count: u32,
    consecutive_errors: u32,
    timestamp: Timestamp,
    sequence: u64,
}

impl QueuedPod {
    /// When its backoff ends: 1 s after the first failure, doubled with each, at most 10 s.
    fn backoff_until(&self) -> Timestamp {
        let failures =
            if self.consecutive_errors > 0 { self.consecutive_errors } else { self.unschedulable_count };
        let Some(doublings) = failures.checked_sub(1) else { return self.timestamp };
        let factor = 1_i32.checked_shl(doublings.min(30)).unwrap_or(i32::MAX);
        later(self.timestamp, INITIAL_BACKOFF.saturating_mul(factor).min(MAX_BACKOFF))
    }

    fn rank(&self, uid: &str) -> Rank {
        (Reverse(pod_priority(&self.pod)), self.timestamp, self.sequence, uid.to_owned())
    }
}

/// The order of the active queue: higher priority first, then who waits longest.
type Rank = (Reverse<i32>, Timestamp, u64, String);

/// Where a pod waits.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// To be tried next.
    Active,
    /// To be tried when its backoff ends, or when nothing else is there to try.
    Backoff,
    /// To be tried when its backoff ends and not before: the last attempt ended in an error.
    ErrorBackoff,
    /// To be tried when something happens that may help.
    Unschedulable,
}

/// The pods that wait, each in exactly one place.
#[derive(Clone, Debug, Default)]
pub struct SchedulingQueue {
    pods: BTreeMap<String, (Place, QueuedPod)>,
    active: BTreeSet<Rank>,
    backoff: BTreeSet<(Timestamp, Rank)>,
    next_sequence: u64,
}

impl SchedulingQueue {
    /// How many pods wait.
    pub fn len(&self) -> usize {
        self.pods.len()
    }

    /// Whether no pod waits.
    pub fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    /// Whether this pod waits.
    pub fn contains(&self, uid: &str) -> bool {
        self.pods.contains_key(uid)
    }

    /// Takes in a new pod, or a new version of one that waits.
    pub fn upsert(&mut self, pod: Typed<Pod>, now: Timestamp) {
        match self.take(&pod_uid(&pod)) {
            Some((place, queued)) => self.update(place, queued, pod, now),
            None => self.add(pod, now),
        }
    }

    fn add(&mut self, pod: Typed<Pod>, now: Timestamp) {
        self.next_sequence += 1;
        let mut queued = QueuedPod {
            attempts: 0,
            plugins: BTreeSet::new(),
            unschedulable_count: 0,
            consecutive_errors: 0,
            timestamp: now,
            sequence: self.next_sequence,
            pod,
        };
        if is_gated(&queued.pod) {
            queued.plugins.insert(SCHEDULING_GATES.to_owned());
            self.put(Place::Unschedulable, queued);
        } else {
            self.put(Place::Active, queued);
        }
    }

    fn update(&mut self, place: Place, mut queued: QueuedPod, pod: Typed<Pod>, now: Timestamp) {
        let old = std::mem::replace(&mut queued.pod, pod.clone());
        let event = ClusterEvent::TargetPod { old: &old, new: &pod };
        if place == Place::Unschedulable && is_worth_requeuing(&queued, &event) {
            self.requeue(queued, now);
        } else {
            self.put(place, queued);
        }
    }

    /// Forgets a pod.
    pub fn remove(&mut self, uid: &str) {
        self.take(uid);
    }

    /// Tries again the pods that `event` may help.
    pub fn on_event(&mut self, event: &ClusterEvent, now: Timestamp) {
        self.requeue_where(now, |queued| is_worth_requeuing(queued, event));
    }

    /// Moves on what only time was needed for: ended backoffs, and pods that waited 5 minutes.
    pub fn flush(&mut self, now: Timestamp) {
        while let Some((until, (_, _, _, uid))) = self.backoff.first()
            && *until <= now
        {
            let Some((_, queued)) = self.take(&uid.clone()) else { break };
            self.put(Place::Active, queued);
        }
        self.requeue_where(now, |queued| {
            !is_gated(&queued.pod) && later(queued.timestamp, UNSCHEDULABLE_TIMEOUT) <= now
        });
    }

    /// Takes out the pod to try next; it comes back through [`Self::return_unschedulable`] or
    /// [`Self::return_after_error`] if it was not bound.
    ///
    /// When no pod is ready, one is taken whose backoff has not ended (upstream's
    /// `SchedulerPopFromBackoffQ`): backoff is there to let others go first.
    pub fn pop(&mut self) -> Option<QueuedPod> {
        let from_backoff =
            || self.backoff.iter().map(|(_, rank)| rank).find(|rank| !self.is_in_error_backoff(&rank.3));
        let uid = self.active.first().or_else(from_backoff)?.3.clone();
        let (_, mut queued) = self.take(&uid)?;
        queued.attempts += 1;
        Some(queued)
    }

    fn is_in_error_backoff(&self, uid: &str) -> bool {
        matches!(self.pods.get(uid), Some((Place::ErrorBackoff, _)))
    }

    /// Takes back a pod that these plugins found no node for.
    pub fn return_unschedulable(&mut self, mut queued: QueuedPod, plugins: BTreeSet<String>, now: Timestamp) {
        queued.unschedulable_count += 1;
        queued.consecutive_errors = 0;
        queued.timestamp = now;
        queued.plugins = plugins;
        self.put(Place::Unschedulable, queued);
    }

    /// Takes back a pod whose attempt failed for another reason than the cluster's state.
    pub fn return_after_error(&mut self, mut queued: QueuedPod, now: Timestamp) {
        queued.consecutive_errors += 1;
        queued.timestamp = now;
        queued.plugins.clear();
        self.put(Place::ErrorBackoff, queued);
    }

    /// When the queue next has something to do without any event; `now` if it has already.
    pub fn next_wakeup(&self, now: Timestamp) -> Option<Timestamp> {
        let ready = !self.active.is_empty() || self.pods.values().any(|(place, _)| *place == Place::Backoff);
        if ready {
            return Some(now);
        }
        let waiting = self
            .pods
            .values()
            .filter(|(place, queued)| *place == Place::Unschedulable && !is_gated(&queued.pod));
        let timeouts = waiting.map(|(_, queued)| later(queued.timestamp, UNSCHEDULABLE_TIMEOUT));
        let backoffs = self.backoff.first().map(|(until, _)| *until);
        timeouts.chain(backoffs).min().map(|at| at.max(now))
    }

    fn requeue_where(&mut self, now: Timestamp, condition: impl Fn(&QueuedPod) -> bool) {
        let waiting = self.pods.iter().filter(|(_, (place, _))| *place == Place::Unschedulable);
        let uids: Vec<String> =
            waiting.filter(|(_, (_, queued))| condition(queued)).map(|(uid, _)| uid.clone()).collect();
        for uid in uids {
            if let Some((_, queued)) = self.take(&uid) {
                self.requeue(queued, now);
            }
        }
    }

    fn requeue(&mut self, queued: QueuedPod, now: Timestamp) {
        let place = if is_gated(&queued.pod) {
            Place::Unschedulable
        } else if queued.backoff_until() > now {
            Place::Backoff
        } else {
            Place::Active
        };
        self.put(place, queued);
    }

    fn put(&mut self, place: Place, queued: QueuedPod) {
        let uid = pod_uid(&queued.pod);
        let rank = queued.rank(&uid);
        match place {
            Place::Active => {
                self.active.insert(rank);
            }
            Place::Backoff | Place::ErrorBackoff => {
                self.backoff.insert((queued.backoff_until(), rank));
            }
            Place::Unschedulable => {}
        }
        self.pods.insert(uid, (place, queued));
    }

    fn take(&mut self, uid: &str) -> Option<(Place, QueuedPod)> {
        let (place, queued) = self.pods.remove(uid)?;
        let rank = queued.rank(uid);
        match place {
            Place::Active => {
                self.active.remove(&rank);
            }
            Place::Backoff | Place::ErrorBackoff => {
                self.backoff.remove(&(queued.backoff_until(), rank));
            }
            Place::Unschedulable => {}
        }
        Some((place, queued))
    }
}

/// Whether a plugin that refused the pod expects the event to help; where there was no node at all
/// for plugins to refuse, every node helps.
fn is_worth_requeuing(queued: &QueuedPod, event: &ClusterEvent) -> bool {
    if queued.plugins.is_empty() {
        return matches!(event, ClusterEvent::Node { .. });
    }
    queued.plugins.iter().filter_map(|name| plugin(name)).any(|plugin| plugin.helps(&queued.pod, event))
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}
