//! Ages and durations as text.

use jiff::Timestamp;

/// The age of something, as `kubectl get` prints it: `5s`, `2m10s`, `3h`, `4d2h`.
///
/// See `HumanDuration` in `pkg/util/duration/duration.go` of kubernetes/apimachinery.
pub fn age(since: Option<Timestamp>, now: Timestamp) -> String {
    let Some(since) = since else { return "<unknown>".to_owned() };
    let seconds = now.as_second() - since.as_second();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 | 0 => "0s".to_owned(),
        1..120 => format!("{seconds}s"),
        120..600 => with_rest(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => with_rest(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => with_rest(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => with_rest(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

fn with_rest(whole: i64, unit: &str, rest: i64, rest_unit: &str) -> String {
    if rest == 0 { format!("{whole}{unit}") } else { format!("{whole}{unit}{rest}{rest_unit}") }
}

/// A short span between two moments of a pod's life: `0.4 ms`, `12 ms`, `1.35 s`.
pub fn span(from: Timestamp, to: Timestamp) -> String {
    let micros = to.as_microsecond() - from.as_microsecond();
    let millis = micros as f64 / 1000.0;
    match micros.abs() {
        ..9_950 => format!("{millis:.1} ms"),
        9_950..999_500 => format!("{millis:.0} ms"),
        _ => format!("{:.2} s", millis / 1000.0),
    }
}

/// The time of day in UTC with milliseconds, as logs print it.
pub fn clock(moment: Timestamp) -> String {
    let millis = moment.as_millisecond().rem_euclid(86_400_000);
    let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}", millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn ages_should_be_printed_as_kubectl_prints_them() {
        let table = [
            (0, "0s"),
            (59, "59s"),
            (119, "119s"),
            (120, "2m"),
            (130, "2m10s"),
            (600, "10m"),
            (3 * 3600, "3h"),
            (3 * 3600 + 60, "3h1m"),
            (9 * 3600, "9h"),
            (49 * 3600, "2d1h"),
            (8 * 86_400, "8d"),
            (730 * 86_400, "2y"),
            (-5, "<invalid>"),
        ];
        for (seconds, text) in table {
            assert_eq!(age(Some(at(1_000_000_000)), at(1_000_000_000 + seconds)), text);
        }
        assert_eq!(age(None, at(0)), "<unknown>");
    }

    #[test]
    fn the_time_of_day_should_have_milliseconds() {
        let table = [(0, "00:00:00.000"), (1_767_225_845_067, "00:04:05.067"), (86_399_999, "23:59:59.999")];
        for (millis, text) in table {
            assert_eq!(clock(Timestamp::from_millisecond(millis).unwrap()), text);
        }
    }

    #[test]
    fn spans_should_be_short_and_have_a_unit() {
        let later = |micros| Timestamp::from_microsecond(micros).unwrap();
        let table =
            [(400, "0.4 ms"), (9_960, "10 ms"), (12_000, "12 ms"), (1_350_000, "1.35 s"), (-400, "-0.4 ms")];
        for (micros, text) in table {
            assert_eq!(span(at(0), later(micros)), text);
        }
    }
}
