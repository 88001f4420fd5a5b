//! `persistentVolumeClaim` and `ephemeral`: the volume that a claim is bound to. It outlives the pod, as a part
//! of the node's own files.

use std::path::PathBuf;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::Resource;
use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Volume};
use shared::persistent_volume::mounting::{self, Source};
use shared::persistent_volume::{claim_name, volume_name};

use super::host_path::make_ready;
use super::{Order, Place, VolumeKind};
use crate::kubelet::pod::blocking;
use crate::runtime::Medium;

pub(super) struct Claim;

impl VolumeKind for Claim {
    fn is_of(&self, volume: &Volume) -> bool {
        volume.persistent_volume_claim.is_some() || volume.ephemeral.is_some()
    }

    fn set_up<'a>(&'a self, order: &'a Order<'a>) -> BoxFuture<'a, Result<Place, String>> {
        set_up(order).boxed()
    }
}

async fn set_up(order: &Order<'_>) -> Result<Place, String> {
    let namespace = order.pod.metadata.namespace.clone().unwrap_or_default();
    let name = claim_name(order.pod, order.volume).unwrap_or_default();
    let wrong = |why: String| format!("error processing PVC {namespace}/{name}: {why}");
    let claim = fetch::<PersistentVolumeClaim>(order, &namespace, &name)
        .await
        .map_err(|why| wrong(format!("failed to fetch PVC from API server: {why}")))?;
    mounting::check_claim(order.pod, order.volume, &claim).map_err(wrong)?;
    let bound = volume_name(&claim);
    let volume = fetch::<PersistentVolume>(order, "", bound)
        .await
        .map_err(|why| wrong(format!("failed to fetch PV {bound} from API server: {why}")))?;
    let node = fetch::<Node>(order, "", order.kubelet.name()).await?;
    let source = mounting::source(&claim, &volume, &node)?;
    let own = order.volume.persistent_volume_claim.as_ref();
    let read_only = own.is_some_and(|own| own.read_only == Some(true));
    mount(order, source, read_only).await
}

async fn fetch<K>(order: &Order<'_>, namespace: &str, name: &str) -> Result<K, String>
where
    K: Resource + Clone + 'static,
{
    let found = order.kubelet.client.get::<K>(namespace, name).await;
    let object = found.map_err(|status| status.message.unwrap_or_default())?;
    object.downcast_ref::<K>().cloned().ok_or_else(|| format!("{name:?} is of another kind"))
}

/// The path among the node's files, once what must be there is.
async fn mount(order: &Order<'_>, source: Source, read_only: bool) -> Result<Place, String> {
    let root = order.kubelet.directory.clone();
    let below = PathBuf::from(source.path.trim_matches('/'));
    let (node, path) = (root.clone(), below.clone());
    let (file_systems, disk) = (order.kubelet.file_systems.clone(), order.kubelet.disk.clone());
    let ready = blocking(move || {
        make_ready(&node, &path, &source.path, &source.type_)?;
        let mount = |size| file_systems.mount(&node.join(&path), size, Medium::Disk, &disk);
        Ok::<_, String>(source.size_bytes.map(mount))
    });
    let meter = ready.await??;
    Ok(Place { root, below, read_only, meter })
}
