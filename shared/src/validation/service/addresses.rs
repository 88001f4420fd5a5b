//! A service's own addresses and their IP families.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidateServiceClusterIPsRelatedFields`,
//! `validateUpgradeDowngradeClusterIPs`, `validateUpgradeDowngradeIPFamilies`).

use k8s_openapi::api::core::v1::ServiceSpec;
use serde_json::json;

use super::super::addresses::{one_of_each_family, validate_ip};
use super::super::field::{ErrorList, Path};
use super::super::metadata::value_of;
use super::{cluster_ips, is_headless};

/// Rules of `clusterIP`, `clusterIPs`, `ipFamilies` and `ipFamilyPolicy`; `path` leads to the spec.
pub(super) fn validate(errors: &mut ErrorList, spec: &ServiceSpec, path: &Path) {
    let ips = cluster_ips(spec);
    let ips_path = path.child("clusterIPs");
    match (spec.cluster_ip.as_deref().unwrap_or_default(), ips.first()) {
        ("", Some(_)) => {
            errors.invalid(&ips_path, json!(ips), "must be empty when `clusterIP` is not specified");
        }
        ("", None) => {}
        (_, None) => errors.required(&ips_path, ""),
        (ip, Some(first)) if ip != first => {
            errors.invalid(&ips_path, json!(ips), "first value must match `clusterIP`");
        }
        _ => {}
    }
    validate_families(errors, spec, path);
    let before = errors.len();
    validate_each_cluster_ip(errors, ips, &ips_path);
    if errors.len() == before && !is_headless(spec) {
        if !one_of_each_family(ips) {
            let message = "may specify no more than one IP for each IP family";
            errors.invalid(&ips_path, json!(ips), message);
        }
        validate_ips_fit_families(errors, spec, &ips_path);
    }
}

fn validate_each_cluster_ip(errors: &mut ErrorList, ips: &[String], path: &Path) {
    for (index, ip) in ips.iter().enumerate() {
        if index > 0 || ip != "None" {
            validate_ip(errors, &path.index(index), ip);
        } else if ips.len() > 1 {
            errors.invalid(path, json!(ips), "'None' must be the first and only value");
        }
    }
    if ips.len() > 2 {
        errors.invalid(path, json!(ips), "may only hold up to 2 values");
    }
}

fn validate_families(errors: &mut ErrorList, spec: &ServiceSpec, path: &Path) {
    let families = spec.ip_families.as_deref().unwrap_or_default();
    for (index, family) in families.iter().enumerate() {
        let path = path.child("ipFamilies").index(index);
        if !["IPv4", "IPv6"].contains(&family.as_str()) {
            errors.not_supported(&path, family.as_str(), &["IPv4", "IPv6"]);
        }
        if families[..index].contains(family) {
            errors.duplicate(&path, family.as_str());
        }
    }
    let policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
    if let Some(policy) = spec.ip_family_policy.as_deref().filter(|policy| !policies.contains(policy)) {
        errors.not_supported(&path.child("ipFamilyPolicy"), policy, &policies);
    }
}

fn validate_ips_fit_families(errors: &mut ErrorList, spec: &ServiceSpec, path: &Path) {
    let families = spec.ip_families.as_deref().unwrap_or_default();
    for (index, (ip, family)) in cluster_ips(spec).iter().zip(families).enumerate() {
        let actual = if ip.contains(':') { "IPv6" } else { "IPv4" };
        if family != actual {
            let message = format!("expected an {family} value as indicated by `ipFamilies[{index}]`");
            errors.invalid(&path.index(index), ip.as_str(), message);
        }
    }
}

/// Addresses may be given and the second one released; none may change.
pub(super) fn validate_update(errors: &mut ErrorList, new: &ServiceSpec, old: &ServiceSpec, path: &Path) {
    let (now, before) = (cluster_ips(new), cluster_ips(old));
    let ips_path = path.child("clusterIPs");
    for (index, (ip, old)) in now.iter().zip(before).enumerate() {
        if ip != old {
            errors.invalid(&ips_path.index(index), json!(now), "may not change once set");
        }
    }
    if now.is_empty() && !before.is_empty() {
        let shown = new.cluster_ips.as_ref().map_or(serde_json::Value::Null, |ips| json!(ips));
        errors.invalid(&ips_path.index(0), shown, "primary clusterIP can not be unset");
    }
    if now.len() == 1 && before.len() > 1 && new.ip_family_policy.as_deref() != Some("SingleStack") {
        let message = "must be set to 'SingleStack' when releasing the secondary clusterIP";
        errors.invalid(&path.child("ipFamilyPolicy"), value_of(&new.ip_family_policy), message);
    }
}

/// Families may be given and the second one released; none may change.
pub(super) fn validate_families_update(
    errors: &mut ErrorList,
    new: &ServiceSpec,
    old: &ServiceSpec,
    path: &Path,
) {
    let now = new.ip_families.as_deref().unwrap_or_default();
    let before = old.ip_families.as_deref().unwrap_or_default();
    let families_path = path.child("ipFamilies").index(0);
    for _ in now.iter().zip(before).filter(|(now, before)| now != before) {
        errors.invalid(&families_path, json!(now), "may not change once set");
    }
    if now.len() == 1 && before.len() > 1 && new.ip_family_policy.as_deref() != Some("SingleStack") {
        let message = "must be set to 'SingleStack' when releasing the secondary ipFamily";
        errors.invalid(&path.child("ipFamilyPolicy"), value_of(&new.ip_family_policy), message);
    }
}
