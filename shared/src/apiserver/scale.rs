//! `scale`: how many pods there are to be, in a form that kinds which keep pods have in common.
//!
//! Follows `pkg/registry/apps/deployment/storage/storage.go` (`ScaleREST`) of kubernetes/kubernetes. A scale is no
//! object of its own: it is made of the object when it is read, and what it asks for is written into the object.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::autoscaling::v1::{Scale, ScaleSpec, ScaleStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use crate::api::labels::Selector;
use crate::api::object::{ApiObject, Object, SharedObject};
use crate::api::scheme::SCALES;
use crate::api::status;
use crate::validation;

use super::registry::Target;
use super::request::{Input, Patch, Reply, WriteOptions};
use super::user::Caller;
use super::{ApiServer, Result, admission, input, patch, update};

impl ApiServer {
    /// The scale of the object.
    pub(crate) async fn get_scale(&self, target: &Target) -> Result<SharedObject> {
        let (object, _) = self.existing(&of_object(target)).await?;
        scale_of(object.body()).map(Object::of)
    }

    /// Asks for another scale.
    pub(crate) async fn update_scale(
        &self,
        caller: &Caller,
        target: &Target,
        body: Input,
        options: &WriteOptions,
        warnings: &mut Vec<String>,
    ) -> Result<Reply> {
        let asked = input::object(&SCALES, body, options.field_validation, warnings)?;
        update::check_name(&of_scale(target), &*asked)?;
        self.rescale(caller, target, options, warnings, |_, _| Ok(asked.boxed_clone())).await
    }

    /// Changes parts of the scale.
    pub(crate) async fn patch_scale(
        &self,
        caller: &Caller,
        target: &Target,
        patch: &Patch,
        options: &WriteOptions,
        warnings: &mut Vec<String>,
    ) -> Result<Reply> {
        let scale = of_scale(target);
        self.rescale(caller, target, options, warnings, |old, said| {
            patch::patched(&scale, patch, options, old, said)
        })
        .await
    }

    /// Writes what a scale that is made of the present one asks for; the answer is the scale that is then.
    async fn rescale(
        &self,
        caller: &Caller,
        target: &Target,
        options: &WriteOptions,
        warnings: &mut Vec<String>,
        mut make: impl FnMut(&SharedObject, &mut Vec<String>) -> Result<Box<dyn ApiObject>>,
    ) -> Result<Reply> {
        let scale = of_scale(target);
        let change = |old: &SharedObject, _: &mut Vec<String>| {
            let asked = make(&Object::of(scale_of(old.body())?), warnings)?;
            let asked = asked.downcast_ref::<Scale>().ok_or_else(|| target.not_found())?;
            target.check_uid(asked.metadata.uid.as_deref(), old.metadata())?;
            admission::invalid_unless_empty(&scale, validation::validate_scale(asked))?;
            Ok(with_scale(old.body(), asked))
        };
        // What is said of fields of the object is not said of its scale.
        let mut unsaid = Vec::new();
        let object = self.change(caller, &of_object(target), options, &mut unsaid, change).await?;
        scale_of(object.body()).map(Object::of).map(Reply::Object)
    }
}

fn of_object(target: &Target) -> Target {
    Target { subresource: None, ..target.clone() }
}

/// The scale as an object of its own kind, for messages.
fn of_scale(target: &Target) -> Target {
    Target { kind: &SCALES, subresource: None, ..target.clone() }
}

/// The scale of an object; 404 for a kind that has none.
fn scale_of(object: &dyn ApiObject) -> Result<Scale> {
    if let Some(deployment) = object.downcast_ref::<Deployment>() {
        let running = deployment.status.as_ref().and_then(|status| status.replicas);
        return Ok(scale(object.metadata(), deployment.spec.replicas, running, &deployment.spec.selector));
    }
    if let Some(set) = object.downcast_ref::<ReplicaSet>() {
        let running = set.status.as_ref().map(|status| status.replicas);
        return Ok(scale(object.metadata(), set.spec.replicas, running, &set.spec.selector));
    }
    Err(Box::new(status::no_such_path()))
}

fn scale(object: &ObjectMeta, wanted: Option<i32>, running: Option<i32>, selector: &LabelSelector) -> Scale {
    let selector = Selector::from_label_selector(Some(selector)).map(|selector| selector.to_string());
    Scale {
        metadata: ObjectMeta {
            name: object.name.clone(),
            namespace: object.namespace.clone(),
            uid: object.uid.clone(),
            resource_version: object.resource_version.clone(),
            creation_timestamp: object.creation_timestamp.clone(),
            ..ObjectMeta::default()
        },
        spec: Some(ScaleSpec { replicas: wanted.filter(|wanted| *wanted != 0) }),
        status: Some(ScaleStatus { replicas: running.unwrap_or(0), selector: selector.ok() }),
    }
}

/// The object with the scale that is asked for; it insists on a `resourceVersion` where that does.
fn with_scale(object: &dyn ApiObject, asked: &Scale) -> Box<dyn ApiObject> {
    let mut object = object.boxed_clone();
    let replicas = Some(asked.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0));
    if let Some(deployment) = object.downcast_mut::<Deployment>() {
        deployment.spec.replicas = replicas;
    } else if let Some(set) = object.downcast_mut::<ReplicaSet>() {
        set.spec.replicas = replicas;
    }
    object.metadata_mut().resource_version.clone_from(&asked.metadata.resource_version);
    object
}
