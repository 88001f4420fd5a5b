//! `create`: a new object, or a subresource that is created (`binding`).
//!
//! Follows `pkg/registry/rest/create.go` of kubernetes/apiserver.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Status, Time};

use crate::api::object::ApiObject;
use crate::api::status;
use crate::given;
use crate::store::Expect;

use super::registry::strategy;
use super::registry::{Stored, Target};
use super::request::{Input, Reply, WriteOptions};
use super::user::Caller;
use super::{ApiServer, Result, admission, input};
use crate::{defaults, validation};

/// How long a generated base may be, so that the suffix fits (`pkg/storage/names/generate.go`).
const MAX_GENERATED_BASE: usize = 58;
/// How many random characters a generated name ends with.
const SUFFIX_LENGTH: usize = 5;
/// How often another name is drawn where the first is taken.
const GENERATE_ATTEMPTS: usize = 8;

impl ApiServer {
    /// Creates what the body says below the target.
    pub(crate) async fn create(
        &self,
        caller: &Caller,
        target: &Target,
        body: Input,
        options: &WriteOptions,
        warnings: &mut Vec<String>,
    ) -> Result<Reply> {
        match target.subresource_name() {
            "" => self.create_object(caller, target, body, options, warnings).await,
            "token" => self.create_token(caller, target, body, options, warnings).await,
            "binding" => self.bind(target, body, options, warnings).await,
            other => Err(Box::new(status::method_not_supported(
                target.kind.group_resource(),
                &format!("create of subresource {other}"),
            ))),
        }
    }

    async fn create_object(
        &self,
        caller: &Caller,
        target: &Target,
        body: Input,
        options: &WriteOptions,
        warnings: &mut Vec<String>,
    ) -> Result<Reply> {
        let object = input::object(target.kind, body, options.field_validation, warnings)?;
        self.create_typed(caller, target, object, options, warnings).await
    }

    /// Creates the object, its defaults not applied yet.
    pub(crate) async fn create_typed(
        &self,
        caller: &Caller,
        target: &Target,
        mut object: Box<dyn ApiObject>,
        options: &WriteOptions,
        warnings: &mut Vec<String>,
    ) -> Result<Reply> {
        defaults::apply(&mut *object);
        check_namespace(target, object.metadata_mut())?;
        let version = object.metadata().resource_version.clone().unwrap_or_default();
        self.fill_metadata(object.metadata_mut());
        let asked_for = Target { name: name_asked_for(object.metadata()), ..target.clone() };
        self.admit_create(caller, &asked_for, &mut *object).await?;
        strategy::prepare_for_create(&mut *object);
        let generate = object.metadata().name.as_deref().unwrap_or_default().is_empty();
        let attempts = if generate { GENERATE_ATTEMPTS } else { 1 };
        let mut name = String::new();
        for _ in 0..attempts {
            let mut candidate = object.boxed_clone();
            self.generate_name(candidate.metadata_mut());
            name = candidate.metadata().name.clone().unwrap_or_default();
            let target = Target { name: name.clone(), ..target.clone() };
            let mut said = warnings_of(&*candidate);
            if let Some(reply) = self.create_named(&target, candidate, &version, options).await? {
                warnings.append(&mut said);
                return Ok(reply);
            }
        }
        let what = target.kind.group_resource();
        Err(Box::new(match generate {
            true => status::generate_name_conflict(what, &name),
            false => status::already_exists(what, &name),
        }))
    }

