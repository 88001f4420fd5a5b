//! What must exist in a cluster before anyone asks for it: the four namespaces, their default
//! accounts and the `kubernetes` Service (`pkg/controlplane` of kubernetes/kubernetes), and the Service and the
//! account of its DNS (`cmd/kubeadm/app/phases/addons/dns/manifests.go`).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Namespace, Service, ServiceAccount, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::status;
use crate::dns;

use super::request::Request;
use super::user::{Caller, MASTERS, User};
use super::{ApiServer, Result};

const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];
/// The address of the API server inside the cluster.
pub const KUBERNETES_SERVICE_IP: &str = "10.96.0.1";

impl ApiServer {
    /// Creates what is missing; `secure_port` is where the API server listens with TLS.
    pub async fn bootstrap(&self, secure_port: u16) -> Result<()> {
        self.repair_addresses().await?;
        for name in NAMESPACES {
            let metadata = ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
            self.ensure(Request::create(Namespace { metadata, ..Namespace::default() })?).await?;
        }
        for namespace in NAMESPACES {
            self.ensure(Request::create(default_account(namespace))?).await?;
        }
        self.ensure(Request::create(kubernetes_service(secure_port))?).await?;
        self.ensure(Request::create(account("coredns", "kube-system"))?).await?;
        self.ensure(Request::create(dns_service())?).await
    }

    /// Creates an object unless it is there.
    async fn ensure(&self, request: Request) -> Result<()> {
        let caller = Caller::component(User::new("system:apiserver", &[MASTERS]), "kube-apiserver");
        match self.handle(&caller, request).await {
            Err(error) if !status::is(&error, "AlreadyExists") => Err(error),
            _ => Ok(()),
        }
    }
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

fn kubernetes_service(secure_port: u16) -> Service {
    let labels = BTreeMap::from([
        ("component".to_owned(), "apiserver".to_owned()),
        ("provider".to_owned(), "kubernetes".to_owned()),
    ]);
    let port = ServicePort {
        name: Some("https".into()),
        port: 443,
        protocol: Some("TCP".into()),
        target_port: Some(IntOrString::Int(i32::from(secure_port))),
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
