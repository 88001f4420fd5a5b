//! `ServiceAccount`: every pod runs as one, `default` where it names none, and has its token
//! (`plugin/pkg/admission/serviceaccount/admission.go` of kubernetes/kubernetes). Mirror pods run as none.

use k8s_openapi::api::core::v1::{
    ConfigMapProjection, Container, DownwardAPIProjection, DownwardAPIVolumeFile, EnvFromSource, EnvVar,
    KeyToPath, ObjectFieldSelector, Pod, PodSpec, ProjectedVolumeSource, ServiceAccount,
    ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
};

use crate::api::object::ApiObject;
use crate::api::{scheme, status};
use crate::apiserver::registry::Target;
use crate::apiserver::service_account::WARN_ONLY_SECONDS;
use crate::apiserver::{ApiServer, Result};
use crate::controllers::root_ca_cert_publisher::ROOT_CA_CONFIG_MAP;
use crate::given;

/// What marks a pod as the image of one that a kubelet runs on its own account.
pub const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

/// Where containers find the token of their account.
pub const TOKEN_MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What the names of volumes with tokens begin with.
const VOLUME_PREFIX: &str = "kube-api-access-";
const SUFFIX_LENGTH: usize = 5;
const FILE_MODE: i32 = 0o644;

/// What makes an account one that limits which Secrets its pods may use.
const ENFORCE_MOUNTABLE_SECRETS: &str = "kubernetes.io/enforce-mountable-secrets";

/// Names the account, refuses one that does not exist, and gives the pod the account's token and Secrets.
pub(super) async fn admit(server: &ApiServer, target: &Target, object: &mut dyn ApiObject) -> Result<()> {
    let Some(pod) = object.downcast_mut::<Pod>() else { return Ok(()) };
    let forbidden = |why: &str| Box::new(status::forbidden(target.kind.group_resource(), &target.name, why));
    let is_mirror = pod.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(MIRROR_ANNOTATION));
    let spec = pod.spec.get_or_insert_default();
    if is_mirror {
        return why_not_mirror(spec).map_or(Ok(()), |why| Err(forbidden(why)));
    }
    let name = spec.service_account_name.get_or_insert_default();
    if name.is_empty() {
        "default".clone_into(name);
    }
    let name = name.clone();
    spec.service_account = Some(name.clone());
    let Some(account) = account(server, target, &name).await? else {
        let namespace = &target.namespace;
        let why =
            format!("error looking up service account {namespace}/{name}: serviceaccount {name:?} not found");
        return Err(forbidden(&why));
    };
    if let Some(why) = not_mountable(&account, spec) {
        return Err(forbidden(&why));
    }
    if should_automount(&account, spec) {
        let suffix = || given::name_suffix(server.entropy(), SUFFIX_LENGTH);
        mount_token(spec, || format!("{VOLUME_PREFIX}{}", suffix()));
    }
    if spec.image_pull_secrets.as_ref().is_none_or(Vec::is_empty) {
        spec.image_pull_secrets.clone_from(&account.image_pull_secrets);
    }
    Ok(())
}

async fn account(server: &ApiServer, pod: &Target, name: &str) -> Result<Option<ServiceAccount>> {
    let Some(kind) = scheme::of_type::<ServiceAccount>() else { return Ok(None) };
    let namespace = pod.namespace.clone();
    let target = Target { kind, namespace, name: name.to_owned(), subresource: None };
    let found = server.lookup(&target).await?;
    Ok(found.and_then(|(object, _)| object.downcast_ref::<ServiceAccount>().cloned()))
}

/// Why a mirror pod is refused: what it names exists in the API alone, and its node does not ask there.
fn why_not_mirror(spec: &PodSpec) -> Option<&'static str> {
    if spec.service_account_name.as_ref().is_some_and(|name| !name.is_empty()) {
        return Some("a mirror pod may not reference service accounts");
    }
    let volumes = || spec.volumes.iter().flatten();
    if volumes().any(|volume| volume.secret.is_some()) {
        return Some("a mirror pod may not reference secrets");
    }
    let mut sources = volumes()
        .filter_map(|volume| volume.projected.as_ref())
        .flat_map(|source| source.sources.iter().flatten());
    sources
        .any(|source| source.service_account_token.is_some())
        .then_some("a mirror pod may not use ServiceAccountToken volume projections")
}

/// Whether the pod is to have the account's token: the pod says so, or the account, or nobody says no.
fn should_automount(account: &ServiceAccount, spec: &PodSpec) -> bool {
    spec.automount_service_account_token.or(account.automount_service_account_token).unwrap_or(true)
}

fn containers(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    spec.init_containers.iter().flatten().chain(&spec.containers)
}

