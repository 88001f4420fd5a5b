//! Volumes whose files are objects of the API: `configMap`, `secret`, `downwardAPI` and `projected`. What
//! they hold is decided in `shared::kubelet::volume`; containers cannot write to them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Volume;
use shared::kubelet::volume::{self, nested_mount_points};

use super::{Order, Place, VolumeKind, atomic_writer};
use crate::kubelet::pod::blocking;

pub(super) struct Payload;

impl VolumeKind for Payload {
    fn is_of(&self, volume: &Volume) -> bool {
        volume::is_made_of_objects(volume)
    }

    fn set_up<'a>(&'a self, order: &'a Order<'a>) -> BoxFuture<'a, Result<Place, String>> {
        set_up(order).boxed()
    }
}

async fn set_up(order: &Order<'_>) -> Result<Place, String> {
    let files = volume::files(order.pod, order.volume, order.view)?;
    let number = order.kubelet.client.server().entropy().next_u64();
    let (root, now) = (order.directory.clone(), order.kubelet.now());
    let nested = nested_mount_points(order.pod, &order.volume.name);
    let written = blocking(move || {
        make_directories(&root, nested.iter().map(PathBuf::from))?;
        atomic_writer::write(&root, &files, now, number)
    });
    written.await?.map_err(|error| error.to_string())?;
    Ok(Place { root: order.directory.clone(), below: PathBuf::new(), read_only: true, meter: None })
}

/// Makes a volume's directory, and those in it that others are mounted upon.
pub(super) fn make_directories(root: &Path, inner: impl Iterator<Item = PathBuf>) -> io::Result<()> {
    fs::create_dir_all(root)?;
    for path in inner {
        fs::create_dir_all(root.join(path))?;
    }
    Ok(())
}
