//! Which guest computes next where more want to than there are threads: the one whose container had the least
//! processor time by its weight, as Linux's fair scheduler and cgroup's `cpu.shares` have it.
//!
//! A guest takes its turn for one poll, an epoch at most. While a thread is free it has it at once, whatever it
//! weighs: weights count when all are busy. There is one thread more than turns, on which those that wait for
//! theirs come to the queue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The weight of a container that asks for one processor.
const SHARES_PER_CORE: u64 = 1024;

/// How far behind the others a container begins that did not compute for a while: it is let in soon, and gets
/// no more of what it left to others.
const LAG: VirtualTime = 3_000_000;

/// Nanoseconds of processor time of a container that asks for one processor; others have more or fewer of
/// them for the same time.
pub(super) type VirtualTime = u64;

/// What some time of the processor is worth by a container's weight.
pub(super) fn virtual_time(used: Duration, shares: u64) -> VirtualTime {
    let nanoseconds = used.as_nanos() * u128::from(SHARES_PER_CORE) / u128::from(shares.max(1));
    u64::try_from(nanoseconds).unwrap_or(u64::MAX)
}

/// The threads that guests compute on.
pub(super) struct Processors {
    queue: Mutex<Queue>,
}

/// A place in the queue, the next in turn first.
type Place = (VirtualTime, u64);

struct Queue {
    free: usize,
    waiting: BTreeMap<Place, Waker>,
    /// Those whose turn has come and who did not take it yet.
    called: BTreeSet<Place>,
    last_number: u64,
    /// How far those are who had their turn last.
    now: VirtualTime,
}

impl Queue {
    fn add(&mut self, at: VirtualTime, context: &Context<'_>) -> Place {
        self.last_number += 1;
        let place = (at, self.last_number);
        self.waiting.insert(place, context.waker().clone());
        place
    }
}

impl Processors {
    pub(super) fn new(threads: usize) -> Self {
        let (waiting, called) = Default::default();
        Self { queue: Mutex::new(Queue { free: threads.max(1), waiting, called, last_number: 0, now: 0 }) }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn ended: the next one has it.
    fn pass_on(&self) {
        let mut queue = self.lock();
        let Some((place, waker)) = queue.waiting.pop_first() else {
            queue.free += 1;
            return;
        };
        queue.called.insert(place);
        queue.now = queue.now.max(place.0);
        drop(queue);
        waker.wake();
    }
}

/// A guest's place among those that want to compute. Dropping it gives it up.
pub(super) struct Ticket {
    processors: Arc<Processors>,
    place: Option<Place>,
}

/// A guest's turn. It passes on when this is dropped.
pub(super) struct Turn {
    processors: Arc<Processors>,
}

impl Ticket {
    pub(super) fn new(processors: Arc<Processors>) -> Self {
        Self { processors, place: None }
    }

    /// Waits for the guest's turn. `used` is how far its container is, and is told how far it counts to be.
    pub(super) fn poll_turn(
        &mut self,
        context: &Context<'_>,
        used: impl FnOnce(VirtualTime) -> VirtualTime,
    ) -> Poll<Turn> {
        let mut queue = self.processors.lock();
        match self.place {
            Some(place) if queue.called.remove(&place) => self.place = None,
            Some(place) => {
                queue.waiting.insert(place, context.waker().clone());
                return Poll::Pending;
            }
            None => {
                let place = used(queue.now.saturating_sub(LAG));
                if queue.free == 0 {
                    self.place = Some(queue.add(place, context));
                    return Poll::Pending;
                }
                queue.free -= 1;
                queue.now = queue.now.max(place);
            }
        }
        Poll::Ready(Turn { processors: self.processors.clone() })
    }
}

impl Ticket {
    /// Comes to the queue again before its turn is passed on, which may then be its own once more.
    pub(super) fn queue_again(
        &mut self,
        context: &Context<'_>,
        used: impl FnOnce(VirtualTime) -> VirtualTime,
    ) {
        let mut queue = self.processors.lock();
        let place = used(queue.now.saturating_sub(LAG));
        self.place = Some(queue.add(place, context));
    }

    /// Leaves the queue; a turn that has come is another's.
    pub(super) fn give_up(&mut self) {
        let Some(place) = self.place.take() else { return };
        let mut queue = self.processors.lock();
        let was_called = queue.waiting.remove(&place).is_none() && queue.called.remove(&place);
        drop(queue);
        if was_called {
            self.processors.pass_on();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.processors.pass_on();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(ticket: &mut Ticket, used: VirtualTime) -> Poll<Turn> {
        ticket.poll_turn(&Context::from_waker(Waker::noop()), |least| used.max(least))
    }

    #[test]
    fn turn_should_go_to_whoever_had_least() {
        let processors = Arc::new(Processors::new(1));
        let mut tickets = [70, 90, 80].map(|used| (Ticket::new(processors.clone()), used));
        let mut first = Ticket::new(processors.clone());
        let Poll::Ready(mut turn) = poll(&mut first, 100) else { panic!("nobody else is there") };
        for (ticket, used) in &mut tickets {
            assert!(poll(ticket, *used).is_pending());
        }
        for expected in [0, 2, 1] {
            drop(turn);
            let mut ready: Vec<_> = Vec::new();
            for (number, (ticket, used)) in tickets.iter_mut().enumerate() {
                if ticket.place.is_some()
                    && let Poll::Ready(turn) = poll(ticket, *used)
                {
                    ready.push((number, turn));
                }
            }
            assert_eq!(ready.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [expected]);
            turn = ready.pop().unwrap().1;
        }
        drop(turn);
        assert_eq!(processors.lock().free, 1);
    }

    #[test]
    fn whoever_leaves_should_leave_no_turn_behind() {
        let processors = Arc::new(Processors::new(1));
        let [mut first, mut second, mut third] = [(); 3].map(|()| Ticket::new(processors.clone()));
        let Poll::Ready(turn) = poll(&mut first, 0) else { panic!("nobody else is there") };
        assert!(poll(&mut second, 0).is_pending() && poll(&mut third, 1).is_pending());
        drop(turn);
        // It was called, and is dropped before it comes.
        drop(second);
        let Poll::Ready(turn) = poll(&mut third, 1) else { panic!("the turn is lost") };
        drop((turn, first, third));
        assert_eq!(processors.lock().free, 1);
    }

    #[test]
    fn a_sleeper_should_not_save_up_time() {
        let processors = Arc::new(Processors::new(1));
        let mut busy = Ticket::new(processors.clone());
        drop(poll(&mut busy, 1_000_000_000));
        let mut least = 0;
        let mut sleeper = Ticket::new(processors);
        drop(sleeper.poll_turn(&Context::from_waker(Waker::noop()), |now| {
            least = now;
            now
        }));
        assert_eq!(least, 1_000_000_000 - LAG);
    }

    #[test]
    fn time_should_be_worth_what_the_weight_says() {
        let second = Duration::from_secs(1);
        for (shares, expected) in [(1024, 1_000_000_000), (2048, 500_000_000), (2, 512_000_000_000)] {
            assert_eq!(virtual_time(second, shares), expected, "{shares}");
        }
    }
}
