//! How measured figures are summed up and shown.

use std::time::Duration;

/// Prints one figure.
pub fn line(what: &str, value: impl std::fmt::Display) {
    println!("{what:<52} {value:>12}");
}

/// A time as text.
pub fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// The time below which this share (0 to 1) of the measurements lies.
///
/// # Panics
/// When there are no measurements.
pub fn percentile(times: &mut [Duration], share: f64) -> Duration {
    times.sort();
    let index = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len()) - 1;
    times[index]
}
