//! Which client stays with which endpoint: `sessionAffinity: ClientIP`.
//!
//! Stands for the `recent` matches of upstream's rules, a list of client addresses for every endpoint.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddrV4};

use jiff::{SignedDuration, Timestamp};

use super::endpoint::Endpoint;
use super::service_port::ServicePortName;

/// How many clients are remembered; beyond that the one that came last the longest ago is forgotten.
const MOST_CLIENTS: usize = 65_536;

/// The clients of a node and where each one went.
#[derive(Debug, Default)]
pub struct Affinity {
    went: BTreeMap<(ServicePortName, IpAddr), Visit>,
    /// The same by time, to forget the oldest.
    by_time: BTreeMap<(Timestamp, u64), (ServicePortName, IpAddr)>,
    count: u64,
}

#[derive(Debug)]
struct Visit {
    endpoint: SocketAddrV4,
    seen: (Timestamp, u64),
}

impl Affinity {
    /// The endpoint that a client went to within `limit` before `now`, if it can still be used.
    pub(super) fn recall<'a>(
        &self,
        name: &ServicePortName,
        client: IpAddr,
        usable: &'a [Endpoint],
        limit: SignedDuration,
        now: Timestamp,
    ) -> Option<&'a Endpoint> {
        let visit = self.went.get(&(name.clone(), client))?;
        let fresh = now.duration_since(visit.seen.0) <= limit;
        usable.iter().find(|endpoint| fresh && endpoint.address == visit.endpoint)
    }

    /// A client goes to an endpoint.
    pub(super) fn remember(
        &mut self,
        name: &ServicePortName,
        client: IpAddr,
        endpoint: SocketAddrV4,
        now: Timestamp,
    ) {
        self.count += 1;
        let (key, seen) = ((name.clone(), client), (now, self.count));
        self.by_time.insert(seen, key.clone());
        if let Some(before) = self.went.insert(key, Visit { endpoint, seen }) {
            self.by_time.remove(&before.seen);
        }
        if self.went.len() > MOST_CLIENTS
            && let Some((_, oldest)) = self.by_time.pop_first()
        {
            self.went.remove(&oldest);
        }
    }
}
