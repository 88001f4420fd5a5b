//! Events live an hour: kube-apiserver's `--event-ttl`.
//!
//! Upstream hands the hour to etcd as a lease, given anew with every write
//! (`pkg/registry/core/event/storage/storage.go` of kubernetes/kubernetes), so an Event leaves the
//! store without a request. Here the store knows no leases: an Event's own timestamps tell when it
//! was last written, and the owner of the server has the old ones removed.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Event;

use crate::api::scheme;
use crate::store::{Expect, RangeRequest, Write};

use super::registry::{self, Target, store_status};
use super::{ApiServer, Result};

/// How long an Event lives after its last write.
pub const EVENT_TTL: SignedDuration = SignedDuration::from_hours(1);
/// The shortest time between two looks, so that Events written close together go together.
const SHORTEST_WAIT: SignedDuration = SignedDuration::from_mins(1);

/// When an Event was last written, as far as it tells itself; `None` where it bears no time.
fn last_written(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    let times = [
        event.metadata.creation_timestamp.as_ref().map(|time| time.0),
        event.last_timestamp.as_ref().map(|time| time.0),
        event.event_time.as_ref().map(|time| time.0),
        series.map(|time| time.0),
    ];
    times.into_iter().flatten().max()
}

/// When an Event is to go. One that claims to be of the future is as old as `now`.
fn expires_at(event: &Event, now: Timestamp) -> Timestamp {
    let written = last_written(event).unwrap_or(now).min(now);
    written.checked_add(EVENT_TTL).unwrap_or(Timestamp::MAX)
}

impl ApiServer {
    /// Removes the Events whose hour is over; tells when to call again (sooner is harmless).
    pub async fn expire_events(&self) -> Result<Timestamp> {
        let now = self.clock.now();
        let mut next = now.checked_add(EVENT_TTL).unwrap_or(Timestamp::MAX);
        let Some(kind) = scheme::of_type::<Event>() else { return Ok(next) };
        let events = Target { kind, namespace: String::new(), name: String::new(), subresource: None };
        let request = RangeRequest { prefix: events.prefix(), ..RangeRequest::default() };
        for item in self.store.range(request).await.map_err(store_status)?.items {
            let object = registry::object(kind, &item)?;
            let Some(event) = object.downcast_ref::<Event>() else { continue };
            let end = expires_at(event, now);
            if end > now {
                next = next.min(end);
                continue;
            }
            // An Event that was written meanwhile has another hour: the conflict is not an error.
            let write = Write { key: item.key, value: None, expect: Expect::At(item.mod_revision) };
            self.store.write(write).await.map_err(store_status)?;
        }
        Ok(next.max(now.checked_add(SHORTEST_WAIT).unwrap_or(next)))
    }
}
