//! The processor time of a container: metered by the thread clock around each poll of one of its guests, and
//! held to a quota as Linux's CFS bandwidth control does, in periods of 100 ms. Within it containers get what their
//! weights say (`processors`).

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::cgroup::Cgroup;
use super::epoch::EpochClock;
use super::processors::{Processors, Ticket, VirtualTime, virtual_time};

/// Period of the quota; upstream's kubelet sets the same (`--cpu-cfs-quota-period`).
const PERIOD: Duration = Duration::from_millis(100);

/// Smallest quota in a period, as the kernel's.
const MIN_QUOTA: Duration = Duration::from_millis(1);

/// A guest that computes for longer than this is made to wait by the end of an epoch, and would go on.
const ENDED_BY_EPOCH: Duration = Duration::from_micros(300);

/// The processor time that a container has used, all its programs together.
pub(super) struct CpuMeter {
    used_nanoseconds: AtomicU64,
    /// The same by the container's weight, less what it left to others.
    virtual_time: AtomicU64,
    shares: u64,
    processors: Arc<Processors>,
    quota: Option<Mutex<Quota>>,
}

impl CpuMeter {
    /// `cores`: the limit, in processors; `None` for no limit. `shares`: the weight among containers.
    pub(super) fn new(cores: Option<f64>, shares: u64, processors: Arc<Processors>) -> Self {
        let quota = cores.map(|cores| Mutex::new(Quota::new(cores, Instant::now())));
        let (used_nanoseconds, virtual_time) = Default::default();
        Self { used_nanoseconds, virtual_time, shares, processors, quota }
    }

    /// How far the container is among the others, of whom none counts for less than `least`.
    fn virtual_time(&self, least: VirtualTime) -> VirtualTime {
        self.virtual_time.fetch_max(least, Ordering::Relaxed).max(least)
    }

    pub(super) fn used(&self) -> Duration {
        Duration::from_nanos(self.used_nanoseconds.load(Ordering::Relaxed))
    }

    fn add(&self, used: Duration) {
        let nanoseconds = u64::try_from(used.as_nanos()).unwrap_or(u64::MAX);
        self.used_nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        self.virtual_time.fetch_add(virtual_time(used, self.shares), Ordering::Relaxed);
    }

    /// Charges `used` and says until when the programs have to pause, if they have to.
    fn charge(&self, used: Duration) -> Option<Instant> {
        self.add(used);
        let mut quota = self.quota.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        quota.charge(used, Instant::now())
    }
}

/// What of the current period is used up. What exceeds the quota of one period is owed by the next.
struct Quota {
    each_period: Duration,
    used: Duration,
    period_start: Instant,
}

impl Quota {
    fn new(cores: f64, now: Instant) -> Self {
        Self {
            each_period: PERIOD.mul_f64(cores.max(0.0)).max(MIN_QUOTA),
            used: Duration::ZERO,
            period_start: now,
        }
    }

    /// Charges `used` and says until when the guests have to pause, if they have to.
    fn charge(&mut self, used: Duration, now: Instant) -> Option<Instant> {
        self.start_periods(now);
        self.used += used;
        let over = self.used.checked_sub(self.each_period)?;
        let owed = over.as_nanos() / self.each_period.as_nanos();
        Some(self.period_start + PERIOD * (1 + u32::try_from(owed).unwrap_or(u32::MAX)))
    }

    /// Begins the periods that passed since the last charge; each pays for its quota.
    fn start_periods(&mut self, now: Instant) {
        let passed = now.duration_since(self.period_start).as_nanos() / PERIOD.as_nanos();
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        self.period_start += PERIOD * passed;
        self.used = self.used.saturating_sub(self.each_period.saturating_mul(passed));
    }
}

/// A guest's future, metered and held to its container's quota.
pub(super) struct Metered<F> {
    guest: Pin<Box<F>>,
    epoch: Arc<EpochClock>,
    ticket: Ticket,
    cgroup: Arc<Cgroup>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<F: Future> Metered<F> {
    pub(super) fn new(guest: F, epoch: Arc<EpochClock>, cgroup: Arc<Cgroup>) -> Self {
        let ticket = Ticket::new(cgroup.cpu.processors.clone());
        Self { guest: Box::pin(guest), epoch, ticket, cgroup, pause: None }
    }

    fn pause(&mut self, until: Option<Instant>) {
        self.pause = until.map(|until| Box::pin(tokio::time::sleep_until(until.into())));
    }

    /// Polls the guest and says for how long it computed.
    fn poll_guest(&mut self, context: &mut Context<'_>) -> (Poll<F::Output>, Duration) {
        let before = thread_time();
        let computing = self.epoch.compute();
        let result = self.guest.as_mut().poll(context);
        drop(computing);
        let used = thread_time().saturating_sub(before);
        let until = self.cgroup.cpu.charge(used);
        self.pause(until);
        (result, used)
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        loop {
            if self.pause.is_some() {
                self.ticket.give_up();
            }
            if let Some(pause) = &mut self.pause {
                std::task::ready!(pause.as_mut().poll(context));
                self.pause = None;
            }
            // Another program of the container may have used the quota up.
            match self.cgroup.cpu.charge(Duration::ZERO) {
                None => break,
                until => self.pause(until),
            }
        }
        let Metered { ticket, cgroup, .. } = &mut *self;
        let turn = std::task::ready!(ticket.poll_turn(context, |least| cgroup.cpu.virtual_time(least)));
        let (result, used) = self.poll_guest(context);
        if result.is_pending() && self.pause.is_none() && used > ENDED_BY_EPOCH {
            let Metered { ticket, cgroup, .. } = &mut *self;
            ticket.queue_again(context, |least| cgroup.cpu.virtual_time(least));
        }
        drop(turn);
        // A wake-up of the guest in its pause must not run it: only the end of the pause does.
        if let (Poll::Pending, Some(pause)) = (&result, &mut self.pause)
            && pause.as_mut().poll(context).is_ready()
        {
            context.waker().wake_by_ref();
        }
        result
    }
}

/// Processor time of the calling thread.
#[cfg(unix)]
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Elsewhere the time of the wall is the best that is known without unsafe code: a poll rarely waits.
#[cfg(not(unix))]
fn thread_time() -> Duration {
    use std::sync::OnceLock;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_quota_should_pause_to_the_end_of_the_period_it_was_used_up_in() {
        let start = Instant::now();
        let mut quota = Quota::new(0.1, start);
        assert_eq!(quota.charge(ms(4), start + ms(4)), None);
        assert_eq!(quota.charge(ms(6), start + ms(30)), Some(start + ms(100)));
    }

    #[test]
    fn what_exceeds_a_quota_should_be_owed_by_the_next_periods() {
        let start = Instant::now();
        let mut quota = Quota::new(0.1, start);
        assert_eq!(quota.charge(ms(25), start + ms(25)), Some(start + ms(200)));
        assert_eq!(quota.charge(ms(1), start + ms(200)), None);
        assert_eq!(quota.charge(ms(4), start + ms(210)), Some(start + ms(300)));
    }

    #[test]
    fn an_idle_guest_should_not_save_up_quota() {
        let start = Instant::now();
        let mut quota = Quota::new(0.1, start);
        assert_eq!(quota.charge(ms(1), start), None);
        assert_eq!(quota.charge(ms(10), start + ms(5_010)), Some(start + ms(5_100)));
    }
}
