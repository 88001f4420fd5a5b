//! PersistentVolumes, claims and classes: `printPersistentVolume`, `printPersistentVolumeClaim`,
//! `printStorageClass`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as WireQuantity;
use serde_json::Value;

use super::{Column, Printer, age_cell, descriptions, name, or};
use crate::api::quantity::Quantity;
use crate::persistent_volume::{class_of_claim, class_of_volume, is_default_class};

const UNSET: &str = "<unset>";

pub(super) const VOLUME_PRINTER: Printer = Printer {
    api_version: "v1",
    kind: "PersistentVolume",
    columns: &[
        Column::NAME,
        Column::text("Capacity", descriptions::VOLUME_CAPACITY),
        Column::text("Access Modes", descriptions::VOLUME_ACCESS_MODES),
        Column::text("Reclaim Policy", descriptions::VOLUME_RECLAIM_POLICY),
        Column::text("Status", descriptions::VOLUME_PHASE),
        Column::text("Claim", descriptions::VOLUME_CLAIM),
        Column::text("StorageClass", "StorageClass of the pv"),
        Column::text("VolumeAttributesClass", "VolumeAttributesClass of the pv"),
        Column::text("Reason", descriptions::VOLUME_REASON),
        Column::AGE,
        Column::text("VolumeMode", descriptions::VOLUME_MODE).wide(),
    ],
    row: |object, now| object.downcast_ref().map(|volume| volume_row(volume, now)),
};

pub(super) const CLAIM_PRINTER: Printer = Printer {
    api_version: "v1",
    kind: "PersistentVolumeClaim",
    columns: &[
        Column::NAME,
        Column::text("Status", descriptions::CLAIM_PHASE),
        Column::text("Volume", descriptions::CLAIM_VOLUME),
        Column::text("Capacity", descriptions::CLAIM_CAPACITY),
        Column::text("Access Modes", descriptions::CLAIM_ACCESS_MODES),
        Column::text("StorageClass", "StorageClass of the pvc"),
        Column::text("VolumeAttributesClass", "VolumeAttributesClass of the pvc"),
        Column::AGE,
        Column::text("VolumeMode", descriptions::CLAIM_MODE).wide(),
    ],
    row: |object, now| object.downcast_ref().map(|claim| claim_row(claim, now)),
};

pub(super) const CLASS_PRINTER: Printer = Printer {
    api_version: "storage.k8s.io/v1",
    kind: "StorageClass",
    columns: &[
        Column::NAME,
        Column::text("Provisioner", descriptions::CLASS_PROVISIONER),
        Column::text("ReclaimPolicy", descriptions::CLASS_RECLAIM_POLICY),
        Column::text("VolumeBindingMode", descriptions::CLASS_BINDING_MODE),
        Column::text("AllowVolumeExpansion", descriptions::CLASS_EXPANSION),
        Column::AGE,
    ],
    row: |object, now| object.downcast_ref().map(|class| class_row(class, now)),
};

fn volume_row(volume: &PersistentVolume, now: Timestamp) -> Vec<Value> {
    let spec = volume.spec.clone().unwrap_or_default();
    let status = volume.status.clone().unwrap_or_default();
    let phase = phase(volume.metadata.deletion_timestamp.is_some(), status.phase.as_deref());
    let claim = spec.claim_ref.as_ref().map(|claim| {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        format!("{}/{}", text(&claim.namespace), text(&claim.name))
    });
    vec![
        name(volume),
        storage(spec.capacity.as_ref()).unwrap_or_else(|| "0".to_owned()).into(),
        modes(spec.access_modes.as_deref()).into(),
        spec.persistent_volume_reclaim_policy.as_deref().unwrap_or_default().into(),
        phase.into(),
        claim.unwrap_or_default().into(),
        class_of_volume(volume).into(),
        or(spec.volume_attributes_class_name.as_deref(), UNSET).into(),
        status.reason.as_deref().unwrap_or_default().into(),
        age_cell(volume, now),
        or(spec.volume_mode.as_deref(), UNSET).into(),
    ]
}

fn claim_row(claim: &PersistentVolumeClaim, now: Timestamp) -> Vec<Value> {
    let spec = claim.spec.clone().unwrap_or_default();
    let status = claim.status.clone().unwrap_or_default();
    let phase = phase(claim.metadata.deletion_timestamp.is_some(), status.phase.as_deref());
    let volume = spec.volume_name.unwrap_or_default();
    // Only a bound claim has a size and modes; what it asks for is no answer.
    let (capacity, access) = match volume.as_str() {
        "" => (String::new(), String::new()),
        _ => (
            storage(status.capacity.as_ref()).unwrap_or_else(|| "0".to_owned()),
            modes(status.access_modes.as_deref()),
        ),
    };
    vec![
        name(claim),
        phase.into(),
        volume.into(),
        capacity.into(),
        access.into(),
        class_of_claim(claim).into(),
        or(spec.volume_attributes_class_name.as_deref(), UNSET).into(),
        age_cell(claim, now),
        or(spec.volume_mode.as_deref(), UNSET).into(),
    ]
}

fn class_row(class: &StorageClass, now: Timestamp) -> Vec<Value> {
    let mut shown = class.metadata.name.clone().unwrap_or_default();
    if is_default_class(class) {
        shown.push_str(" (default)");
    }
    vec![
        shown.into(),
        class.provisioner.as_str().into(),
        or(class.reclaim_policy.as_deref(), "Delete").into(),
        or(class.volume_binding_mode.as_deref(), UNSET).into(),
        class.allow_volume_expansion.unwrap_or(false).into(),
        age_cell(class, now),
    ]
}

fn phase(deleted: bool, phase: Option<&str>) -> String {
    if deleted { "Terminating".to_owned() } else { phase.unwrap_or_default().to_owned() }
}

fn storage(amounts: Option<&BTreeMap<String, WireQuantity>>) -> Option<String> {
    Quantity::try_from(amounts?.get("storage")?).ok().map(|quantity| quantity.canonical())
}

/// `GetAccessModesAsString`: each once, in this order.
fn modes(given: Option<&[String]>) -> String {
    const SHORT: [(&str, &str); 4] = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let given = given.unwrap_or_default();
    let shown = SHORT.iter().filter(|(mode, _)| given.iter().any(|own| own == mode));
    shown.map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}
