//! `create` of an account's `token`.
//!
//! Follows `pkg/registry/core/serviceaccount/storage/token.go`, `pkg/apis/authentication/validation` and
//! `plugin/pkg/admission/noderestriction` of kubernetes/kubernetes.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::Resource;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestStatus};
use k8s_openapi::api::core::v1::{Node, Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::object::{Object, SharedObject};
use crate::api::scheme::{self, GroupResource};
use crate::api::status;
use crate::apiserver::registry::Target;
use crate::apiserver::request::{Input, Reply, WriteOptions};
use crate::apiserver::user::Caller;
use crate::apiserver::{ApiServer, Result, create, input};
use crate::given;
use crate::validation::field::{ErrorList, Path};

use super::claims::{Claims, Private, Reference};
use super::{ISSUER, USER_PREFIX, signed};

/// How long a token holds of which nothing else is said.
const DEFAULT_SECONDS: i64 = 3600;
const LEAST_SECONDS: i64 = 600;
const MOST_SECONDS: i64 = 1 << 32;
/// What the API server asks for in pods' behalf: such a token holds for a year, and says after this time that it
/// should have been renewed (`WarnOnlyBoundTokenExpirationPeriod`).
pub const WARN_ONLY_SECONDS: i64 = 3607;
const EXTENDED_SECONDS: i64 = 365 * 24 * 3600;

/// What a token is bound to.
#[derive(Default)]
struct Bound {
    pod: Option<Reference>,
    secret: Option<Reference>,
    node: Option<Reference>,
}

impl ApiServer {
    /// Issues a token for the account.
    pub(crate) async fn create_token(
        &self,
        caller: &Caller,
        target: &Target,
        body: Input,
        options: &WriteOptions,
        warnings: &mut Vec<String>,
    ) -> Result<Reply> {
        let mut request = input::token_request(body, options.field_validation, warnings)?;
        request.spec.get_or_insert_default().expiration_seconds.get_or_insert(DEFAULT_SECONDS);
        if request
            .spec
            .as_ref()
            .and_then(|spec| spec.attestations.as_ref())
            .is_some_and(|all| !all.is_empty())
        {
            warnings.push("spec.attestations: tokens attest to nothing yet".to_owned());
        }
        create::check_namespace(target, &mut request.metadata)?;
        let name = request.metadata.name.get_or_insert_default();
        if name.is_empty() {
            name.clone_from(&target.name);
        } else if *name != target.name {
            let message = "name in URL does not match name in TokenRequest object";
            return Err(Box::new(status::bad_request(message)));
        }
        validate(&request)?;
        let (account, _) = self.existing(target).await?;
        let bound = match request.spec.as_ref().and_then(|spec| spec.bound_object_ref.as_ref()) {
            Some(reference) => self.bound(target, reference).await?,
            None => Bound::default(),
        };
        restrict_node(caller, target, &request, &bound)?;
        self.issue(request, &account, bound)
    }

    /// Finds the object that a token is to be bound to.
    async fn bound(&self, account: &Target, reference: &BoundObjectReference) -> Result<Bound> {
        let (kind, name) = (reference.kind.as_deref().unwrap_or_default(), reference.name.clone());
        let name = name.unwrap_or_default();
        let mut bound = Bound::default();
        let object = match (reference.api_version.as_deref(), kind) {
            (Some("v1"), "Pod") => {
                let object = self.object_of::<Pod>(&account.namespace, &name).await?;
                bound.node = self.node_of(&object, account).await?;
                bound.pod = Some(reference_to(&object));
                object
            }
            (Some("v1"), "Secret") => {
                let object = self.object_of::<Secret>(&account.namespace, &name).await?;
                bound.secret = Some(reference_to(&object));
                object
            }
            (Some("v1"), "Node") => {
                let object = self.object_of::<Node>("", &name).await?;
                bound.node = Some(reference_to(&object));
                object
            }
            (version, kind) => {
                let version = version.unwrap_or_default();
                let (group, version) = version.split_once('/').unwrap_or(("", version));
                let named = format!("{group}/{version}, Kind={kind}");
                return Err(Box::new(status::bad_request(format!(
                    "cannot bind token to object of type {named}"
                ))));
            }
        };
        let (wanted, found) = (reference.uid.as_deref().unwrap_or_default(), reference_to(&object).uid);
        if !wanted.is_empty() && wanted != found {
            let what = GroupResource { group: "", resource: object.body().kind() };
            let why = format!(
                "the UID in the bound object reference ({wanted}) does not match the UID in record. The object \
                 might have been deleted and then recreated"
            );
            return Err(Box::new(status::conflict(what, &name, &why)));
        }
        Ok(bound)
    }

    /// The node that a pod runs on, if it does and the node is there; the pod must run as the account.
    async fn node_of(&self, pod: &SharedObject, account: &Target) -> Result<Option<Reference>> {
        let spec = pod.downcast_ref::<Pod>().and_then(|pod| pod.spec.as_ref());
        let own = spec.and_then(|spec| spec.service_account_name.as_deref()).unwrap_or_default();
        if own != account.name {
            return Err(Box::new(status::bad_request(format!(
                "cannot bind token for serviceaccount {:?} to pod running with different serviceaccount name.",
                account.name
            ))));
        }
        let Some(name) = spec.and_then(|spec| spec.node_name.clone()) else { return Ok(None) };
        match self.object_of::<Node>("", &name).await {
            Ok(node) => Ok(Some(reference_to(&node))),
            Err(error) if status::is(&error, "NotFound") => Ok(Some(Reference { name, uid: String::new() })),
            Err(error) => Err(error),
        }
    }

    /// The stored object of that kind and name.
    pub(super) async fn object_of<K: Resource>(&self, namespace: &str, name: &str) -> Result<SharedObject> {
        let kind = scheme::of_type::<K>().ok_or_else(|| Box::new(status::no_such_path()))?;
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        self.get(&Target { kind, namespace, name, subresource: None }).await
    }

    fn issue(&self, mut request: TokenRequest, account: &SharedObject, bound: Bound) -> Result<Reply> {
        let key = self.token_key.as_ref();
        let key =
            key.ok_or_else(|| Box::new(status::internal("this server has no key to sign tokens with")))?;
        let spec = request.spec.get_or_insert_default();
        let audiences = spec.audiences.get_or_insert_default();
        if audiences.is_empty() {
            audiences.push(ISSUER.to_owned());
        }
        let audiences = audiences.clone();
        let now = self.now_in_seconds();
        let seconds = spec.expiration_seconds.unwrap_or(DEFAULT_SECONDS);
        let for_server = audiences == [ISSUER];
        let extended = bound.pod.is_some() && for_server && seconds == WARN_ONLY_SECONDS;
        let lifetime = if extended { EXTENDED_SECONDS } else { seconds };
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: format!("{USER_PREFIX}{}:{}", account.namespace(), account.name()),
            aud: audiences,
            exp: now.as_second() + lifetime,
            nbf: now.as_second(),
            iat: now.as_second(),
            jti: given::uuid(&*self.entropy),
            private: Private {
                namespace: account.namespace().to_owned(),
                serviceaccount: reference_to(account),
                pod: bound.pod,
                secret: bound.secret,
                node: bound.node,
                warnafter: extended.then(|| now.as_second() + seconds),
            },
        };
        let claims = serde_json::to_value(claims).map_err(|error| Box::new(status::internal(error)))?;
        let token = signed(&**key, &claims);
        let token = token.ok_or_else(|| Box::new(status::internal("failed to generate token")))?;
        request.metadata.creation_timestamp = Some(Time(now));
        let expires = now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
        request.status =
            Some(TokenRequestStatus { token: Some(token), expiration_timestamp: Some(Time(expires)) });
        let json = serde_json::to_vec(&request).map_err(|error| Box::new(status::internal(error)))?;
        Ok(Reply::Created(Object::with_json(Box::new(request), json)))
    }
}

