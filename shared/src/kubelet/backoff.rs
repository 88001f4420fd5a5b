//! How long to wait before trying again: `util/flowcontrol/backoff.go` of kubernetes/client-go.

use jiff::{SignedDuration, Timestamp};

/// The first wait of the kubelet's back-offs.
pub const INITIAL: SignedDuration = SignedDuration::from_secs(10);
/// The longest wait of the kubelet's back-offs.
pub const MAX: SignedDuration = SignedDuration::from_secs(300);

/// The wait for one container or image; doubles with every failure, forgotten after twice the longest
/// wait without one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Backoff {
    entry: Option<(SignedDuration, Timestamp)>,
}

impl Backoff {
    /// A wait that was under way since `updated`, when an earlier kubelet was lost.
    pub fn resumed(duration: SignedDuration, updated: Timestamp) -> Backoff {
        Backoff { entry: Some((duration.min(MAX), updated)) }
    }

    /// The present wait; zero where nothing failed yet.
    pub fn duration(&self) -> SignedDuration {
        self.entry.map_or(SignedDuration::ZERO, |(duration, _)| duration)
    }

    /// When the wait for what failed at `event` is over; `None` where there is nothing to wait for.
    pub fn until(&self, event: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let (duration, updated) = self.entry?;
        if expired(event, updated) {
            return None;
        }
        let end = event.checked_add(duration).unwrap_or(now);
        (now < end).then_some(end)
    }

    /// Counts a try after the failure at `event`: the next one will wait twice as long.
    pub fn next(&mut self, event: Timestamp, now: Timestamp) {
        let duration = match self.entry {
            Some((duration, updated)) if !expired(event, updated) => (duration * 2).min(MAX),
            _ => INITIAL,
        };
        self.entry = Some((duration, now));
    }

    /// Forgets all failures.
    pub fn reset(&mut self) {
        self.entry = None;
    }
}

/// The moment when a wait that begins at `time` is over.
pub(super) fn after(time: Timestamp, wait: SignedDuration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// The wait as Go prints durations: `10s`, `1m20s`, `5m0s`.
pub fn in_words(wait: SignedDuration) -> String {
    match (wait.as_secs() / 60, wait.as_secs() % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

/// Reads what [`in_words`] writes.
pub fn from_words(text: &str) -> Option<SignedDuration> {
    let text = text.strip_suffix('s')?;
    let (minutes, seconds) = text.split_once('m').unwrap_or(("0", text));
    Some(SignedDuration::from_secs(minutes.parse::<i64>().ok()? * 60 + seconds.parse::<i64>().ok()?))
}

fn expired(event: Timestamp, updated: Timestamp) -> bool {
    event.duration_since(updated) > MAX * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn waits_should_double_up_to_five_minutes() {
        let mut backoff = Backoff::default();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..8 {
            let end = backoff.until(at(now), at(now)).map_or(now, |end| end.as_second());
            waits.push(end - now);
            now = end;
            backoff.next(at(now), at(now));
        }
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn waits_should_be_written_as_go_writes_them_and_read_back() {
        for (seconds, words) in [(10, "10s"), (80, "1m20s"), (300, "5m0s")] {
            let wait = SignedDuration::from_secs(seconds);
            assert_eq!(in_words(wait), words);
            assert_eq!(from_words(words), Some(wait));
        }
        assert_eq!(from_words("soon"), None);
    }

    #[test]
    fn ten_quiet_minutes_should_be_forgiven() {
        let mut backoff = Backoff::default();
        backoff.next(at(0), at(0));
        backoff.next(at(10), at(10));
        assert_eq!(backoff.until(at(611), at(611)), None);
        backoff.next(at(611), at(611));
        assert_eq!(backoff.duration(), INITIAL);
    }
}
