//! Files of several sources in one directory: `pkg/volume/projected/projected.go` of kubernetes/kubernetes.

use k8s_openapi::api::core::v1::{
    Pod, ProjectedVolumeSource, ServiceAccountTokenProjection, VolumeProjection,
};

use super::downward_api::all_or_errors;
use super::{File, Files, Sources, TokenRequest, config_map, downward_api, is_optional, mode, secret};

/// How long a token holds of which nothing else is said.
const TOKEN_SECONDS: i64 = 3600;

/// All that the sources say; the error names all that went wrong. Later sources go before earlier ones.
pub(super) fn files(
    pod: &Pod,
    source: &ProjectedVolumeSource,
    sources: &dyn Sources,
) -> Result<Files, String> {
    let (mut all, mut errors) = (Files::new(), Vec::new());
    for projection in source.sources.iter().flatten() {
        match files_of(pod, projection, source.default_mode, sources) {
            Ok(files) => all.extend(files),
            Err(error) => errors.push(error),
        }
    }
    all_or_errors(all, errors)
}

fn files_of(
    pod: &Pod,
    source: &VolumeProjection,
    default_mode: Option<i32>,
    sources: &dyn Sources,
) -> Result<Files, String> {
    if let Some(source) = &source.secret {
        let optional = is_optional(source.optional);
        return secret::files_of(&source.name, source.items.as_deref(), default_mode, optional, sources);
    }
    if let Some(source) = &source.config_map {
        let optional = is_optional(source.optional);
        return config_map::files_of(&source.name, source.items.as_deref(), default_mode, optional, sources);
    }
    if let Some(source) = &source.downward_api {
        return downward_api::files_of(pod, source.items.as_deref(), default_mode, sources);
    }
    if let Some(source) = &source.service_account_token {
        let content = sources.token(&request(source))?.into_bytes();
        let mode = token_mode(pod, default_mode);
        return Ok(Files::from([(source.path.clone(), File { content, mode })]));
    }
    let kind = match source.cluster_trust_bundle {
        Some(_) => "clusterTrustBundle",
        None => "podCertificate",
    };
    Err(format!("no node here can project a {kind}"))
}

/// The token that a source asks for.
pub(super) fn request(source: &ServiceAccountTokenProjection) -> TokenRequest {
    TokenRequest {
        audience: source.audience.clone().unwrap_or_default(),
        expiration_seconds: source.expiration_seconds.unwrap_or(TOKEN_SECONDS),
    }
}

/// A token is its owner's alone, and its group's where the pod has one.
fn token_mode(pod: &Pod, default_mode: Option<i32>) -> u32 {
    let security = pod.spec.as_ref().and_then(|spec| spec.security_context.as_ref());
    match security.is_some_and(|security| security.fs_group.is_some()) {
        true => 0o600,
        false => mode(None, default_mode),
    }
}