fn reference_to(object: &SharedObject) -> Reference {
    Reference { name: object.name().to_owned(), uid: object.metadata().uid.clone().unwrap_or_default() }
}

fn validate(request: &TokenRequest) -> Result<()> {
    let mut errors = ErrorList::new();
    let seconds = request.spec.as_ref().and_then(|spec| spec.expiration_seconds).unwrap_or(DEFAULT_SECONDS);
    let path = Path::root("spec").child("expirationSeconds");
    if seconds < LEAST_SECONDS {
        errors.invalid(&path, seconds, "may not specify a duration less than 10 minutes");
    }
    if seconds > MOST_SECONDS {
        errors.invalid(&path, seconds, "may not specify a duration larger than 2^32 seconds");
    }
    if errors.is_empty() {
        return Ok(());
    }
    let what = GroupResource { group: "authentication.k8s.io", resource: "TokenRequest" };
    Err(Box::new(status::invalid_kind(what, "", &errors.to_string(), errors.to_causes())))
}

/// A kubelet asks for tokens of pods that run on its node, and for no others.
fn restrict_node(caller: &Caller, target: &Target, request: &TokenRequest, bound: &Bound) -> Result<()> {
    let Some(node) = caller.user.node_name() else { return Ok(()) };
    let reference = request.spec.as_ref().and_then(|spec| spec.bound_object_ref.as_ref());
    let why = match reference {
        None => "node requested token not bound to a pod",
        Some(reference) if reference.kind.as_deref() != Some("Pod") => {
            "node requested token not bound to a pod"
        }
        Some(reference) if reference.uid.as_deref().unwrap_or_default().is_empty() => {
            "node requested token with a pod binding without a uid"
        }
        Some(_) if bound.node.as_ref().is_none_or(|own| own.name != node) => {
            "node requested token bound to a pod scheduled on a different node"
        }
        Some(_) => return Ok(()),
    };
    let what = GroupResource { group: "", resource: target.kind.plural };
    Err(Box::new(status::forbidden(what, &target.name, why)))
}
