//! Makes room on the disk that holds images: `StartGarbageCollection` in `pkg/kubelet/kubelet.go` of
//! kubernetes/kubernetes. What goes is decided in `shared::images::collection`.

use std::collections::BTreeSet;
use std::sync::Arc;

use shared::images::collection::{Collection, FileSystem, PERIOD, Policy, collect};

use super::launch::Running;
use super::node::Kubelet;
use super::pod::blocking;
use super::registration::note;
use crate::machine;

/// Looks from time to time, for ever.
pub(super) async fn run(kubelet: Arc<Kubelet>) {
    loop {
        let next = kubelet.now().checked_add(PERIOD).unwrap_or(jiff::Timestamp::MAX);
        kubelet.clock.sleep_until(next).await;
        let directory = kubelet.directory.clone();
        let disk = blocking(move || machine::disk(&directory)).await.ok().flatten();
        if let Some(disk) = disk {
            make_room(&kubelet, disk).await;
        }
    }
}

/// Removes images if the disk is too full, and what nobody names in any case.
pub(super) async fn make_room(kubelet: &Arc<Kubelet>, disk: FileSystem) {
    let (used, own) = (used(kubelet), kubelet.clone());
    let outcome = blocking(move || {
        let records = own.images.stored.records(&used, own.now())?;
        let collection = collect(Policy::default(), disk, &records, own.now());
        for digest in &collection.remove {
            tracing::info!(node = own.name(), digest, "an image is removed to free disk space");
            own.images.stored.remove(digest)?;
        }
        own.images.service.sweep();
        Ok(collection)
    });
    let warning = match outcome.await {
        Ok(Ok(Collection { warning, .. })) => warning,
        Ok(Err(error)) => Some(("ImageGCFailed", std::io::Error::to_string(&error))),
        Err(error) => Some(("ImageGCFailed", error)),
    };
    if let Some((reason, message)) = warning {
        let note = note(kubelet, reason, message);
        kubelet.events.record(&shared::recorder::Note { type_: "Warning", ..note }).await;
    }
}

/// The digests of the images that containers are made of.
fn used(kubelet: &Kubelet) -> BTreeSet<String> {
    let running = kubelet.running.all();
    let digests = running.into_values().filter_map(|found| match found.running {
        Running::Guest(guest) => Some(guest.image.digest.clone()),
        Running::Component(_) => None,
    });
    digests.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::Reference;
    use crate::kubelet::Components;
    use crate::kubelet::testing::Node;

    #[tokio::test]
    async fn a_full_disk_should_lose_images_that_nobody_uses() {
        let node = Node::new(Components::default()).await;
        let images = &node.kubelet.images;
        let put = images.service.store().content.put(b"program").await.unwrap();
        let reference: Reference = "r.io/app:1".parse().unwrap();
        images
            .stored
            .add(&reference, crate::images::store::StoredImage::of_program(put.as_str(), 7))
            .unwrap();
        let disk = |available_bytes| FileSystem { capacity_bytes: 100, available_bytes };
        make_room(&node.kubelet, disk(50)).await;
        assert!(images.stored.find(&reference).is_some());
        make_room(&node.kubelet, disk(13)).await;
        assert!(images.stored.find(&reference).is_none());
    }
}
