//! `image`: the files of an image, for containers to read (KEP-4639 of kubernetes/enhancements, "OCI VolumeSource").
//!
//! The files are laid out once, when the pod's volumes are set up; a pod keeps those that it began with. Unlike
//! upstream's, which tell the container that it waits with `ErrImagePull`, a pull that fails is told as `FailedMount`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Volume;
use shared::kubelet::volume::nested_mount_points;

use super::payload::make_directories;
use super::{Order, Place, VolumeKind};
use crate::images::Image;
use crate::kubelet::pod::blocking;
use crate::kubelet::pulling;

pub(super) struct ImageVolume;

impl VolumeKind for ImageVolume {
    fn is_of(&self, volume: &Volume) -> bool {
        volume.image.is_some()
    }

    fn set_up<'a>(&'a self, order: &'a Order<'a>) -> BoxFuture<'a, Result<Place, String>> {
        set_up(order).boxed()
    }
}

async fn set_up(order: &Order<'_>) -> Result<Place, String> {
    let root = order.directory.clone();
    let place = Place { root: root.clone(), below: PathBuf::new(), read_only: true, meter: None };
    if root.is_dir() {
        return Ok(place);
    }
    let source = order.volume.image.clone().unwrap_or_default();
    let (name, policy) = (source.reference.unwrap_or_default(), source.pull_policy);
    let image = pulling::obtain(order.kubelet, order.pod, &name, policy.as_deref()).await?;
    let nested = nested_mount_points(order.pod, &order.volume.name);
    let laid_out = blocking(move || lay_out(&image, &root, nested.iter().map(PathBuf::from)));
    laid_out.await?.map_err(|error| format!("failed to lay out the files of image {name:?}: {error}"))?;
    Ok(place)
}

/// Lays the files out beside their place, so that they are there as a whole or not at all.
fn lay_out(image: &Image, root: &Path, nested: impl Iterator<Item = PathBuf>) -> io::Result<()> {
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    let making = root.with_file_name(format!("..{name}"));
    match fs::remove_dir_all(&making) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => make_directories(&making, nested)?,
    }
    image.lay_out(&making)?;
    fs::rename(&making, root)
}
