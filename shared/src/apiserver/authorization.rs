//! Who may do what, until roles are objects: a fixed table of what upstream's default roles give
//! (`plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go` of kubernetes/kubernetes).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;

use crate::api::scheme::{GroupResource, Verb};
use crate::api::status;

use super::Result;
use super::request::{Operation, Request};
use super::service_account::ALL_ACCOUNTS;
use super::user::{AUTHENTICATED, INGRESS, MASTERS, NODES, User, WAYS_IN};

/// Whom a rule is for.
enum Subject {
    User(&'static str),
    Group(&'static str),
}

/// What one rule allows.
struct Rule {
    subject: Subject,
    verbs: &'static [Verb],
    group: &'static str,
    /// Resources, with `/subresource` where one is meant.
    resources: &'static [&'static str],
}

use Subject::{Group, User as Named};
use Verb::{Create, Delete, Get, List, Patch, Update, Watch};

const READ: &[Verb] = &[Get, List, Watch];
const FOLLOW: &[Verb] = &[List, Watch];
const RECORD: &[Verb] = &[Create, Patch, Update];
const SCHEDULER: Subject = Named("system:kube-scheduler");
const CONTROLLER_MANAGER: &str = "system:kube-controller-manager";
const CONTROLLERS: Subject = Named(CONTROLLER_MANAGER);
const PROXY: Subject = Named("system:kube-proxy");
/// The cluster's DNS, whose role is kubeadm's (`cmd/kubeadm/app/phases/addons/dns/manifests.go`).
const DNS: Subject = Named("system:serviceaccount:kube-system:coredns");
/// metrics-server, whose role is that of its own manifest.
const METRICS: Subject = Named("system:serviceaccount:kube-system:metrics-server");
/// What holds connections to policies; its role is that of `install.yaml` in kubernetes-sigs/kube-network-policies.
const POLICIES: Subject = Named("system:serviceaccount:kube-system:kube-network-policies");
const KUBELETS: Subject = Group(NODES);
/// The provisioner of volumes on nodes, whose role is that of rancher/local-path-provisioner.
const PROVISIONER: Subject = Named("system:serviceaccount:kube-system:local-path-provisioner");
const VOLUMES: &[&str] = &["persistentvolumes", "persistentvolumeclaims"];
const CLASSES: &[&str] = &["storageclasses"];
const APPS: &str = "apps";
const WORKLOADS: &[&str] = &["deployments", "replicasets"];
const STORAGE: &str = "storage.k8s.io";

static RULES: &[Rule] = &[
    Rule {
        subject: SCHEDULER,
        verbs: READ,
        group: "",
        resources: &["nodes", "pods", "services", "namespaces"],
    },
    Rule { subject: SCHEDULER, verbs: &[Delete], group: "", resources: &["pods"] },
    Rule { subject: SCHEDULER, verbs: &[Create], group: "", resources: &["pods/binding", "bindings"] },
    Rule { subject: SCHEDULER, verbs: &[Patch, Update], group: "", resources: &["pods/status"] },
    Rule { subject: SCHEDULER, verbs: RECORD, group: "", resources: &["events"] },
    Rule { subject: SCHEDULER, verbs: RECORD, group: "events.k8s.io", resources: &["events"] },
    Rule {
        subject: SCHEDULER,
        verbs: &[Create, Get, Update],
        group: "coordination.k8s.io",
        resources: &["leases"],
    },
    Rule {
        subject: CONTROLLERS,
        verbs: READ,
        group: "",
        resources: &[
            "nodes",
            "pods",
            "services",
            "endpoints",
            "namespaces",
            "configmaps",
            "secrets",
            "serviceaccounts",
            "events",
        ],
    },
    Rule { subject: CONTROLLERS, verbs: READ, group: "coordination.k8s.io", resources: &["leases"] },
    Rule { subject: CONTROLLERS, verbs: READ, group: "discovery.k8s.io", resources: &["endpointslices"] },
    Rule {
        subject: CONTROLLERS,
        verbs: &[Delete, Verb::DeleteCollection],
        group: "",
        resources: &["pods", "services", "endpoints", "configmaps", "secrets", "serviceaccounts", "events"],
    },
    Rule {
        subject: CONTROLLERS,
        verbs: &[Delete, Verb::DeleteCollection],
        group: "discovery.k8s.io",
        resources: &["endpointslices"],
    },
    Rule { subject: CONTROLLERS, verbs: &[Create, Update], group: "", resources: &["endpoints"] },
    Rule {
        subject: CONTROLLERS,
        verbs: &[Create, Update],
        group: "discovery.k8s.io",
        resources: &["endpointslices"],
    },
    Rule {
        subject: CONTROLLERS,
        verbs: &[Delete, Verb::DeleteCollection],
        group: "coordination.k8s.io",
        resources: &["leases"],
    },
    Rule {
        subject: CONTROLLERS,
        verbs: READ,
        group: "networking.k8s.io",
        resources: &["networkpolicies", "ingresses"],
    },
    Rule {
        subject: CONTROLLERS,
        verbs: &[Delete, Verb::DeleteCollection],
        group: "networking.k8s.io",
        resources: &["networkpolicies", "ingresses"],
    },
    Rule {
        subject: CONTROLLERS,
        verbs: &[Patch, Update],
        group: "",
        resources: &["nodes", "nodes/status", "pods/status", "services", "services/status"],
    },
    Rule {
        subject: CONTROLLERS,
        verbs: &[Update],
        group: "",
        resources: &["namespaces/finalize", "namespaces/status"],
    },
    Rule { subject: CONTROLLERS, verbs: &[Create], group: "", resources: &["serviceaccounts"] },
    Rule { subject: CONTROLLERS, verbs: &[Create, Update], group: "", resources: &["configmaps"] },
    Rule { subject: CONTROLLERS, verbs: RECORD, group: "", resources: &["events"] },
    Rule {
        subject: CONTROLLERS,
        verbs: &[Create, Get, Update],
        group: "coordination.k8s.io",
        resources: &["leases"],
    },
    Rule { subject: SCHEDULER, verbs: READ, group: "", resources: VOLUMES },
    Rule { subject: SCHEDULER, verbs: READ, group: STORAGE, resources: CLASSES },
    Rule { subject: SCHEDULER, verbs: &[Patch, Update], group: "", resources: VOLUMES },
    Rule { subject: CONTROLLERS, verbs: READ, group: "", resources: VOLUMES },
    Rule { subject: CONTROLLERS, verbs: READ, group: STORAGE, resources: CLASSES },
    Rule { subject: CONTROLLERS, verbs: &[Create, Patch, Update, Delete], group: "", resources: VOLUMES },
    Rule {
        subject: CONTROLLERS,
        verbs: &[Patch, Update],
        group: "",
        resources: &["persistentvolumes/status", "persistentvolumeclaims/status"],
    },
    Rule {
        subject: CONTROLLERS,
        verbs: &[Verb::DeleteCollection],
        group: "",
        resources: &["persistentvolumeclaims"],
    },
    Rule { subject: CONTROLLERS, verbs: READ, group: APPS, resources: WORKLOADS },
    Rule {
        subject: CONTROLLERS,
        verbs: &[Create, Patch, Update, Delete, Verb::DeleteCollection],
        group: APPS,
        resources: WORKLOADS,
    },
    Rule {
        subject: CONTROLLERS,
        verbs: &[Update],
        group: APPS,
        resources: &["deployments/status", "replicasets/status"],
    },
    Rule { subject: CONTROLLERS, verbs: &[Create, Patch], group: "", resources: &["pods"] },
    Rule { subject: PROVISIONER, verbs: READ, group: "", resources: &["nodes"] },
    Rule { subject: PROVISIONER, verbs: READ, group: "", resources: VOLUMES },
    Rule { subject: PROVISIONER, verbs: READ, group: STORAGE, resources: CLASSES },
    Rule {
        subject: PROVISIONER,
        verbs: &[Create, Patch, Update, Delete],
        group: "",
        resources: &["persistentvolumes"],
    },
    Rule {
        subject: PROVISIONER,
        verbs: &[Patch, Update],
        group: "",
        resources: &["persistentvolumeclaims", "persistentvolumeclaims/status", "persistentvolumes/status"],
    },
    Rule { subject: PROVISIONER, verbs: RECORD, group: "", resources: &["events"] },
    Rule { subject: PROXY, verbs: READ, group: "", resources: &["services", "nodes"] },
    Rule { subject: PROXY, verbs: FOLLOW, group: "discovery.k8s.io", resources: &["endpointslices"] },
    Rule { subject: PROXY, verbs: RECORD, group: "", resources: &["events"] },
    Rule { subject: DNS, verbs: FOLLOW, group: "", resources: &["services", "pods", "namespaces"] },
    Rule { subject: DNS, verbs: FOLLOW, group: "discovery.k8s.io", resources: &["endpointslices"] },
    Rule { subject: DNS, verbs: &[Get], group: "", resources: &["nodes"] },
    Rule { subject: METRICS, verbs: READ, group: "", resources: &["nodes", "pods", "namespaces"] },
    Rule { subject: POLICIES, verbs: FOLLOW, group: "", resources: &["pods", "namespaces"] },
    Rule { subject: Named(INGRESS), verbs: FOLLOW, group: "", resources: &["services", "secrets"] },
    Rule {
        subject: Named(INGRESS),
        verbs: FOLLOW,
        group: "networking.k8s.io",
        resources: &["ingresses", "ingressclasses"],
    },
    Rule {
        subject: Named(INGRESS),
        verbs: &[Update],
        group: "networking.k8s.io",
        resources: &["ingresses/status"],
    },
    Rule { subject: Named(INGRESS), verbs: RECORD, group: "", resources: &["events"] },
    Rule { subject: Named(WAYS_IN), verbs: FOLLOW, group: "", resources: &["services", "pods"] },
    Rule { subject: Named(WAYS_IN), verbs: RECORD, group: "", resources: &["events"] },
    Rule { subject: POLICIES, verbs: FOLLOW, group: "networking.k8s.io", resources: &["networkpolicies"] },
    Rule { subject: KUBELETS, verbs: READ, group: "", resources: &["nodes", "pods", "services"] },
    Rule { subject: KUBELETS, verbs: READ, group: "", resources: &["configmaps", "secrets"] },
    Rule { subject: KUBELETS, verbs: READ, group: "", resources: VOLUMES },
    Rule { subject: KUBELETS, verbs: &[Create], group: "", resources: &["serviceaccounts/token"] },
    Rule { subject: KUBELETS, verbs: &[Create, Update, Patch], group: "", resources: &["nodes"] },
    Rule {
        subject: KUBELETS,
        verbs: &[Update, Patch],
        group: "",
        resources: &["nodes/status", "pods/status"],
    },
    Rule { subject: KUBELETS, verbs: &[Create, Delete], group: "", resources: &["pods"] },
    Rule { subject: KUBELETS, verbs: RECORD, group: "", resources: &["events"] },
    Rule {
        subject: KUBELETS,
        verbs: &[Create, Get, Update, Patch, Delete],
        group: "coordination.k8s.io",
        resources: &["leases"],
    },
];

/// Paths that everyone authenticated may read (`system:discovery`, `system:public-info-viewer`).
const PUBLIC_PATHS: &[&str] = &["/api", "/apis", "/healthz", "/livez", "/readyz", "/openapi", "/version"];

/// Paths that every service account may read (`system:service-account-issuer-discovery`).
const ISSUER_PATHS: &[&str] = &["/.well-known/openid-configuration", "/openid/v1/jwks"];

/// 403 with upstream's sentence unless a rule allows the request.
pub fn authorize(user: &User, request: &Request) -> Result<()> {
    authorize_verb(user, request, request.verb())?;
    match opens_stream(request) {
        true => authorize_verb(user, request, Create),
        false => Ok(()),
    }
}

/// Whoever may only read may not act in a pod: a WebSocket, which is opened by GET, needs `create` as well
/// (`AuthorizePodWebsocketUpgradeCreatePermission`, `pkg/registry/core/pod/rest/subresources.go` of
/// kubernetes/kubernetes).
fn opens_stream(request: &Request) -> bool {
    const STREAMS: [&str; 3] = ["attach", "exec", "portforward"];
    let stream = request.subresource.is_some_and(|subresource| STREAMS.contains(&subresource.name));
    stream && matches!(request.operation, Operation::Connect(Get))
}

/// What `system:controller:generic-garbage-collector` may do with objects of every kind.
const COLLECT: &[Verb] = &[Get, List, Watch, Patch, Update, Delete];

fn authorize_verb(user: &User, request: &Request, verb: Verb) -> Result<()> {
    let subresource = request.subresource.map_or("", |subresource| subresource.name);
    let attributes = Attributes {
        verb: verb.as_str(),
        resource: request.kind.group_resource(),
        subresource,
        namespace: request.attributed_namespace(),
        name: &request.name,
    };
    let resource = match subresource {
        "" => request.kind.plural.to_owned(),
        subresource => format!("{}/{subresource}", request.kind.plural),
    };
    let allowed = RULES.iter().any(|rule| {
        rule.is_for(user)
            && rule.verbs.contains(&verb)
            && rule.group == request.kind.group
            && rule.resources.contains(&resource.as_str())
    });
    let is_collector = subresource.is_empty() && COLLECT.contains(&verb) && user.name == CONTROLLER_MANAGER;
    match allowed || is_collector || user.is_in(MASTERS) {
        true => Ok(()),
        false => Err(Box::new(attributes.forbidden(user))),
    }
}

/// 403 unless the user may read a path that is no resource.
pub fn authorize_path(user: &User, path: &str, verb: &str) -> Result<()> {
    let public = PUBLIC_PATHS
        .iter()
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    let issuer = ISSUER_PATHS.contains(&path) && user.is_in(ALL_ACCOUNTS);
    let readable = (public && user.is_in(AUTHENTICATED)) || issuer;
    if user.is_in(MASTERS) || (verb == "get" && readable) {
        return Ok(());
    }
    let nothing = GroupResource { group: "", resource: "" };
    let why = format!("User {:?} cannot {verb} path {path:?}", user.name);
    Err(Box::new(status::forbidden(nothing, "", &why)))
}

impl Rule {
    fn is_for(&self, user: &User) -> bool {
        match self.subject {
            Named(name) => user.name == name,
            Group(group) => user.is_in(group),
        }
    }
}

/// What a refusal names.
struct Attributes<'a> {
    verb: &'a str,
    resource: GroupResource,
    subresource: &'a str,
    namespace: &'a str,
    name: &'a str,
}

impl Attributes<'_> {
    /// The sentence of `pkg/endpoints/handlers/responsewriters/errors.go` in kubernetes/apiserver.
    fn forbidden(&self, user: &User) -> Status {
        let resource = match self.subresource {
            "" => self.resource.resource.to_owned(),
            subresource => format!("{}/{subresource}", self.resource.resource),
        };
        let place = match self.namespace {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace {namespace:?}"),
        };
        let why = format!(
            "User {:?} cannot {} resource {resource:?} in API group {:?} {place}",
            user.name, self.verb, self.resource.group
        );
        status::forbidden(self.resource, self.name, &why)
    }
}