/// Mounts the token into every container that has nothing at its place.
fn mount_token(spec: &mut PodSpec, new_name: impl FnOnce() -> String) {
    let mut volumes = spec.volumes.iter().flatten();
    let own = volumes.find(|volume| volume.name.starts_with(VOLUME_PREFIX)).map(|volume| volume.name.clone());
    let has_volume = own.is_some();
    let name = own.unwrap_or_else(new_name);
    let mut is_needed = false;
    for container in spec.init_containers.iter_mut().flatten().chain(&mut spec.containers) {
        let mounts = container.volume_mounts.get_or_insert_default();
        if mounts.iter().any(|mount| mount.mount_path == TOKEN_MOUNT_PATH) {
            continue;
        }
        is_needed = true;
        mounts.push(VolumeMount {
            name: name.clone(),
            read_only: Some(true),
            mount_path: TOKEN_MOUNT_PATH.into(),
            ..VolumeMount::default()
        });
    }
    if is_needed && !has_volume {
        spec.volumes.get_or_insert_default().push(token_volume(name));
    }
}

/// The volume with the token, what to know the server by, and the namespace.
fn token_volume(name: String) -> Volume {
    let token = ServiceAccountTokenProjection {
        path: "token".into(),
        expiration_seconds: Some(WARN_ONLY_SECONDS),
        ..ServiceAccountTokenProjection::default()
    };
    let ca = KeyToPath { key: "ca.crt".into(), path: "ca.crt".into(), ..KeyToPath::default() };
    let ca = ConfigMapProjection {
        name: ROOT_CA_CONFIG_MAP.into(),
        items: Some(vec![ca]),
        ..ConfigMapProjection::default()
    };
    let namespace =
        ObjectFieldSelector { api_version: Some("v1".into()), field_path: "metadata.namespace".into() };
    let namespace = DownwardAPIVolumeFile {
        path: "namespace".into(),
        field_ref: Some(namespace),
        ..DownwardAPIVolumeFile::default()
    };
    let sources = vec![
        VolumeProjection { service_account_token: Some(token), ..VolumeProjection::default() },
        VolumeProjection { config_map: Some(ca), ..VolumeProjection::default() },
        VolumeProjection {
            downward_api: Some(DownwardAPIProjection { items: Some(vec![namespace]) }),
            ..VolumeProjection::default()
        },
    ];
    let source = ProjectedVolumeSource {
        default_mode: Some(FILE_MODE),
        sources: Some(sources),
        ..ProjectedVolumeSource::default()
    };
    Volume { name, projected: Some(source), ..Volume::default() }
}

/// Why the pod may not use a Secret that it names, where its account limits them.
fn not_mountable(account: &ServiceAccount, spec: &PodSpec) -> Option<String> {
    let enforces = account.metadata.annotations.as_ref().and_then(|all| all.get(ENFORCE_MOUNTABLE_SECRETS));
    if !enforces.is_some_and(|value| matches!(value.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True")) {
        return None;
    }
    let name = account.metadata.name.as_deref().unwrap_or_default();
    let listed: Vec<&str> =
        account.secrets.iter().flatten().filter_map(|secret| secret.name.as_deref()).collect();
    let is_denied = |secret: &str| !listed.contains(&secret);
    let because = format!("because service account {name} does not reference that secret");
    for volume in spec.volumes.iter().flatten() {
        let secret = volume.secret.as_ref().and_then(|source| source.secret_name.as_deref());
        if let Some(secret) = secret.filter(|secret| is_denied(secret)) {
            return Some(format!("volume with secret.secretName={secret:?} is not allowed {because}"));
        }
    }
    for container in containers(spec) {
        let denied = container.env.iter().flatten().find_map(|variable| {
            secret_of(variable).filter(|secret| is_denied(secret)).map(|secret| (&variable.name, secret))
        });
        if let Some((variable, secret)) = denied {
            return Some(format!(
                "container {} with envVar {variable} referencing secret.secretName={secret:?} is not allowed {because}",
                container.name
            ));
        }
        let denied =
            container.env_from.iter().flatten().filter_map(secret_in).find(|secret| is_denied(secret));
        if let Some(secret) = denied {
            return Some(format!(
                "container {} with envFrom referencing secret.secretName={secret:?} is not allowed {because}",
                container.name
            ));
        }
    }
    pull_secret_denied(account, spec, name)
}

fn secret_of(variable: &EnvVar) -> Option<&str> {
    Some(variable.value_from.as_ref()?.secret_key_ref.as_ref()?.name.as_str())
}

fn secret_in(source: &EnvFromSource) -> Option<&str> {
    Some(source.secret_ref.as_ref()?.name.as_str())
}

fn pull_secret_denied(account: &ServiceAccount, spec: &PodSpec, name: &str) -> Option<String> {
    let listed = |secret: &str| account.image_pull_secrets.iter().flatten().any(|own| own.name == secret);
    let mut secrets = spec.image_pull_secrets.iter().flatten().enumerate();
    let (index, secret) = secrets.find(|(_, secret)| !listed(&secret.name))?;
    Some(format!(
        "imagePullSecrets[{index}].name={:?} is not allowed because service account {name} does not reference that \
         imagePullSecret",
        secret.name
    ))
}
