//! The way out of the cluster, to what a list allows: sockets of the host, opened for containers. Without a list
//! there is none. What the list says is decided in `shared::outbound`.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use shared::outbound::{Allowed, Resolved, may_leave, may_stand_for, names_of};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::connection::Connection;
use super::error::DialError;

/// Connections that may be open at once; further ones are refused.
const MOST_CONNECTIONS: usize = 256;
/// How long a connection may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// What may leave, and by which names it is known.
pub struct Outbound {
    list: Vec<Allowed>,
    resolved: RwLock<Resolved>,
    room: Arc<Semaphore>,
}

impl Outbound {
    /// A way out to what `list` allows.
    pub fn new(list: Vec<Allowed>) -> Outbound {
        Outbound { list, resolved: RwLock::default(), room: Arc::new(Semaphore::new(MOST_CONNECTIONS)) }
    }

    /// The addresses that the machine knows for the names of the list, asked for anew.
    pub async fn resolve(&self) -> Resolved {
        let mut found = Resolved::new();
        for name in names_of(&self.list) {
            let addresses: Vec<Ipv4Addr> = match tokio::net::lookup_host((name, 0)).await {
                Ok(all) => all.filter_map(|address| own_v4(address.ip())).collect(),
                Err(error) => {
                    tracing::debug!(name, %error, "a name that may be reached was not resolved");
                    continue;
                }
            };
            found.insert(name.to_owned(), addresses);
        }
        self.resolved.write().unwrap_or_else(PoisonError::into_inner).clone_from(&found);
        found
    }

    pub(super) fn allows(&self, target: SocketAddrV4) -> bool {
        may_leave(&self.list, &self.resolved.read().unwrap_or_else(PoisonError::into_inner), target)
    }

    /// Opens a socket of the host.
    pub(super) async fn open(&self, target: SocketAddrV4) -> Result<Exit, DialError> {
        let place = self.room.clone().try_acquire_owned().map_err(|_| DialError::Refused)?;
        let connected = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(target)).await;
        let stream = connected.map_err(|_| DialError::TimedOut)?.map_err(|error| match error.kind() {
            std::io::ErrorKind::ConnectionRefused => DialError::Refused,
            std::io::ErrorKind::TimedOut => DialError::TimedOut,
            _ => DialError::Unreachable,
        })?;
        Ok(Exit { stream, place })
    }
}

fn own_v4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V4(address) = address else { return None };
    may_stand_for(address).then_some(address)
}

/// A socket of the host for one connection.
pub(super) struct Exit {
    stream: TcpStream,
    place: tokio::sync::OwnedSemaphorePermit,
}

impl Exit {
    /// Carries a connection to its end.
    pub(super) async fn carry(mut self, mut connection: Connection) {
        if let Err(error) = tokio::io::copy_bidirectional(&mut connection, &mut self.stream).await {
            tracing::debug!(%error, "a connection out of the cluster ended");
        }
        drop(self.place);
    }
}
