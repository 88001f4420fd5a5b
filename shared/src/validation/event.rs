//! Events, of the core group and of events.k8s.io, which are the same objects under other field names.
//!
//! Follows kubernetes `pkg/apis/core/validation/events.go`; errors name the core group's fields for both.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::events::v1 as events;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::Rules;
use super::field::{ErrorList, Path};
use super::metadata::{Scope, validate_metadata, validate_metadata_update, value_of};
use super::names;

const TEXT_MAX: usize = 128;
const NOTE_MAX: usize = 1024;

/// What both groups' events tell, as far as every event must tell it.
struct Told<'a> {
    metadata: &'a ObjectMeta,
    has_event_time: bool,
    regarding_namespace: &'a str,
    reporting_controller: &'a str,
    reporting_instance: &'a str,
    action: &'a str,
    reason: &'a str,
    note: &'a str,
}

fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or_default()
}

impl Rules for core::Event {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        // Old clients' names are anything that a path can hold.
        validate_metadata(&mut errors, &self.metadata, Scope::Namespaced, path_segment);
        validate_told(&mut errors, &told_by_core(self));
        errors
    }

    fn validate_update(&self, old: &core::Event) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        validate_told(&mut errors, &told_by_core(self));
        errors
    }

    fn validate_status_update(&self, old: &core::Event) -> ErrorList {
        self.validate_update(old)
    }
}

fn told_by_core(event: &core::Event) -> Told<'_> {
    Told {
        metadata: &event.metadata,
        has_event_time: event.event_time.is_some(),
        regarding_namespace: text(&event.involved_object.namespace),
        reporting_controller: text(&event.reporting_component),
        reporting_instance: text(&event.reporting_instance),
        action: text(&event.action),
        reason: text(&event.reason),
        note: text(&event.message),
    }
}

/// The rule that every name obeys because it is part of a URL.
fn path_segment(name: &str, prefix: bool) -> Vec<String> {
    let dots = [".", ".."].into_iter().filter(|dots| !prefix && name == *dots);
    let marks = ["/", "%"].into_iter().filter(|mark| name.contains(mark));
    let dots = dots.map(|dots| format!("may not be '{dots}'"));
    dots.chain(marks.map(|mark| format!("may not contain '{mark}'"))).collect()
}

impl Rules for events::Event {
    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_told(&mut errors, &told_by_events(self));
        validate_metadata(&mut errors, &self.metadata, Scope::Namespaced, names::name_is_dns_subdomain);
        validate_series(&mut errors, self.series.as_ref());
        if self.event_time.is_none() {
            errors.required(&Path::root("eventTime"), "");
        }
        let kind = text(&self.type_);
        if !["Normal", "Warning"].contains(&kind) {
            errors.invalid(&Path::root("type"), "", format!("has invalid value: {kind}"));
        }
        validate_unset(&mut errors, self);
        errors
    }

    fn validate_update(&self, old: &events::Event) -> ErrorList {
        let mut errors = ErrorList::new();
        validate_told(&mut errors, &told_by_events(self));
        validate_metadata_update(&mut errors, &self.metadata, &old.metadata);
        if self.series != old.series {
            validate_series(&mut errors, self.series.as_ref());
        }
        for ((field, new), (_, old)) in fixed_fields(self).into_iter().zip(fixed_fields(old)) {
            errors.immutable(&Path::root(field), new, old);
        }
        errors
    }

    fn validate_status_update(&self, old: &events::Event) -> ErrorList {
        self.validate_update(old)
    }
}

fn told_by_events(event: &events::Event) -> Told<'_> {
    Told {
        metadata: &event.metadata,
        has_event_time: event.event_time.is_some(),
        regarding_namespace: event.regarding.as_ref().map_or("", |object| text(&object.namespace)),
        reporting_controller: text(&event.reporting_controller),
        reporting_instance: text(&event.reporting_instance),
        action: text(&event.action),
        reason: text(&event.reason),
        note: text(&event.note),
    }
}

fn validate_series(errors: &mut ErrorList, series: Option<&events::EventSeries>) {
    if series.is_some_and(|series| series.count < 2) {
        errors.invalid(&Path::root("series.count"), "", "should be at least 2");
    }
}

/// Fields that only the core group's events use.
fn validate_unset(errors: &mut ErrorList, event: &events::Event) {
    let source = event.deprecated_source.as_ref();
    let fields = [
        ("firstTimestamp", event.deprecated_first_timestamp.is_some()),
        ("lastTimestamp", event.deprecated_last_timestamp.is_some()),
        ("count", event.deprecated_count.unwrap_or_default() != 0),
        ("source", source.is_some_and(|source| *source != core::EventSource::default())),
    ];
    for (name, _) in fields.into_iter().filter(|(_, set)| *set) {
        errors.invalid(&Path::root(name), "", "needs to be unset");
    }
}

/// Fields that may not change once an event was told.
fn fixed_fields(event: &events::Event) -> [(&'static str, Value); 13] {
    let text = |value: &Option<String>| Value::from(text(value));
    [
        ("involvedObject", value_of(&event.regarding)),
        ("reason", text(&event.reason)),
        ("message", text(&event.note)),
        ("source", value_of(&event.deprecated_source)),
        ("firstTimestamp", value_of(&event.deprecated_first_timestamp)),
        ("lastTimestamp", value_of(&event.deprecated_last_timestamp)),
        ("count", Value::from(event.deprecated_count.unwrap_or_default())),
        ("type", text(&event.type_)),
        ("eventTime", value_of(&event.event_time)),
        ("action", text(&event.action)),
        ("related", value_of(&event.related)),
        ("reportingController", text(&event.reporting_controller)),
        ("reportingInstance", text(&event.reporting_instance)),
    ]
}

fn validate_told(errors: &mut ErrorList, told: &Told<'_>) {
    validate_namespace(errors, told);
    if told.has_event_time {
        validate_texts(errors, told);
    }
    let namespace = text(&told.metadata.namespace);
    errors.invalid_each(&Path::root("namespace"), namespace, names::dns_1123_subdomain(namespace));
}

fn validate_namespace(errors: &mut ErrorList, told: &Told<'_>) {
    let namespace = text(&told.metadata.namespace);
    let regarding = told.regarding_namespace;
    let agrees = match (regarding.is_empty(), told.has_event_time) {
        (true, true) => ["default", "kube-system"].contains(&namespace),
        (true, false) => ["", "default"].contains(&namespace),
        (false, true) => true,
        (false, false) => namespace == regarding,
    };
    if !agrees {
        let path = Path::root("involvedObject").child("namespace");
        errors.invalid(&path, regarding, "does not match event.namespace");
    }
}

fn validate_texts(errors: &mut ErrorList, told: &Told<'_>) {
    let controller = Path::root("reportingController");
    if told.reporting_controller.is_empty() {
        errors.required(&controller, "");
    }
    let messages = names::qualified_name(told.reporting_controller);
    errors.invalid_each(&controller, told.reporting_controller, messages);
    let texts =
        [("reportingInstance", told.reporting_instance), ("action", told.action), ("reason", told.reason)];
    for (name, value) in texts {
        if value.is_empty() {
            errors.required(&Path::root(name), "");
        }
        validate_length(errors, value, TEXT_MAX, name);
    }
    validate_length(errors, told.note, NOTE_MAX, "message");
}

fn validate_length(errors: &mut ErrorList, value: &str, max: usize, name: &str) {
    if value.len() > max {
        errors.invalid(&Path::root(name), "", format!("can have at most {max} characters"));
    }
}
