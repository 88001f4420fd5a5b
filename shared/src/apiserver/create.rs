//! `create`: a new object, or a subresource that is created (`binding`).
//!
//! Follows `pkg/registry/rest/create.go` of kubernetes/apiserver.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

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
            "binding" => self.bind(target, body, options).await,
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
        let mut object = input::object(target.kind, body, options.field_validation, warnings)?;
        defaults::apply(&mut *object);
        check_namespace(target, object.metadata_mut())?;
        strategy::prepare_for_create(&mut *object);
        self.fill_metadata(object.metadata_mut());
        let generate = object.metadata().name.as_deref().unwrap_or_default().is_empty();
        let attempts = if generate { GENERATE_ATTEMPTS } else { 1 };
        let mut name = String::new();
        for _ in 0..attempts {
            let mut candidate = object.boxed_clone();
            self.generate_name(candidate.metadata_mut());
            name = candidate.metadata().name.clone().unwrap_or_default();
            let target = Target { name: name.clone(), ..target.clone() };
            if let Some(reply) = self.create_named(caller, &target, candidate, options, warnings).await? {
                return Ok(reply);
            }
        }
        let what = target.kind.group_resource();
        Err(Box::new(match generate {
            true => status::generate_name_conflict(what, &name),
            false => status::already_exists(what, &name),
        }))
    }

    /// Admits, validates and writes; `None` where the name is taken.
    async fn create_named(
        &self,
        caller: &Caller,
        target: &Target,
        mut object: Box<dyn ApiObject>,
        options: &WriteOptions,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Reply>> {
        self.admit_create(caller, target, &mut *object).await?;
        admission::invalid_unless_empty(target, validation::validate_create(&*object))?;
        warnings.extend(validation::warnings::warnings(&*object));
        warnings.extend(admission::unsupported(&*object));
        let claims = self.allocate_addresses(target, &mut *object, options.dry_run).await?;
        match self.put(target, object, Expect::Absent, options.dry_run).await {
            Ok(Stored::Done(object)) => Ok(Some(Reply::Created(object))),
            Ok(Stored::Conflict) => {
                self.release_addresses(&claims).await?;
                Ok(None)
            }
            Err(error) => {
                self.release_addresses(&claims).await?;
                Err(error)
            }
        }
    }

    /// What the server alone says of a new object.
    fn fill_metadata(&self, metadata: &mut ObjectMeta) {
        metadata.uid = Some(given::uuid(&*self.entropy));
        metadata.creation_timestamp = Some(Time(self.now_in_seconds()));
        metadata.deletion_timestamp = None;
        metadata.deletion_grace_period_seconds = None;
        metadata.resource_version = None;
        metadata.self_link = None;
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
            let message = "the namespace of the provided object does not match the namespace sent on the request";
            return Err(Box::new(status::bad_request(message)));
        }
    }
    Ok(())
}
