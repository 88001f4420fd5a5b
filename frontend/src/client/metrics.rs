//! Asks what nodes and pods use, again and again: metrics cannot be watched.

use std::time::Duration;

use super::{clock, http};
use crate::state::cluster::ClusterAction;
use crate::state::measured::Measured;

/// As often as metrics-server looks.
const PERIOD: Duration = Duration::from_secs(10);
/// While there is nothing to tell.
const SOONER: Duration = Duration::from_secs(3);

/// Tells what is measured, for ever; nothing is told where nobody measures.
pub async fn follow(tell: impl Fn(ClusterAction)) {
    loop {
        let measured = ask().await;
        let is_told = measured != Measured::default();
        tell(ClusterAction::Measured(measured));
        clock::sleep(if is_told { PERIOD } else { SOONER }).await;
    }
}

async fn ask() -> Measured {
    let nodes = http::get("/apis/metrics.k8s.io/v1beta1/nodes").await;
    let pods = http::get("/apis/metrics.k8s.io/v1beta1/pods").await;
    Measured::read(&nodes.unwrap_or_default(), &pods.unwrap_or_default())
}
