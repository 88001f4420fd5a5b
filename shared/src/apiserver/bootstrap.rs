//! What must exist in a cluster before anyone asks for it: the four namespaces, their default
//! accounts, the `kubernetes` Service with its endpoints, which are the API server itself
//! (`pkg/controlplane`, `pkg/controlplane/reconcilers/endpointsadapter.go` of kubernetes/kubernetes), the Service
//! and the account of its DNS (`cmd/kubeadm/app/phases/addons/dns/manifests.go`), and a class of volumes.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use k8s_openapi::api::core::v1::{
    EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Namespace, Service, ServiceAccount,
    ServicePort, ServiceSpec,
};
use k8s_openapi::api::discovery::v1::{self as discovery, Endpoint, EndpointConditions, EndpointSlice};
use k8s_openapi::api::networking::v1::{IngressClass, IngressClassSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::object::ApiObject;
use crate::api::status;
use crate::controllers::endpoint_slice::SERVICE_NAME;
use crate::controllers::endpoint_slice_mirroring::SKIP_MIRROR;
use crate::persistent_volume::provisioning::standard_class;
use crate::{dns, ingress};

use super::admission::default_ingress_class::DEFAULT_CLASS;
use super::request::{Operation, Reply, Request};
use super::user::{Caller, MASTERS, User};
use super::{ApiServer, Result};

const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];
/// The address of the API server inside the cluster.
pub const KUBERNETES_SERVICE_IP: &str = "10.96.0.1";

