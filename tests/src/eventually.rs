//! Waiting without fixed sleeps.

use std::time::{Duration, Instant};

use anyhow::Result;

/// How long anything may take; generous, since the machine may be busy with other tests.
pub const LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// Tries until it succeeds, and returns what came of it.
///
/// # Panics
/// With the last failure when nothing came of it within [`LIMIT`].
pub async fn eventually<T>(what: &str, attempt: impl AsyncFnMut() -> Result<T>) -> T {
    within(LIMIT, what, attempt).await
}

/// [`eventually`] with a limit of its own, for what takes long by design.
///
/// # Panics
/// With the last failure when nothing came of it within the limit.
pub async fn within<T>(limit: Duration, what: &str, mut attempt: impl AsyncFnMut() -> Result<T>) -> T {
    let start = Instant::now();
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(error) if start.elapsed() > limit => {
                panic!("not within {} s: {what}: {error:#}", limit.as_secs())
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
