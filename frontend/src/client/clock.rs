//! The browser's clock and dice.

use std::time::Duration;

use jiff::Timestamp;

/// The present moment.
pub fn now() -> Timestamp {
    let millis = js_sys::Date::now();
    Timestamp::from_microsecond((millis * 1000.0) as i64).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A number in 0..1.
pub fn luck() -> f64 {
    js_sys::Math::random()
}

/// Waits.
pub async fn sleep(duration: Duration) {
    gloo::timers::future::sleep(duration).await;
}
