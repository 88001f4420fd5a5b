//! An audit event under way, from the arrival of a request to its end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use crate::api::status;
use crate::apiserver::request::{Answer, Request};
use crate::apiserver::request_info::RequestInfo;
use crate::apiserver::user::Caller;
use crate::apiserver::{ApiServer, Result};
use crate::given::Clock;

use super::{AuditLog, Event, ObjectRef, ResponseStatus, uri};

/// The entry of one request. It is recorded once, when its last handle goes: so also where the one who
/// asked no longer waits for the answer.
#[derive(Clone)]
pub struct Entry(Arc<Pending>);

struct Pending {
    log: Arc<AuditLog>,
    clock: Arc<dyn Clock>,
    event: Mutex<Event>,
}

impl Entry {
    fn new(server: &ApiServer, event: Event) -> Entry {
        let (log, clock) = (server.audit.clone(), server.clock.clone());
        Entry(Arc::new(Pending { log, clock, event: Mutex::new(event) }))
    }

    /// The entry of a request from the wire; `uri` is path and query as they were sent.
    pub fn open(server: &ApiServer, caller: &Caller, info: &RequestInfo<'_>, uri: String) -> Entry {
        let mut event = Event::new(server, caller, &info.verb, uri);
        event.object_ref = info.resource.is_some().then(|| ObjectRef::from(info));
        Entry::new(server, event)
    }

    /// The entry of a component's request.
    pub(crate) fn of_request(server: &ApiServer, caller: &Caller, request: &Request) -> Entry {
        let mut event = Event::new(server, caller, request.verb().as_str(), uri(request));
        event.object_ref = Some(ObjectRef::from(request));
        Entry::new(server, event)
    }

    fn event(&self) -> MutexGuard<'_, Event> {
        self.0.event.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what the chain answered.
    pub(crate) fn finish(&self, outcome: &Result<Answer>) {
        self.event().finish(outcome);
    }

    /// Adds that the request was refused.
    pub fn refused(&self, status: ResponseStatus) {
        let mut event = self.event();
        event.response_status = status;
        event.stage = "ResponseComplete".into();
    }

    /// Adds the code of the answer. With a change of protocol the answer begins, and its end is the client's.
    pub fn answered(&self, code: u16) {
        const SWITCHING_PROTOCOLS: u16 = 101;
        let mut event = self.event();
        event.response_status.code = code;
        if code == SWITCHING_PROTOCOLS {
            event.stage = "ResponseStarted".into();
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut event = self.event.get_mut().unwrap_or_else(PoisonError::into_inner).clone();
        event.stage_timestamp = MicroTime(self.clock.now());
        if event.response_status.code == 0 {
            event.response_status = ResponseStatus::from(&status::canceled());
        }
        self.log.record(event);
    }
}
