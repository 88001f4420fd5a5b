//! Events of both groups: `printEvent`. Upstream stores them as one type, so they look alike.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::api::events::v1::Event as EventsEvent;
use serde_json::Value;

use super::{Column, Printer, age, descriptions};

pub(super) const PRINTER: Printer = Printer {
    api_version: "v1",
    kind: "Event",
    columns: &COLUMNS,
    row: |object, now| object.downcast_ref().map(|event| Occurrence::of_core(event).row(now)),
};

pub(super) const EVENTS_PRINTER: Printer = Printer {
    api_version: "events.k8s.io/v1",
    kind: "Event",
    columns: &COLUMNS,
    row: |object, now| object.downcast_ref().map(|event| Occurrence::of_events(event).row(now)),
};

const COLUMNS: [Column; 10] = [
    Column::text("Last Seen", descriptions::EVENT_LAST_TIMESTAMP),
    Column::text("Type", descriptions::EVENT_TYPE),
    Column::text("Reason", descriptions::EVENT_REASON),
    Column::text("Object", descriptions::EVENT_INVOLVED_OBJECT),
    Column::text("Subobject", descriptions::EVENT_FIELD_PATH).wide(),
    Column::text("Source", descriptions::EVENT_SOURCE).wide(),
    Column::text("Message", descriptions::EVENT_MESSAGE),
    Column::text("First Seen", descriptions::EVENT_FIRST_TIMESTAMP).wide(),
    Column::text("Count", descriptions::EVENT_COUNT).wide(),
    Column::NAME.wide(),
];

/// What both groups' events say, under one set of names.
struct Occurrence<'a> {
    name: Option<&'a str>,
    kind: Option<&'a str>,
    reason: Option<&'a str>,
    message: Option<&'a str>,
    object: Option<&'a ObjectReference>,
    source: Option<&'a EventSource>,
    /// Who reports it and from where, in the newer fields.
    reporter: (Option<&'a str>, Option<&'a str>),
    event_time: Option<Timestamp>,
    first_time: Option<Timestamp>,
    last_time: Option<Timestamp>,
    count: i32,
    /// The count and the last time of a series.
    series: Option<(i32, Option<Timestamp>)>,
}

impl<'a> Occurrence<'a> {
    fn of_core(event: &'a Event) -> Self {
        let series = event.series.as_ref();
        Occurrence {
            name: event.metadata.name.as_deref(),
            kind: event.type_.as_deref(),
            reason: event.reason.as_deref(),
            message: event.message.as_deref(),
            object: Some(&event.involved_object),
            source: event.source.as_ref(),
            reporter: (event.reporting_component.as_deref(), event.reporting_instance.as_deref()),
            event_time: event.event_time.as_ref().map(|time| time.0),
            first_time: event.first_timestamp.as_ref().map(|time| time.0),
            last_time: event.last_timestamp.as_ref().map(|time| time.0),
            count: event.count.unwrap_or(0),
            series: series.map(|series| {
                (series.count.unwrap_or(0), series.last_observed_time.as_ref().map(|time| time.0))
            }),
        }
    }

    fn of_events(event: &'a EventsEvent) -> Self {
        let series = event.series.as_ref();
        Occurrence {
            name: event.metadata.name.as_deref(),
            kind: event.type_.as_deref(),
            reason: event.reason.as_deref(),
            message: event.note.as_deref(),
            object: event.regarding.as_ref(),
            source: event.deprecated_source.as_ref(),
            reporter: (event.reporting_controller.as_deref(), event.reporting_instance.as_deref()),
            event_time: event.event_time.as_ref().map(|time| time.0),
            first_time: event.deprecated_first_timestamp.as_ref().map(|time| time.0),
            last_time: event.deprecated_last_timestamp.as_ref().map(|time| time.0),
            count: event.deprecated_count.unwrap_or(0),
            series: series.map(|series| (series.count, Some(series.last_observed_time.0))),
        }
    }

    fn row(&self, now: Timestamp) -> Vec<Value> {
        let first_seen = self.first_time.or(self.event_time);
        let (count, last_seen) = match self.series {
            Some(series) => series,
            // One that happened once has no count in the newer API.
            None => (self.count.max(1), self.last_time.or(first_seen)),
        };
        vec![
            age::since(last_seen, now).into(),
            self.kind.unwrap_or_default().into(),
            self.reason.unwrap_or_default().into(),
            self.target().into(),
            self.object.and_then(|object| object.field_path.as_deref()).unwrap_or_default().into(),
            self.source().into(),
            self.message.unwrap_or_default().trim().into(),
            age::since(first_seen, now).into(),
            count.into(),
            self.name.unwrap_or_default().into(),
        ]
    }

    /// The object as `pod/web`.
    fn target(&self) -> String {
        let Some(object) = self.object else { return String::new() };
        let kind = object.kind.as_deref().unwrap_or_default().to_lowercase();
        match object.name.as_deref() {
            Some(name) if !name.is_empty() => format!("{kind}/{name}"),
            _ => kind,
        }
    }

    /// `formatEventSource`: the component and, after a comma, where it runs.
    fn source(&self) -> String {
        let given = |text: Option<&'a str>| text.filter(|text| !text.is_empty());
        let component = self.source.and_then(|source| source.component.as_deref());
        let host = self.source.and_then(|source| source.host.as_deref());
        let component = given(component).or(self.reporter.0).unwrap_or_default();
        match given(host).or(given(self.reporter.1)) {
            Some(instance) => format!("{component}, {instance}"),
            None => component.to_owned(),
        }
    }
}
