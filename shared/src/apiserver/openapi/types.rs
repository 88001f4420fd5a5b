//! The types of the documents, named once: schemas are made from Rust's types, which the scheme's
//! table of kinds forgets.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    Binding, ConfigMap, Endpoints, Event, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod,
    Secret, Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::events::v1 as events;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, NetworkPolicy};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    APIResourceList, DeleteOptions, ListMeta, Patch, Status, WatchEvent,
};
use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value};

/// Where the schemas of the generator refer to each other.
pub(super) const REFERENCE: &str = "#/components/schemas/";

/// The schemas of every type that is served, and of all that these contain, as `k8s-openapi` has them.
pub(super) fn generated() -> Map<String, Value> {
    let mut generator = SchemaSettings::openapi3().into_generator();
    for add in SERVED.iter().chain(SHARED) {
        add(&mut generator);
    }
    generator.take_definitions(false)
}

type Add = fn(&mut SchemaGenerator);

/// What the paths' bodies hold, beside the lists.
const SERVED: &[Add] = &[
    add::<Binding>,
    add::<ConfigMap>,
    add::<Endpoints>,
    add::<Event>,
    add::<Namespace>,
    add::<Node>,
    add::<PersistentVolume>,
    add::<PersistentVolumeClaim>,
    add::<Pod>,
    add::<Secret>,
    add::<Service>,
    add::<ServiceAccount>,
    add::<Deployment>,
    add::<ReplicaSet>,
    add::<TokenRequest>,
    add::<Scale>,
    add::<Lease>,
    add::<EndpointSlice>,
    add::<events::Event>,
    add::<Ingress>,
    add::<IngressClass>,
    add::<NetworkPolicy>,
    add::<StorageClass>,
];

/// What belongs to every group version.
const SHARED: &[Add] = &[
    add::<APIResourceList>,
    add::<DeleteOptions>,
    add::<ListMeta>,
    add::<Patch>,
    add::<Status>,
    add::<WatchEvent<Pod>>,
];

fn add<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}
