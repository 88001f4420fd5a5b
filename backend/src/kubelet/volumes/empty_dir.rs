//! `emptyDir`: a directory that is as old as its pod (`pkg/volume/emptydir/empty_dir.go` of
//! kubernetes/kubernetes).

use std::io;
use std::path::PathBuf;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Volume;
use shared::kubelet::volume::memory_bytes;

use super::payload::make_directories;
use super::{Order, Place, VolumeKind};
use crate::kubelet::pod::blocking;
use crate::runtime::Medium;

pub(super) struct EmptyDir;

impl VolumeKind for EmptyDir {
    fn is_of(&self, volume: &Volume) -> bool {
        volume.empty_dir.is_some()
    }

    fn set_up<'a>(&'a self, order: &'a Order<'a>) -> BoxFuture<'a, Result<Place, String>> {
        let root = order.directory.clone();
        let size = memory_bytes(order.pod, order.volume, &order.kubelet.allocatable());
        let (file_systems, disk) = (order.kubelet.file_systems.clone(), order.kubelet.disk.clone());
        async move {
            let place = root.clone();
            let made = blocking(move || {
                make_directories(&place, std::iter::empty())?;
                Ok(size.map(|size| file_systems.mount(&place, size, Medium::Memory, &disk)))
            });
            let meter = made.await?.map_err(|error: io::Error| error.to_string())?;
            Ok(Place { root, below: PathBuf::new(), read_only: false, meter })
        }
        .boxed()
    }
}
