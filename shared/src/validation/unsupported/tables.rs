//! What has no effect beside the fields of a Pod.

use super::{UNSUPPORTED_POD_FIELDS, Unsupported, field, only};

const SERVICE: &[Unsupported] = &[
    field("spec.loadBalancerClass", "only load balancers without a class get an address"),
    only("spec.ports[*].protocol", "SCTP", "the pod network carries TCP and UDP"),
    field(
        "metadata.annotations[service.kubernetes.io/topology-mode]",
        "endpoints bear no hints for it; set spec.trafficDistribution",
    ),
];

const NO_RESOURCE: &str = "only Services are behind Ingresses";

const INGRESS: &[Unsupported] = &[
    field("spec.defaultBackend.resource", NO_RESOURCE),
    field("spec.rules[*].http.paths[*].backend.resource", NO_RESOURCE),
];

const INGRESS_CLASS: &[Unsupported] =
    &[field("spec.parameters", "the cluster's own Ingresses take no parameters")];

const SECRET: &[Unsupported] =
    &[only("type", "kubernetes.io/service-account-token", "no token is put into the secret yet")];

const NO_DRIVER: &str = "no driver is built in; a pod that mounts the volume does not start";
const NO_MOUNT_OPTIONS: &str = "directories of nodes are mounted without options";
const NO_BLOCKS: &str = "containers cannot open block devices";
const NO_COPY: &str = "volumes are made empty; nothing is copied into them";
const NO_ATTRIBUTES: &str = "classes of volume attributes are not served yet";

const PERSISTENT_VOLUME: &[Unsupported] = &[
    field("spec.awsElasticBlockStore", NO_DRIVER),
    field("spec.azureDisk", NO_DRIVER),
    field("spec.azureFile", NO_DRIVER),
    field("spec.cephfs", NO_DRIVER),
    field("spec.cinder", NO_DRIVER),
    field("spec.csi", NO_DRIVER),
    field("spec.fc", NO_DRIVER),
    field("spec.flexVolume", NO_DRIVER),
    field("spec.flocker", NO_DRIVER),
    field("spec.gcePersistentDisk", NO_DRIVER),
    field("spec.glusterfs", NO_DRIVER),
    field("spec.iscsi", NO_DRIVER),
    field("spec.nfs", NO_DRIVER),
    field("spec.photonPersistentDisk", NO_DRIVER),
    field("spec.portworxVolume", NO_DRIVER),
    field("spec.quobyte", NO_DRIVER),
    field("spec.rbd", NO_DRIVER),
    field("spec.scaleIO", NO_DRIVER),
    field("spec.storageos", NO_DRIVER),
    field("spec.vsphereVolume", NO_DRIVER),
    field("spec.mountOptions", NO_MOUNT_OPTIONS),
    field("spec.volumeAttributesClassName", NO_ATTRIBUTES),
    only("spec.volumeMode", "Block", NO_BLOCKS),
    only("spec.persistentVolumeReclaimPolicy", "Recycle", "no volume is emptied for another claim"),
];

const PERSISTENT_VOLUME_CLAIM: &[Unsupported] = &[
    field("spec.dataSource", NO_COPY),
    field("spec.dataSourceRef", NO_COPY),
    field("spec.resources.limits", "only requests say how large the volume is"),
    field("spec.volumeAttributesClassName", NO_ATTRIBUTES),
    only("spec.volumeMode", "Block", NO_BLOCKS),
];

const STORAGE_CLASS: &[Unsupported] = &[
    field("mountOptions", NO_MOUNT_OPTIONS),
    field("parameters", "the built-in provisioner knows no parameters"),
];

/// What has no effect, by kind.
pub const UNSUPPORTED: &[(&str, &[Unsupported])] = &[
    ("Pod", UNSUPPORTED_POD_FIELDS),
    ("Service", SERVICE),
    ("Ingress", INGRESS),
    ("IngressClass", INGRESS_CLASS),
    ("Secret", SECRET),
    ("PersistentVolume", PERSISTENT_VOLUME),
    ("PersistentVolumeClaim", PERSISTENT_VOLUME_CLAIM),
    ("StorageClass", STORAGE_CLASS),
];
