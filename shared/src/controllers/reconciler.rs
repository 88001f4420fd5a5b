//! The loop of most controllers: keys to look at, one request about each, and what its answer means.
//!
//! Follows what upstream's controllers have in common (`processNextWorkItem` over a rate limited queue, as in
//! `pkg/controller/serviceaccount/serviceaccounts_controller.go` of kubernetes/kubernetes). A look at a key says
//! what is to be written next, or that all is as it should be. While a write is open its key is not looked at
//! again; what happens to it meanwhile leads to one more look afterwards.

use jiff::Timestamp;

use crate::api::status;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, Request};
use crate::work_queue::WorkQueue;

use super::{Asked, Step, Token};

/// The keys of one controller, and the writes about them that are open.
pub(super) struct Reconciler<K> {
    queue: WorkQueue<K>,
    asked: Asked<K>,
    /// Reasons of refusals that leave nothing to do.
    settled: &'static [&'static str],
}

impl<K: Ord + Clone> Reconciler<K> {
    /// Without a key. A write that is refused for one of the reasons in `settled` is not tried again: its end is
    /// reached, or the watch tells when it is worth another look.
    pub(super) fn new(settled: &'static [&'static str]) -> Reconciler<K> {
        Reconciler { queue: WorkQueue::default(), asked: Asked::default(), settled }
    }

    /// Something happened to a key: it is looked at in the next step, or after its open write.
    pub(super) fn add(&mut self, key: K) {
        self.queue.add(key);
    }

    /// A key is gone: it is not looked at, and its failures are forgotten.
    pub(super) fn remove(&mut self, key: &K) {
        self.queue.remove(key);
    }

    /// Looks at every key whose turn it is; `wanted` names the next write about it, if there is any.
    pub(super) fn step(&mut self, now: Timestamp, mut wanted: impl FnMut(&K) -> Option<Request>) -> Step {
        let mut step = Step::default();
        while let Some(key) = self.queue.take(now) {
            match wanted(&key) {
                Some(request) => step.requests.push((self.asked.about(key), request)),
                None => self.queue.done(&key),
            }
        }
        step.wake_at = self.queue.next_due();
        step
    }

    /// Takes in an answer. What failed is looked at again, later each time.
    pub(super) fn on_response(&mut self, token: Token, response: &Result<Answer>, now: Timestamp) {
        let Some(key) = self.asked.answered(token) else { return };
        match response {
            Err(error) if !self.settled.iter().any(|reason| status::is(error, reason)) => {
                self.queue.retry(key, now);
            }
            _ => self.queue.done(&key),
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Node;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn deletion(name: &str) -> Option<Request> {
        Request::delete::<Node>("", name, DeleteOptions::default()).ok()
    }

    fn refusal(reason: &str) -> Result<Answer> {
        Err(Box::new(match reason {
            "NotFound" => status::no_such_path(),
            _ => status::internal("the store is away"),
        }))
    }

    /// The keys that one step asks about, with the tokens of the requests.
    fn asks(reconciler: &mut Reconciler<&'static str>, now: Timestamp) -> (Vec<Token>, Option<Timestamp>) {
        let step = reconciler.step(now, |name| deletion(name));
        (step.requests.iter().map(|(token, _)| *token).collect(), step.wake_at)
    }

    #[test]
    fn key_should_wait_for_the_answer_to_its_open_write() {
        let mut reconciler = Reconciler::new(&["NotFound"]);
        reconciler.add("a");
        let (first, _) = asks(&mut reconciler, NOW);
        reconciler.add("a");
        assert_eq!((first.len(), asks(&mut reconciler, NOW)), (1, (vec![], None)));
        reconciler.on_response(first[0], &refusal("NotFound"), NOW);
        assert_eq!(asks(&mut reconciler, NOW).0.len(), 1, "what happened meanwhile is looked at");
    }

    #[test]
    fn refusal_should_lead_to_a_later_look_unless_it_settles_the_matter() {
        for (reason, is_tried_again) in [("NotFound", false), ("InternalError", true)] {
            let mut reconciler = Reconciler::new(&["NotFound"]);
            reconciler.add("a");
            let (asked, _) = asks(&mut reconciler, NOW);
            reconciler.on_response(asked[0], &refusal(reason), NOW);
            let (at_once, due) = asks(&mut reconciler, NOW);
            assert_eq!((at_once.is_empty(), due.is_some()), (true, is_tried_again), "{reason}");
            assert_eq!(due.map_or(0, |due| asks(&mut reconciler, due).0.len()), usize::from(is_tried_again));
        }
    }

    #[test]
    fn key_that_wants_nothing_or_is_gone_should_leave_the_queue() {
        let mut reconciler = Reconciler::new(&[]);
        reconciler.add("a");
        let step = reconciler.step(NOW, |_: &&str| None);
        assert_eq!((step.requests.len(), step.wake_at), (0, None));
        reconciler.add("a");
        reconciler.remove(&"a");
        assert_eq!(asks(&mut reconciler, NOW), (vec![], None));
    }
}
