//! `events.k8s.io/v1` Events are core `v1` Events seen through other field names; the store holds
//! the core form. The pairs are those of upstream's `pkg/apis/events/v1/conversion.go`.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::events::v1 as events;

use super::object::ApiObject;
use super::scheme::Conversion;

/// How the scheme converts between the two.
pub const CONVERSION: Conversion = Conversion {
    stored_as: ("v1", "Event"),
    to_stored: |object| object.downcast_ref().map(|event| Box::new(to_core(event)) as Box<dyn ApiObject>),
    from_stored: |object| object.downcast_ref().map(|event| Box::new(from_core(event)) as Box<dyn ApiObject>),
};

/// The core form of an `events.k8s.io/v1` Event.
pub fn to_core(event: &events::Event) -> core::Event {
    let event = event.clone();
    core::Event {
        action: event.action,
        count: event.deprecated_count,
        event_time: event.event_time,
        first_timestamp: event.deprecated_first_timestamp,
        involved_object: event.regarding.unwrap_or_default(),
        last_timestamp: event.deprecated_last_timestamp,
        message: event.note,
        metadata: event.metadata,
        reason: event.reason,
        related: event.related,
        reporting_component: event.reporting_controller,
        reporting_instance: event.reporting_instance,
        series: event.series.map(|series| core::EventSeries {
            count: Some(series.count),
            last_observed_time: Some(series.last_observed_time),
        }),
        source: event.deprecated_source,
        type_: event.type_,
    }
}

/// The `events.k8s.io/v1` form of a core Event.
pub fn from_core(event: &core::Event) -> events::Event {
    let event = event.clone();
    events::Event {
        action: event.action,
        deprecated_count: event.count,
        deprecated_first_timestamp: event.first_timestamp,
        deprecated_last_timestamp: event.last_timestamp,
        deprecated_source: event.source,
        event_time: event.event_time,
        metadata: event.metadata,
        note: event.message,
        reason: event.reason,
        regarding: Some(event.involved_object),
        related: event.related,
        reporting_controller: event.reporting_component,
        reporting_instance: event.reporting_instance,
        series: event.series.and_then(|series| {
            Some(events::EventSeries { count: series.count?, last_observed_time: series.last_observed_time? })
        }),
        type_: event.type_,
    }
}