impl ApiServer {
    /// Creates what is missing, and mends what says something else of this server; `address` is where
    /// pods reach it with TLS: the control plane node's address.
    pub async fn bootstrap(&self, address: SocketAddr) -> Result<()> {
        self.repair_addresses().await?;
        for name in NAMESPACES {
            let metadata = ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
            self.create_missing(Namespace { metadata, ..Namespace::default() }).await?;
        }
        for namespace in NAMESPACES {
            self.create_missing(default_account(namespace)).await?;
        }
        self.ensure(kubernetes_service(address), |found, wanted| {
            let target = wanted.spec.and_then(|spec| spec.ports?.pop()?.target_port);
            let ports = found.spec.iter_mut().flat_map(|spec| spec.ports.iter_mut().flatten());
            ports.for_each(|port| port.target_port.clone_from(&target));
        })
        .await?;
        self.ensure(kubernetes_endpoints(address), |found, wanted| {
            found.metadata.labels = wanted.metadata.labels;
            found.subsets = wanted.subsets;
        })
        .await?;
        self.ensure(kubernetes_endpoint_slice(address), |found, wanted| {
            found.metadata.labels = wanted.metadata.labels;
            found.endpoints = wanted.endpoints;
            found.ports = wanted.ports;
        })
        .await?;
        self.create_missing(account("coredns", "kube-system")).await?;
        self.create_missing(own_ingress_class()).await?;
        self.create_missing(standard_class()).await?;
        match self.create_missing(dns_service()).await {
            // Someone else's Service has the address. A cluster without names can be mended, one that does
            // not start cannot.
            Err(error) if status::is(&error, "Invalid") => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Creates an object unless it is there; whether it was missing.
    async fn create_missing(&self, wanted: impl ApiObject) -> Result<bool> {
        match self.handle(&own_caller(), Request::create(wanted)?).await {
            Err(error) if status::is(&error, "AlreadyExists") => Ok(false),
            answer => answer.map(|_| true),
        }
    }

    /// Creates an object, or mends the one that is there; an update that changes nothing is none.
    async fn ensure<K: ApiObject + Clone>(&self, wanted: K, mend: impl Fn(&mut K, K)) -> Result<()> {
        let get = Request { operation: Operation::Get, ..Request::update(wanted.clone())? };
        if self.create_missing(wanted.clone()).await? {
            return Ok(());
        }
        let Reply::Object(object) = self.handle(&own_caller(), get).await?.reply else { return Ok(()) };
        let Some(mut found) = object.downcast_ref::<K>().cloned() else { return Ok(()) };
        mend(&mut found, wanted);
        self.handle(&own_caller(), Request::update(found)?).await.map(drop)
    }
}

/// The API server itself, as one that asks.
fn own_caller() -> Caller {
    Caller::component(User::new("system:apiserver", &[MASTERS]), "kube-apiserver")
}

/// The account that pods of a namespace run as where they name none.
pub fn default_account(namespace: &str) -> ServiceAccount {
    account("default", namespace)
}

fn account(name: &str, namespace: &str) -> ServiceAccount {
    let metadata =
        ObjectMeta { name: Some(name.into()), namespace: Some(namespace.into()), ..ObjectMeta::default() };
    ServiceAccount { metadata, ..ServiceAccount::default() }
}

fn kubernetes_service(address: SocketAddr) -> Service {
    let labels = BTreeMap::from([
        ("component".to_owned(), "apiserver".to_owned()),
        ("provider".to_owned(), "kubernetes".to_owned()),
    ]);
    let port = ServicePort {
        name: Some("https".into()),
        port: 443,
        protocol: Some("TCP".into()),
        target_port: Some(IntOrString::Int(i32::from(address.port()))),
        ..ServicePort::default()
    };
    Service {
        metadata: ObjectMeta {
            name: Some("kubernetes".into()),
            namespace: Some("default".into()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        spec: Some(ServiceSpec {
            cluster_ip: Some(KUBERNETES_SERVICE_IP.into()),
            ports: Some(vec![port]),
            session_affinity: Some("None".into()),
            type_: Some("ClusterIP".into()),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// Metadata of what is named `kubernetes`, with one label.
fn kubernetes((label, value): (&str, &str)) -> ObjectMeta {
    ObjectMeta {
        name: Some("kubernetes".into()),
        namespace: Some("default".into()),
        labels: Some(BTreeMap::from([(label.to_owned(), value.to_owned())])),
        ..ObjectMeta::default()
    }
}

fn kubernetes_endpoints(address: SocketAddr) -> Endpoints {
    let port = EndpointPort {
        name: Some("https".into()),
        port: i32::from(address.port()),
        protocol: Some("TCP".into()),
        ..EndpointPort::default()
    };
    let address = EndpointAddress { ip: address.ip().to_string(), ..EndpointAddress::default() };
    let subset =
        EndpointSubset { addresses: Some(vec![address]), not_ready_addresses: None, ports: Some(vec![port]) };
    // The slice below says the same, so no mirror of this is wanted.
    Endpoints { metadata: kubernetes((SKIP_MIRROR, "true")), subsets: Some(vec![subset]) }
}

fn kubernetes_endpoint_slice(address: SocketAddr) -> EndpointSlice {
    let port = discovery::EndpointPort {
        name: Some("https".into()),
        port: Some(i32::from(address.port())),
        protocol: Some("TCP".into()),
        app_protocol: None,
    };
    let endpoint = Endpoint {
        addresses: vec![address.ip().to_string()],
        conditions: Some(EndpointConditions { ready: Some(true), ..EndpointConditions::default() }),
        ..Endpoint::default()
    };
    EndpointSlice {
        metadata: kubernetes((SERVICE_NAME, "kubernetes")),
        address_type: if address.is_ipv6() { "IPv6" } else { "IPv4" }.into(),
        endpoints: Some(vec![endpoint]),
        ports: Some(vec![port]),
    }
}

/// The class of Ingresses that this cluster serves, and that those get which name none.
fn own_ingress_class() -> IngressClass {
    let annotations = BTreeMap::from([(DEFAULT_CLASS.to_owned(), "true".to_owned())]);
    IngressClass {
        metadata: ObjectMeta {
            name: Some(ingress::CLASS.into()),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        spec: Some(IngressClassSpec { controller: Some(ingress::CONTROLLER.into()), parameters: None }),
    }
}

/// The Service of the cluster's DNS, without the metrics that it has upstream.
fn dns_service() -> Service {
    let labels = [
        ("k8s-app", "kube-dns"),
        ("kubernetes.io/cluster-service", "true"),
        ("kubernetes.io/name", "CoreDNS"),
    ];
    let texts = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        pairs.collect::<BTreeMap<_, _>>()
    };
    let port = |name: &str, protocol: &str| ServicePort {
        name: Some(name.into()),
        port: i32::from(dns::PORT),
        protocol: Some(protocol.into()),
        target_port: Some(IntOrString::Int(i32::from(dns::PORT))),
        ..ServicePort::default()
    };
    Service {
        metadata: ObjectMeta {
            name: Some("kube-dns".into()),
            namespace: Some("kube-system".into()),
            labels: Some(texts(&labels)),
            ..ObjectMeta::default()
        },
        spec: Some(ServiceSpec {
            cluster_ip: Some(dns::CLUSTER_DNS.into()),
            ports: Some(vec![port("dns", "UDP"), port("dns-tcp", "TCP")]),
            selector: Some(texts(&labels[..1])),
            type_: Some("ClusterIP".into()),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}
