//! The kinds this cluster serves, as one table.
//!
//! A kind that nothing acts on does not stand here and is not served. Names, scopes and verbs are
//! those of <https://kubernetes.io/docs/reference/kubernetes-api/>.

use std::fmt;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    self as core, ConfigMap, Endpoints, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod,
    Secret, Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::events::v1 as events;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, NetworkPolicy};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{ListableResource, Metadata, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::metrics::{self, NodeMetrics, PodMetrics};
use super::object::ApiObject;

/// A verb of the API, as authorizers and discovery name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Reads one object.
    Get,
    /// Reads a collection.
    List,
    /// Follows a collection's changes.
    Watch,
    /// Writes a new object.
    Create,
    /// Replaces an object.
    Update,
    /// Changes parts of an object.
    Patch,
    /// Removes an object.
    Delete,
    /// Removes a collection.
    DeleteCollection,
}

impl Verb {
    /// The verb in lower case, as RBAC rules, discovery and audit events write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Get => "get",
            Verb::List => "list",
            Verb::Watch => "watch",
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Patch => "patch",
            Verb::Delete => "delete",
            Verb::DeleteCollection => "deletecollection",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A group and a resource, printed as upstream prints `schema.GroupResource`: `pods`, `leases.coordination.k8s.io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupResource {
    /// The API group, empty for the core group.
    pub group: &'static str,
    /// The plural resource name.
    pub resource: &'static str,
}

impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group {
            "" => f.write_str(self.resource),
            group => write!(f, "{}.{group}", self.resource),
        }
    }
}

/// A part of an object, or an action on it, with a path of its own.
#[derive(Clone, Copy, Debug)]
pub struct Subresource {
    /// The last segment of its path, for example `status`.
    pub name: &'static str,
    /// The group, version and kind that it reads and writes, where they are not the object's own.
    pub kind: Option<(&'static str, &'static str, &'static str)>,
    /// What can be done with it.
    pub verbs: &'static [Verb],
}

/// A kind as it is stored, where that differs from how it is served.
#[derive(Clone, Copy)]
pub struct Conversion {
    /// The kind that the store holds.
    pub stored_as: (&'static str, &'static str),
    /// From the served to the stored form.
    pub to_stored: fn(&dyn ApiObject) -> Option<Box<dyn ApiObject>>,
    /// From the stored to the served form.
    pub from_stored: fn(&dyn ApiObject) -> Option<Box<dyn ApiObject>>,
}

/// A typed object, or why the JSON is none.
type Decoded = Result<Box<dyn ApiObject>, serde_json::Error>;

/// A kind that the API serves.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The API group, empty for the core group.
    pub group: &'static str,
    /// The version within the group.
    pub version: &'static str,
    /// `group/version`, or the version alone for the core group.
    pub api_version: &'static str,
    /// The kind's name in camel case.
    pub kind: &'static str,
    /// The kind of its collection.
    pub list_kind: &'static str,
    /// The plural name in paths.
    pub plural: &'static str,
    /// The singular name that kubectl accepts.
    pub singular: &'static str,
    /// Names that kubectl accepts for short.
    pub short_names: &'static [&'static str],
    /// Groups of kinds, `all` being the one that `kubectl get all` asks for.
    pub categories: &'static [&'static str],
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// What can be done with objects and collections.
    pub verbs: &'static [Verb],
    /// The object's subresources.
    pub subresources: &'static [Subresource],
    /// Where the objects lie in the store, below `/registry/`: upstream's layout.
    pub storage_prefix: &'static str,
    /// How the stored form differs, where it does.
    pub conversion: Option<Conversion>,
    /// What is said to everyone who uses a kind that upstream has deprecated.
    pub deprecation: Option<&'static str>,
    decode: fn(&Value) -> Decoded,
    decode_bytes: fn(&[u8]) -> Decoded,
    value_of: fn(&dyn ApiObject) -> Option<Value>,
    encode: fn(&dyn ApiObject) -> Option<Vec<u8>>,
}

impl PartialEq for Kind {
    fn eq(&self, other: &Kind) -> bool {
        self.api_version == other.api_version && self.kind == other.kind
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.api_version, self.kind)
    }
}

impl Kind {
    /// The group and plural name, for messages.
    pub fn group_resource(&self) -> GroupResource {
        GroupResource { group: self.group, resource: self.plural }
    }

    /// Kind and group as upstream prints `schema.GroupKind`: `Pod`, `Lease.coordination.k8s.io`.
    pub fn group_kind(&self) -> GroupResource {
        GroupResource { group: self.group, resource: self.kind }
    }

    /// Whether its objects are measured when they are asked for, and not stored.
    pub fn is_measured(&self) -> bool {
        self.group == metrics::GROUP
    }

    /// The subresource of that name.
    pub fn subresource(&self, name: &str) -> Option<&'static Subresource> {
        self.subresources.iter().find(|subresource| subresource.name == name)
    }

    /// Makes a typed object of a JSON value.
    pub fn decode(&self, value: &Value) -> Decoded {
        (self.decode)(value)
    }

    /// Makes a typed object of JSON text.
    pub fn decode_bytes(&self, json: &[u8]) -> Decoded {
        (self.decode_bytes)(json)
    }

    /// An object of this kind as a JSON value, null for an object of another.
    pub fn value_of(&self, object: &dyn ApiObject) -> Value {
        (self.value_of)(object).unwrap_or_default()
    }

    /// An object of this kind as JSON text, empty for an object of another.
    pub fn encode(&self, object: &dyn ApiObject) -> Vec<u8> {
        (self.encode)(object).unwrap_or_default()
    }

    /// The kind whose form the store holds: this one, unless it is a view of another.
    pub fn stored(&self) -> &'static Kind {
        let (api_version, kind) = match self.conversion {
            Some(conversion) => conversion.stored_as,
            None => (self.api_version, self.kind),
        };
        by_kind(api_version, kind).unwrap_or(&KINDS[0])
    }
}

const ALL_VERBS: &[Verb] = &[
    Verb::Create,
    Verb::Delete,
    Verb::DeleteCollection,
    Verb::Get,
    Verb::List,
    Verb::Patch,
    Verb::Update,
    Verb::Watch,
];
/// Namespaces: upstream offers no `deletecollection` on them.
const NO_DELETE_COLLECTION: &[Verb] =
    &[Verb::Create, Verb::Delete, Verb::Get, Verb::List, Verb::Patch, Verb::Update, Verb::Watch];
const GET_PATCH_UPDATE: &[Verb] = &[Verb::Get, Verb::Patch, Verb::Update];
const PROXY_VERBS: &[Verb] = &[Verb::Create, Verb::Delete, Verb::Get, Verb::Patch, Verb::Update];
const READ_ONLY: &[Verb] = &[Verb::Get, Verb::List];
/// Streams are opened by POST, and by GET since browsers open WebSockets so.
const STREAM_VERBS: &[Verb] = &[Verb::Create, Verb::Get];
/// How many pods there are to be, in a form that kinds which keep pods have in common.
const SCALE: Subresource =
    Subresource { name: "scale", kind: Some(("autoscaling", "v1", "Scale")), verbs: GET_PATCH_UPDATE };
const STATUS: Subresource = Subresource { name: "status", kind: None, verbs: GET_PATCH_UPDATE };

const fn kind<K>(singular: &'static str, namespaced: bool) -> Kind
where
    K: ListableResource
        + Metadata<Ty = ObjectMeta>
        + Serialize
        + DeserializeOwned
        + Clone
        + Send
        + Sync
        + 'static,
{
    Kind { list_kind: K::LIST_KIND, ..alone::<K>(singular, namespaced) }
}

/// A kind of which there are no collections.
const fn alone<K>(singular: &'static str, namespaced: bool) -> Kind
where
    K: Resource + Metadata<Ty = ObjectMeta> + Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    Kind {
        group: K::GROUP,
        version: K::VERSION,
        api_version: K::API_VERSION,
        kind: K::KIND,
        list_kind: "",
        plural: <K as Resource>::URL_PATH_SEGMENT,
        singular,
        short_names: &[],
        categories: &[],
        namespaced,
        verbs: ALL_VERBS,
        subresources: &[],
        storage_prefix: <K as Resource>::URL_PATH_SEGMENT,
        conversion: None,
        deprecation: None,
        decode: |value| Ok(Box::new(K::deserialize(value)?)),
        decode_bytes: |json| Ok(Box::new(serde_json::from_slice::<K>(json)?)),
        // Serializing a k8s-openapi type fails on no input: its maps have string keys.
        value_of: |object| serde_json::to_value(object.downcast_ref::<K>()?).ok(),
        encode: |object| serde_json::to_vec(object.downcast_ref::<K>()?).ok(),
    }
}

/// Every kind served, the core group first, then by group; within a group by plural name.
pub static KINDS: &[Kind] = &[
    Kind { short_names: &["cm"], ..kind::<ConfigMap>("configmap", true) },
    // The prefix of Endpoints, and below that of Services, is that of upstream's storage.
    Kind {
        short_names: &["ep"],
        storage_prefix: "services/endpoints",
        deprecation: Some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
        ..kind::<Endpoints>("endpoints", true)
    },
    Kind { short_names: &["ev"], ..kind::<core::Event>("event", true) },
    Kind {
        short_names: &["ns"],
        verbs: NO_DELETE_COLLECTION,
        subresources: &[STATUS, Subresource { name: "finalize", kind: None, verbs: &[Verb::Update] }],
        ..kind::<Namespace>("namespace", false)
    },
    Kind {
        short_names: &["no"],
        subresources: &[STATUS],
        storage_prefix: "minions",
        ..kind::<Node>("node", false)
    },
    Kind {
        short_names: &["pvc"],
        subresources: &[STATUS],
        ..kind::<PersistentVolumeClaim>("persistentvolumeclaim", true)
    },
    Kind {
        short_names: &["pv"],
        subresources: &[STATUS],
        ..kind::<PersistentVolume>("persistentvolume", false)
    },
    Kind {
        short_names: &["po"],
        categories: &["all"],
        subresources: &[
            Subresource { name: "attach", kind: Some(("", "v1", "PodAttachOptions")), verbs: STREAM_VERBS },
            Subresource { name: "binding", kind: Some(("", "v1", "Binding")), verbs: &[Verb::Create] },
            Subresource { name: "ephemeralcontainers", kind: None, verbs: GET_PATCH_UPDATE },
            Subresource { name: "exec", kind: Some(("", "v1", "PodExecOptions")), verbs: STREAM_VERBS },
            Subresource { name: "log", kind: None, verbs: &[Verb::Get] },
            Subresource {
                name: "portforward",
                kind: Some(("", "v1", "PodPortForwardOptions")),
                verbs: STREAM_VERBS,
            },
            Subresource { name: "proxy", kind: Some(("", "v1", "PodProxyOptions")), verbs: PROXY_VERBS },
            STATUS,
        ],
        ..kind::<Pod>("pod", true)
    },
    kind::<Secret>("secret", true),
    Kind {
        short_names: &["sa"],
        subresources: &[Subresource {
            name: "token",
            kind: Some(("authentication.k8s.io", "v1", "TokenRequest")),
            verbs: &[Verb::Create],
        }],
        ..kind::<ServiceAccount>("serviceaccount", true)
    },
    Kind {
        short_names: &["svc"],
        categories: &["all"],
        subresources: &[
            Subresource { name: "proxy", kind: Some(("", "v1", "ServiceProxyOptions")), verbs: PROXY_VERBS },
            STATUS,
        ],
        storage_prefix: "services/specs",
        ..kind::<Service>("service", true)
    },
    Kind {
        short_names: &["deploy"],
        categories: &["all"],
        subresources: &[SCALE, STATUS],
        ..kind::<Deployment>("deployment", true)
    },
    Kind {
        short_names: &["rs"],
        categories: &["all"],
        subresources: &[SCALE, STATUS],
        ..kind::<ReplicaSet>("replicaset", true)
    },
    kind::<Lease>("lease", true),
    kind::<EndpointSlice>("endpointslice", true),
    Kind {
        short_names: &["ev"],
        storage_prefix: "events",
        conversion: Some(super::events::CONVERSION),
        ..kind::<events::Event>("event", true)
    },
    kind::<IngressClass>("ingressclass", false),
    Kind { short_names: &["ing"], subresources: &[STATUS], ..kind::<Ingress>("ingress", true) },
    Kind { short_names: &["netpol"], ..kind::<NetworkPolicy>("networkpolicy", true) },
    Kind { short_names: &["sc"], ..kind::<StorageClass>("storageclass", false) },
];

/// Kinds that are served and never stored, as they are measured when they are asked for; to be read only.
pub static MEASURED: &[Kind] = &[
    Kind { verbs: READ_ONLY, ..kind::<NodeMetrics>("", false) },
    Kind { verbs: READ_ONLY, ..kind::<PodMetrics>("", true) },
];

/// What the subresource `scale` reads and writes.
pub static SCALES: Kind = Kind { verbs: GET_PATCH_UPDATE, ..alone::<Scale>("", true) };

/// Every kind that is served.
pub fn served() -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().chain(MEASURED)
}

/// The kind of that `apiVersion` and `kind`.
pub fn by_kind(api_version: &str, kind: &str) -> Option<&'static Kind> {
    served().find(|entry| entry.api_version == api_version && entry.kind == kind)
}

/// The kind behind that path: group (empty for core), version and plural name.
pub fn by_resource(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    served().find(|entry| entry.group == group && entry.version == version && entry.plural == plural)
}

/// The kind of an object.
pub fn of(object: &dyn ApiObject) -> Option<&'static Kind> {
    let scale = Some(&SCALES)
        .filter(|scale| (scale.api_version, scale.kind) == (object.api_version(), object.kind()));
    scale.or_else(|| by_kind(object.api_version(), object.kind()))
}

/// The kind that typed code names at compile time.
pub fn of_type<K: Resource>() -> Option<&'static Kind> {
    by_kind(K::API_VERSION, K::KIND)
}
