//! `emptyDir`: a directory that is as old as its pod (`pkg/volume/emptydir/empty_dir.go` of
//! kubernetes/kubernetes).

use std::path::PathBuf;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Volume;

use super::payload::make_directories;
use super::{Order, Place, VolumeKind};
use crate::kubelet::pod::blocking;

pub(super) struct EmptyDir;

impl VolumeKind for EmptyDir {
    fn is_of(&self, volume: &Volume) -> bool {
        volume.empty_dir.is_some()
    }

    fn set_up<'a>(&'a self, order: &'a Order<'a>) -> BoxFuture<'a, Result<Place, String>> {
        let root = order.directory.clone();
        async move {
            let made = root.clone();
            let made = blocking(move || make_directories(&made, std::iter::empty())).await?;
            made.map_err(|error| error.to_string())?;
            Ok(Place { root, below: PathBuf::new(), read_only: false })
        }
        .boxed()
    }
}
