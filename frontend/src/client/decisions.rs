//! The scheduler's own explanations of what it decided.

use shared::scheduler::Decision;

use super::http;

/// The newest decision about the pod of a uid, if the scheduler still remembers it.
pub async fn of_pod(uid: &str) -> Option<Decision> {
    let list = http::get("/kijabi/scheduler/decisions").await.ok()?;
    let decisions = list.as_array().or_else(|| list.get("items")?.as_array())?;
    let is_own = |decision: &&serde_json::Value| {
        decision.pointer("/pod/uid").and_then(|own| own.as_str()) == Some(uid)
    };
    let newest = decisions.iter().rev().find(is_own)?;
    serde_json::from_value(newest.clone()).ok()
}