    /// Gives the object its addresses, validates and writes it; `None` where the name is taken.
    async fn create_named(
        &self,
        target: &Target,
        mut object: Box<dyn ApiObject>,
        version: &str,
        options: &WriteOptions,
    ) -> Result<Option<Reply>> {
        // A name that is taken is said before an address that its owner holds.
        if object.downcast_ref::<Service>().is_some() && self.lookup(target).await?.is_some() {
            return Ok(None);
        }
        let claims = self.allocate_addresses(target, &mut *object, options.dry_run).await?;
        let stored = match check_new(target, &*object, version) {
            Ok(()) => {
                strategy::canonicalize(&mut *object);
                self.put(target, object, Expect::Absent, options.dry_run).await
            }
            Err(refusal) => Err(refusal),
        };
        if let Ok(Stored::Done(object)) = stored {
            return Ok(Some(Reply::Created(object)));
        }
        self.release_addresses(&claims).await?;
        stored.map(|_| None)
    }

    /// What the server alone says of a new object.
    fn fill_metadata(&self, metadata: &mut ObjectMeta) {
        metadata.uid = Some(given::uuid(&*self.entropy));
        metadata.creation_timestamp = Some(Time(self.now_in_seconds()));
        metadata.deletion_timestamp = None;
        metadata.deletion_grace_period_seconds = None;
        metadata.resource_version = None;
        metadata.self_link = None;
        // Fields have no managers before server-side apply comes; a client's own entries mean nothing.
        metadata.managed_fields = None;
        leave_out_empty(metadata);
    }

    /// The clock's time as objects bear it: whole seconds.
    pub(crate) fn now_in_seconds(&self) -> jiff::Timestamp {
        let now = self.clock.now();
        jiff::Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    fn generate_name(&self, metadata: &mut ObjectMeta) {
        let named = metadata.name.as_deref().is_some_and(|name| !name.is_empty());
        let Some(base) = metadata.generate_name.as_deref().filter(|base| !named && !base.is_empty()) else {
            return;
        };
        let base: String = base.chars().take(MAX_GENERATED_BASE).collect();
        metadata.name = Some(format!("{base}{}", given::name_suffix(&*self.entropy, SUFFIX_LENGTH)));
    }
}

/// Lists and maps that are empty are not written, as upstream's are not (`omitempty`).
pub(super) fn leave_out_empty(metadata: &mut ObjectMeta) {
    for map in [&mut metadata.labels, &mut metadata.annotations] {
        map.take_if(|map| map.is_empty());
    }
    metadata.owner_references.take_if(|owners| owners.is_empty());
    metadata.finalizers.take_if(|finalizers| finalizers.is_empty());
}

/// The name as admission speaks of it: the one that is asked for, or the base of one to be generated.
fn name_asked_for(metadata: &ObjectMeta) -> String {
    let name = metadata.name.clone().filter(|name| !name.is_empty());
    name.or_else(|| metadata.generate_name.clone()).unwrap_or_default()
}

/// 422 for an object that breaks rules, and upstream's 500 for one that names a `resourceVersion`.
fn check_new(target: &Target, object: &dyn ApiObject, version: &str) -> Result<()> {
    admission::invalid_unless_empty(target, validation::validate_create(object))?;
    if matches!(version, "" | "0") {
        return Ok(());
    }
    let message = "resourceVersion should not be set on objects to be created".to_owned();
    let details = None;
    Err(Box::new(Status { message: Some(message), reason: None, details, ..status::internal("") }))
}

/// What a client should know of an object that is well formed.
pub(crate) fn warnings_of(object: &dyn ApiObject) -> Vec<String> {
    let mut warnings = validation::warnings::warnings(object);
    warnings.extend(admission::unsupported(object));
    warnings
}

/// The namespace of the path is the object's, which may leave it out.
pub(crate) fn check_namespace(target: &Target, metadata: &mut ObjectMeta) -> Result<()> {
    if !target.kind.namespaced {
        metadata.namespace = None;
        return Ok(());
    }
    match metadata.namespace.as_deref().unwrap_or_default() {
        "" => metadata.namespace = Some(target.namespace.clone()),
        namespace if namespace == target.namespace => {}
        _ => {
            let message =
                "the namespace of the provided object does not match the namespace sent on the request";
            return Err(Box::new(status::bad_request(message)));
        }
    }
    Ok(())
}
