//! All pods go before the new ones come.
//!
//! Follows `pkg/controller/deployment/recreate.go` of kubernetes/kubernetes.

use super::view::{View, present};
use super::{Next, revision, rolling_update, scale, status};

/// The next write of the rollout, if it is not through.
pub(super) fn next(view: &View) -> Option<Next> {
    if let Some(next) = revision::sync(view, false) {
        return Some(next);
    }
    if let Some(next) = view.active_old().into_iter().find_map(|set| scale::to(view, set, 0)) {
        return Some(next);
    }
    if view.old_pods_run || view.old.iter().any(|set| present(set) > 0) {
        return None;
    }
    revision::sync(view, true)
        .or_else(|| scale::to(view, view.new?, view.replicas()))
        .or_else(|| if status::is_complete(view) { rolling_update::clean_up(view) } else { None })
}
