//! `create` of a pod's `binding`: how the scheduler says where the pod runs.
//!
//! Follows `assignPod` in `pkg/registry/core/pod/storage/storage.go` upstream.

use k8s_openapi::api::core::v1::{Binding, Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::scheme::GroupResource;
use crate::api::status;
use crate::store::Expect;
use crate::validation;

use super::registry::{Stored, Target};
use super::request::{Input, Reply, WriteOptions};
use super::{ApiServer, Result, admission, create, input};

impl ApiServer {
    /// Sets `spec.nodeName`, once.
    pub(crate) async fn bind(
        &self,
        target: &Target,
        body: Input,
        options: &WriteOptions,
        warnings: &mut Vec<String>,
    ) -> Result<Reply> {
        let mut binding = input::binding(body, options.field_validation, warnings)?;
        create::check_namespace(target, &mut binding.metadata)?;
        self.admit_binding(target).await?;
        if binding.metadata.name.as_deref() != Some(&target.name) {
            let message = "name in URL does not match name in Binding object";
            return Err(Box::new(status::bad_request(message)));
        }
        admission::invalid_unless_empty(target, validation::validate_binding(&binding))?;
        let node = binding.target.name.clone().unwrap_or_default();
        loop {
            let (object, item) = self.existing(target).await?;
            let mut bound = object.body().boxed_clone();
            let Some(pod) = bound.downcast_mut::<Pod>() else {
                return Err(target.not_found());
            };
            self.assign(target, pod, &binding, &node)?;
            match self.put(target, bound, Expect::At(item.mod_revision), options.dry_run).await? {
                Stored::Done(_) => return Ok(Reply::Status(Box::new(status::success(201)))),
                Stored::Conflict => {}
            }
        }
    }

    fn assign(&self, target: &Target, pod: &mut Pod, binding: &Binding, node: &str) -> Result<()> {
        let what = GroupResource { group: "", resource: "pods/binding" };
        let refused = |why: &str| Err(Box::new(status::conflict(what, &target.name, why)));
        target.check_uid(binding.metadata.uid.as_deref(), &pod.metadata)?;
        target.check_resource_version(binding.metadata.resource_version.as_deref(), &pod.metadata)?;
        if pod.metadata.deletion_timestamp.is_some() {
            return refused(&format!("pod {} is being deleted, cannot be assigned to a host", target.name));
        }
        let spec = pod.spec.get_or_insert_default();
        if let Some(current) = spec.node_name.as_deref().filter(|name| !name.is_empty()) {
            return refused(&format!("pod {} is already assigned to node {current:?}", target.name));
        }
        if spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty()) {
            return refused(&format!("pod {} has non-empty .spec.schedulingGates", target.name));
        }
        spec.node_name = Some(node.to_owned());
        if let Some(annotations) = &binding.metadata.annotations {
            pod.metadata.annotations.get_or_insert_default().extend(annotations.clone());
        }
        let condition = PodCondition {
            type_: "PodScheduled".into(),
            status: "True".into(),
            last_transition_time: Some(Time(self.now_in_seconds())),
            ..PodCondition::default()
        };
        let conditions = pod.status.get_or_insert_default().conditions.get_or_insert_default();
        conditions.retain(|other| other.type_ != condition.type_);
        conditions.push(condition);
        pod.status.get_or_insert_default().nominated_node_name = None;
        Ok(())
    }
}
