//! Which options of lists, watches and deletions make sense.
//!
//! Follows `pkg/apis/meta/internalversion/validation/validation.go` and
//! `pkg/apis/meta/v1/validation/validation.go` of kubernetes/apimachinery.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Status, StatusDetails};

use crate::api::status;
use crate::validation::field::{ErrorList, Path};

use super::Result;
use super::request::{ListOptions, VersionMatch};

const GROUP: &str = "meta.k8s.io";

/// 422 for options of a list that contradict each other.
pub(super) fn check_list(options: &ListOptions) -> Result<()> {
    let mut errors = ErrorList::new();
    let field = Path::root("resourceVersionMatch");
    if options.version_match != VersionMatch::Unset {
        if options.resource_version.is_none() {
            errors.forbidden(&field, "resourceVersionMatch is forbidden unless resourceVersion is provided");
        }
        if !options.continue_token.is_empty() {
            errors.forbidden(&field, "resourceVersionMatch is forbidden when continue is provided");
        }
        if options.version_match == VersionMatch::Exact && options.resource_version == Some(0) {
            errors.forbidden(&field, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
        }
    }
    if options.send_initial_events.is_some() {
        errors.forbidden(&Path::root("sendInitialEvents"), "sendInitialEvents is forbidden for list");
    }
    refuse("ListOptions", errors)
}

/// 422 for options of a watch that contradict each other.
pub(super) fn check_watch(options: &ListOptions) -> Result<()> {
    let mut errors = ErrorList::new();
    let field = Path::root("resourceVersionMatch");
    let wants_state = options.send_initial_events.is_some();
    if wants_state && options.version_match != VersionMatch::NotOlderThan {
        errors.forbidden(&field, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    }
    if options.version_match != VersionMatch::Unset {
        if !wants_state {
            errors.forbidden(
                &field,
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            );
        }
        if options.version_match == VersionMatch::Exact {
            errors.not_supported(&field, "Exact", &["NotOlderThan"]);
        }
        if !options.continue_token.is_empty() {
            errors.forbidden(&field, "resourceVersionMatch is forbidden when continue is provided");
        }
    }
    refuse("ListOptions", errors)
}

/// 422 for options of a deletion that contradict each other or mean nothing.
pub(super) fn check_delete(options: &DeleteOptions) -> Result<()> {
    const POLICIES: [&str; 4] = ["Foreground", "Background", "Orphan", "nil"];
    let mut errors = ErrorList::new();
    let field = Path::root("propagationPolicy");
    if let Some(policy) = options.propagation_policy.as_deref() {
        if options.orphan_dependents.is_some() {
            errors.invalid(&field, policy, "orphanDependents and deletionPropagation cannot be both set");
        }
        if !POLICIES[..3].contains(&policy) {
            errors.not_supported(&field, policy, &POLICIES);
        }
    }
    let stages = options.dry_run.as_deref().unwrap_or_default();
    if stages.iter().any(|stage| stage != "All") {
        errors.not_supported(&Path::root("dryRun"), serde_json::json!(stages), &["All"]);
    }
    refuse("DeleteOptions", errors)
}

fn refuse(kind: &str, errors: ErrorList) -> Result<()> {
    if errors.is_empty() {
        return Ok(());
    }
    let details = StatusDetails {
        group: Some(GROUP.into()),
        kind: Some(kind.to_owned()),
        causes: Some(errors.to_causes()),
        ..StatusDetails::default()
    };
    Err(Box::new(Status {
        code: Some(422),
        reason: Some("Invalid".into()),
        details: Some(details),
        ..status::bad_request(format!("{kind}.{GROUP} \"\" is invalid: {errors}"))
    }))
}
