//! The cluster's clock: it can be paused, slowed, sped up and stepped, while the machine's goes on.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// A moment of real time, the cluster's time at it, and how fast the cluster's time goes from there.
#[derive(Clone, Copy, Debug)]
struct Pace {
    real: Instant,
    cluster: Timestamp,
    rate: f64,
}

impl Pace {
    fn now(&self) -> Timestamp {
        let elapsed = self.real.elapsed().mul_f64(self.rate);
        let elapsed = SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX);
        self.cluster.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }
}

/// The clock of one cluster.
pub struct ClusterClock {
    pace: watch::Sender<Pace>,
}

impl Default for ClusterClock {
    fn default() -> ClusterClock {
        let pace = Pace { real: Instant::now(), cluster: Timestamp::now(), rate: 1.0 };
        ClusterClock { pace: watch::Sender::new(pace) }
    }
}

impl ClusterClock {
    /// Lets the cluster's time go `rate` times as fast as real time; 0 pauses it. A negative rate
    /// counts as 0.
    pub fn set_rate(&self, rate: f64) {
        self.pace.send_modify(|pace| {
            *pace = Pace { real: Instant::now(), cluster: pace.now(), rate: rate.max(0.0) };
        });
    }

    /// Puts the clock forward.
    pub fn advance(&self, by: Duration) {
        self.pace.send_modify(|pace| {
            let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
            let cluster = pace.now().checked_add(by).unwrap_or(Timestamp::MAX);
            *pace = Pace { real: Instant::now(), cluster, rate: pace.rate };
        });
    }

    /// Waits until the cluster's time is `moment`, or for ever if it is paused before.
    pub async fn sleep_until(&self, moment: Timestamp) {
        let mut changes = self.pace.subscribe();
        loop {
            let pace = *changes.borrow_and_update();
            let left = moment.duration_since(pace.now());
            let Ok(left) = Duration::try_from(left) else { return };
            if left.is_zero() {
                return;
            }
            let wait = if pace.rate > 0.0 {
                Duration::try_from_secs_f64(left.as_secs_f64() / pace.rate).ok()
            } else {
                None
            };
            tokio::select! {
                () = sleep(wait) => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
        }
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

impl shared::given::Clock for ClusterClock {
    fn now(&self) -> Timestamp {
        self.pace.borrow().now()
    }
}

/// The operating system's source of random numbers.
pub struct SystemEntropy;

impl shared::given::Entropy for SystemEntropy {
    fn next_u64(&self) -> u64 {
        rand::random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::given::Clock;

    #[test]
    fn paused_clock_should_stand_still_until_it_is_put_forward() {
        let clock = ClusterClock::default();
        clock.set_rate(0.0);
        let start = clock.now();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_secs(60));
        assert_eq!(clock.now().duration_since(start), SignedDuration::from_secs(60));
    }

    #[tokio::test]
    async fn sleeper_should_wake_when_the_clock_is_put_forward() {
        let clock = std::sync::Arc::new(ClusterClock::default());
        clock.set_rate(0.0);
        let until = clock.now().checked_add(SignedDuration::from_hours(1)).unwrap();
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(until).await }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(3600));
        tokio::time::timeout(Duration::from_secs(30), sleeper).await.unwrap().unwrap();
    }
}
