//! Durations for people, as `k8s.io/apimachinery/pkg/util/duration` words them.

use jiff::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// How long ago `then` was, `<unknown>` if it never was.
pub fn since(then: Option<Timestamp>, now: Timestamp) -> String {
    then.map_or_else(|| "<unknown>".to_owned(), |then| human_duration(seconds_between(then, now)))
}

/// Whole seconds from `then` to `now`, rounded towards zero.
pub fn seconds_between(then: Timestamp, now: Timestamp) -> i64 {
    now.duration_since(then).as_secs()
}

/// A duration with two or three significant figures (`HumanDuration`), as in the Age column.
///
/// A second into the future counts as now, for clocks differ; more is `<invalid>`.
pub fn human_duration(seconds: i64) -> String {
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        _ if seconds < 10 * MINUTE => two_units(seconds, (MINUTE, "m"), (1, "s")),
        _ if seconds < 3 * HOUR => one_unit(seconds, MINUTE, "m"),
        _ if seconds < 8 * HOUR => two_units(seconds, (HOUR, "h"), (MINUTE, "m")),
        _ if seconds < 2 * DAY => one_unit(seconds, HOUR, "h"),
        _ if seconds < 8 * DAY => two_units(seconds, (DAY, "d"), (HOUR, "h")),
        _ if seconds < 2 * YEAR => one_unit(seconds, DAY, "d"),
        _ if seconds < 8 * YEAR => two_units(seconds, (YEAR, "y"), (DAY, "d")),
        _ => one_unit(seconds, YEAR, "y"),
    }
}

/// A duration in one unit (`ShortHumanDuration`).
pub fn short_human_duration(seconds: i64) -> String {
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..MINUTE => format!("{seconds}s"),
        MINUTE..HOUR => one_unit(seconds, MINUTE, "m"),
        HOUR..DAY => one_unit(seconds, HOUR, "h"),
        DAY..YEAR => one_unit(seconds, DAY, "d"),
        YEAR.. => one_unit(seconds, YEAR, "y"),
    }
}

fn one_unit(seconds: i64, unit: i64, sign: &str) -> String {
    format!("{}{sign}", seconds / unit)
}

/// The larger unit and, where it is not zero, the rest in the smaller.
fn two_units(seconds: i64, (large, large_sign): (i64, &str), (small, small_sign): (i64, &str)) -> String {
    let rest = seconds % large / small;
    let large = one_unit(seconds, large, large_sign);
    if rest == 0 { large } else { format!("{large}{rest}{small_sign}") }
}
