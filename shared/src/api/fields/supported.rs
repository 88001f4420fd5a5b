//! Which fields of a kind can be selected by, and what their values are.
//!
//! Upstream's lists are the `AddFieldLabelConversionFunc` calls in `pkg/apis/*/v1/conversion.go`, the
//! values those of `ToSelectableFields` in `pkg/registry/*/*/strategy.go`.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::{Event, Namespace, Node, ObjectReference, Pod, Secret, Service};
use k8s_openapi::api::events::v1::Event as EventsEvent;

use super::FieldSelectorError;
use crate::api::object::ApiObject;

const NAME: &str = "metadata.name";
const NAMESPACE: &str = "metadata.namespace";

const POD: &[&str] = &[
    NAME,
    NAMESPACE,
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
];
const EVENT: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
    NAMESPACE,
    NAME,
];
const EVENTS_EVENT: &[&str] = &[
    "reason",
    "regarding.kind",
    "regarding.namespace",
    "regarding.name",
    "regarding.uid",
    "regarding.apiVersion",
    "regarding.resourceVersion",
    "regarding.fieldPath",
    "reportingController",
    "type",
    NAMESPACE,
    NAME,
];

/// The fields that objects of a kind can be selected by.
pub fn supported_labels(api_version: &str, kind: &str) -> &'static [&'static str] {
    own_labels(api_version, kind).unwrap_or(&[NAME, NAMESPACE])
}

/// The lists of the kinds that have their own.
fn own_labels(api_version: &str, kind: &str) -> Option<&'static [&'static str]> {
    Some(match (api_version, kind) {
        ("v1", "Pod") => POD,
        ("v1", "Event") => EVENT,
        ("events.k8s.io/v1", "Event") => EVENTS_EVENT,
        ("v1", "Node") => &[NAME, "spec.unschedulable"],
        ("v1", "Namespace") => &["status.phase", NAME],
        ("v1", "Secret") => &["type", NAMESPACE, NAME],
        ("v1", "Service") => &[NAMESPACE, NAME, "spec.clusterIP", "spec.type"],
        _ => return None,
    })
}

/// The field that a selector's field means for a kind; most mean themselves.
///
/// # Errors
/// The kind does not support it.
pub fn convert_label<'a>(
    api_version: &str,
    kind: &str,
    label: &'a str,
) -> Result<&'a str, FieldSelectorError> {
    if (api_version, kind, label) == ("v1", "Pod", "spec.host") {
        return Ok("spec.nodeName");
    }
    if supported_labels(api_version, kind).contains(&label) {
        return Ok(label);
    }
    Err(FieldSelectorError(match own_labels(api_version, kind) {
        None => format!("{label:?} is not a known field selector: only {NAME:?}, {NAMESPACE:?}"),
        Some(_) => format!("field label not supported: {label}"),
    }))
}

/// The value of a field that the object's kind supports; `None` for any other.
pub fn field_value<'a>(object: &'a dyn ApiObject, field: &str) -> Option<Cow<'a, str>> {
    match field {
        NAME => return Some(text(&object.metadata().name)),
        NAMESPACE => return Some(text(&object.metadata().namespace)),
        _ => {}
    }
    if let Some(pod) = object.downcast_ref::<Pod>() {
        pod_field(pod, field)
    } else if let Some(event) = object.downcast_ref::<Event>() {
        event_field(event, field)
    } else if let Some(event) = object.downcast_ref::<EventsEvent>() {
        events_event_field(event, field)
    } else {
        other_field(object, field)
    }
}

fn pod_field<'a>(pod: &'a Pod, field: &str) -> Option<Cow<'a, str>> {
    let (spec, status) = (pod.spec.as_ref(), pod.status.as_ref());
    Some(match field {
        "spec.nodeName" => spec.map_or(Cow::Borrowed(""), |spec| text(&spec.node_name)),
        "spec.restartPolicy" => spec.map_or(Cow::Borrowed(""), |spec| text(&spec.restart_policy)),
        "spec.schedulerName" => spec.map_or(Cow::Borrowed(""), |spec| text(&spec.scheduler_name)),
        "spec.serviceAccountName" => spec.map_or(Cow::Borrowed(""), |spec| text(&spec.service_account_name)),
        "spec.hostNetwork" => truth(spec.and_then(|spec| spec.host_network)),
        "status.phase" => status.map_or(Cow::Borrowed(""), |status| text(&status.phase)),
        "status.podIP" => status.map_or(Cow::Borrowed(""), |status| text(&status.pod_ip)),
        "status.nominatedNodeName" => {
            status.map_or(Cow::Borrowed(""), |status| text(&status.nominated_node_name))
        }
        // Upstream accepts this field and has no value for it.
        "status.podIPs" => Cow::Borrowed(""),
        _ => return None,
    })
}

fn event_field<'a>(event: &'a Event, field: &str) -> Option<Cow<'a, str>> {
    if let Some(part) = field.strip_prefix("involvedObject.") {
        return reference_field(&event.involved_object, part);
    }
    let component = || event.source.as_ref().map_or(Cow::Borrowed(""), |source| text(&source.component));
    Some(match field {
        "reason" => text(&event.reason),
        "reportingComponent" => text(&event.reporting_component),
        "source" if component().is_empty() => text(&event.reporting_component),
        "source" => component(),
        "type" => text(&event.type_),
        _ => return None,
    })
}

fn events_event_field<'a>(event: &'a EventsEvent, field: &str) -> Option<Cow<'a, str>> {
    if let Some(part) = field.strip_prefix("regarding.") {
        return event.regarding.as_ref().map_or(Some(Cow::Borrowed("")), |it| reference_field(it, part));
    }
    Some(match field {
        "reason" => text(&event.reason),
        "reportingController" => text(&event.reporting_controller),
        "type" => text(&event.type_),
        _ => return None,
    })
}

fn reference_field<'a>(reference: &'a ObjectReference, part: &str) -> Option<Cow<'a, str>> {
    Some(text(match part {
        "kind" => &reference.kind,
        "namespace" => &reference.namespace,
        "name" => &reference.name,
        "uid" => &reference.uid,
        "apiVersion" => &reference.api_version,
        "resourceVersion" => &reference.resource_version,
        "fieldPath" => &reference.field_path,
        _ => return None,
    }))
}

fn other_field<'a>(object: &'a dyn ApiObject, field: &str) -> Option<Cow<'a, str>> {
    match field {
        "spec.unschedulable" => {
            let node = object.downcast_ref::<Node>()?;
            Some(truth(node.spec.as_ref().and_then(|spec| spec.unschedulable)))
        }
        "status.phase" => {
            let namespace = object.downcast_ref::<Namespace>()?;
            Some(namespace.status.as_ref().map_or(Cow::Borrowed(""), |status| text(&status.phase)))
        }
        "type" => Some(text(&object.downcast_ref::<Secret>()?.type_)),
        "spec.clusterIP" => {
            let service = object.downcast_ref::<Service>()?;
            Some(service.spec.as_ref().map_or(Cow::Borrowed(""), |spec| text(&spec.cluster_ip)))
        }
        "spec.type" => {
            let service = object.downcast_ref::<Service>()?;
            Some(service.spec.as_ref().map_or(Cow::Borrowed(""), |spec| text(&spec.type_)))
        }
        _ => None,
    }
}

fn text(value: &Option<String>) -> Cow<'_, str> {
    Cow::Borrowed(value.as_deref().unwrap_or_default())
}

fn truth(value: Option<bool>) -> Cow<'static, str> {
    Cow::Borrowed(if value == Some(true) { "true" } else { "false" })
}
