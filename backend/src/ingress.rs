//! Ingresses served: requests that come to the page's port under a host that an Ingress names, and TLS connections
//! that ask for one at the API server's port, go to Services through the pod network. What goes where is decided
//! in `shared::ingress`.
//!
//! The API and the page are never in the way of an Ingress nor it in theirs. At the page's port, the names that the
//! page answers to (`apiserver::listen`) are the page's alone; every other name used to be refused there, and is
//! still, unless an Ingress is about it. A name that someone rebinds to this machine therefore reaches what an
//! Ingress shows to everybody, and never the API. At the TLS port, the name that a client asks for before the first
//! byte (SNI) decides once for the whole connection, and the names of the API server's own certificate are the API's.

mod certificates;
mod forward;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use k8s_openapi::api::core::v1::{Secret, Service};
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use rustls::ServerConfig;
use shared::apiserver::request::ListOptions;
use shared::client::Client;
use shared::informer::Change;
use shared::ingress::table::{IngressTable, Key, Routed, port_of};
use tokio::sync::mpsc;

use crate::pump::{Tasks, Told, apply, inform};
use certificates::Certificates;
use forward::Pool;
pub(crate) use forward::{serve, without_port};

/// What is served, by whom, and with which certificates.
#[derive(Default)]
pub struct Ingresses {
    known: RwLock<Known>,
    pool: Pool,
}

#[derive(Default)]
struct Known {
    table: IngressTable,
    services: BTreeMap<Key, Service>,
    certificates: Certificates,
}

/// Where a request is carried.
enum Place {
    /// To the address of a Service.
    At(std::net::SocketAddr),
    /// Nothing is at the path.
    NotFound,
    /// The Service has no such port, or no address.
    Unavailable,
}

impl Ingresses {
    /// Whether requests for a host, without its port, are an Ingress's.
    pub(crate) fn serves(&self, host: &str) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.table.names(host) || known.table.takes_all()
    }

    /// What a TLS connection for a host needs, where an Ingress names it.
    pub(crate) fn tls(&self, host: &str) -> Option<Arc<ServerConfig>> {
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if !known.table.names(host) {
                return None;
            }
            if let Some(config) = known.certificates.of(known.table.secret(host)) {
                return Some(config);
            }
        }
        self.known.write().unwrap_or_else(PoisonError::into_inner).certificates.fake()
    }

    fn place(&self, host: &str, path: &str) -> Place {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Routed::To(backend) = known.table.route(host, path) else { return Place::NotFound };
        let service = known.services.get(&backend.service);
        let address = service.and_then(|service| {
            let ip = service.spec.as_ref()?.cluster_ip.as_deref()?.parse().ok()?;
            Some(std::net::SocketAddr::new(ip, port_of(service, &backend.port)?))
        });
        address.map_or(Place::Unavailable, Place::At)
    }

    fn write<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner))
    }
}

enum Input {
    Ingress(Told),
    Class(Told),
    Service(Told),
    Secret(Told),
}

/// Keeps what is served up to date, and says in each Ingress where it is, until the task is dropped.
pub(crate) async fn run(client: Client, ingresses: Arc<Ingresses>) {
    let (inputs, mut received) = mpsc::unbounded_channel();
    let mut tasks = Tasks::default();
    let all = ListOptions::default;
    let tls = ListOptions { field_selector: "type=kubernetes.io/tls".into(), ..ListOptions::default() };
    tasks.spawn(inform::<IngressClass, _>(client.clone(), all(), inputs.clone(), Input::Class));
    tasks.spawn(inform::<Service, _>(client.clone(), all(), inputs.clone(), Input::Service));
    tasks.spawn(inform::<Secret, _>(client.clone(), tls, inputs.clone(), Input::Secret));
    tasks.spawn(inform::<Ingress, _>(client.clone(), all(), inputs, Input::Ingress));
    let mut unread = BTreeSet::from(["Ingress", "IngressClass"]);
    loop {
        let input = tokio::select! {
            input = received.recv() => input,
            never = tasks.watch() => match never {},
        };
        let Some(input) = input else { return };
        match &input {
            Input::Ingress(Told::Synced) => drop(unread.remove("Ingress")),
            Input::Class(Told::Synced) => drop(unread.remove("IngressClass")),
            input => ingresses.write(|known| write(known, input)),
        }
        let concerns = matches!(input, Input::Ingress(_) | Input::Class(_));
        if concerns && unread.is_empty() {
            for told in ingresses.write(|known| known.table.to_tell()) {
                if let Err(error) = client.update_status(told).await {
                    // The watch brings the newer revision, and it is told then.
                    tracing::debug!(message = error.message, "the status of an Ingress was not written");
                }
            }
        }
    }
}

fn write(known: &mut Known, input: &Input) {
    match input {
        Input::Ingress(told) => apply(told, |change, ingress| match change {
            Change::Deleted => known.table.remove_ingress(ingress),
            _ => known.table.set_ingress(ingress),
        }),
        Input::Class(told) => apply(told, |change, class| match change {
            Change::Deleted => known.table.remove_class(class),
            _ => known.table.set_class(class),
        }),
        Input::Service(told) => apply(told, |change, service: &Service| match change {
            Change::Deleted => drop(known.services.remove(&key(&service.metadata))),
            _ => drop(known.services.insert(key(&service.metadata), service.clone())),
        }),
        Input::Secret(told) => apply(told, |change, secret: &Secret| match change {
            Change::Deleted => known.certificates.remove(&key(&secret.metadata)),
            _ => known.certificates.set(key(&secret.metadata), secret),
        }),
    }
}

fn key(metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta) -> Key {
    (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}
