//! What has no effect beside the fields of a Pod: in every kind, in the others, and in a delete.

use super::{UNSUPPORTED_POD_FIELDS, Unsupported, field, host, only};

const NOTHING_COLLECTS: &str = "nothing is deleted with its owner yet; there is no garbage collector";

/// Fields that every kind has.
const EVERY_KIND: &[Unsupported] = &[host("metadata.ownerReferences", NOTHING_COLLECTS)];

const SERVICE: &[Unsupported] = &[
    only(
        "spec.type",
        "NodePort",
        "the port answers within the cluster alone; from this machine use kubectl port-forward",
    ),
    only(
        "spec.type",
        "LoadBalancer",
        "the address answers within the cluster alone; from this machine use kubectl port-forward",
    ),
    field("spec.loadBalancerClass", "only load balancers without a class get an address"),
    only("spec.ports[*].protocol", "SCTP", "the pod network carries TCP and UDP"),
    field(
        "metadata.annotations[service.kubernetes.io/topology-mode]",
        "endpoints bear no hints for it; set spec.trafficDistribution",
    ),
];

const SERVICE_ACCOUNT: &[Unsupported] =
    &[field("imagePullSecrets", "images are pulled without credentials yet")];

const SECRET: &[Unsupported] =
    &[only("type", "kubernetes.io/service-account-token", "no token is put into the secret yet")];

const NODE: &[Unsupported] = &[only(
    "spec.taints[*].effect",
    "NoExecute",
    "new pods stay away; those that the node runs already are not evicted yet",
)];

const DELETE_OPTIONS: &[Unsupported] = &[
    only(
        "propagationPolicy",
        "Foreground",
        "the object goes at once, and its dependents stay; there is no garbage collector yet",
    ),
    only(
        "propagationPolicy",
        "Orphan",
        "dependents stay, and still name their owner; there is no garbage collector yet",
    ),
    only(
        "orphanDependents",
        "true",
        "dependents stay, and still name their owner; there is no garbage collector yet",
    ),
];

/// What has no effect, by kind; the kind is empty for fields that every kind has.
pub const UNSUPPORTED: &[(&str, &[Unsupported])] = &[
    ("", EVERY_KIND),
    ("Pod", UNSUPPORTED_POD_FIELDS),
    ("Service", SERVICE),
    ("ServiceAccount", SERVICE_ACCOUNT),
    ("Secret", SECRET),
    ("Node", NODE),
    ("DeleteOptions", DELETE_OPTIONS),
];
