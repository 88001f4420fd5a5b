//! `Priority`: the number behind a pod's priority class (`plugin/pkg/admission/priority` of
//! kubernetes/kubernetes). Until PriorityClass objects are served, the two that every cluster has
//! are known.

use k8s_openapi::api::core::v1::Pod;

use crate::api::object::ApiObject;
use crate::api::status;
use crate::apiserver::Result;
use crate::apiserver::registry::Target;

/// The classes of `pkg/apis/scheduling/v1/helpers.go`.
const CLASSES: [(&str, i32); 2] =
    [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];

/// Sets `spec.priority` and `spec.preemptionPolicy`; 403 for a class that does not exist.
pub(super) fn admit(target: &Target, object: &mut dyn ApiObject) -> Result<()> {
    let Some(spec) = object.downcast_mut::<Pod>().and_then(|pod| pod.spec.as_mut()) else { return Ok(()) };
    let priority = match spec.priority_class_name.as_deref().unwrap_or_default() {
        "" => Some(0),
        name => CLASSES.iter().find(|(class, _)| *class == name).map(|(_, priority)| *priority),
    };
    let forbidden =
        |why: &str| Err(Box::new(status::forbidden(target.kind.group_resource(), &target.name, why)));
    let Some(priority) = priority else {
        let name = spec.priority_class_name.as_deref().unwrap_or_default();
        return forbidden(&format!("no PriorityClass with name {name} was found"));
    };
    if spec.priority.is_some_and(|own| own != priority) {
        return forbidden(&format!(
            "the integer value of priority ({}) must not be provided in pod spec; priority admission controller \
             computed {priority} from the given PriorityClass name",
            spec.priority.unwrap_or_default()
        ));
    }
    spec.priority = Some(priority);
    spec.preemption_policy.get_or_insert_with(|| "PreemptLowerPriority".into());
    Ok(())
}
