//! `ImageLocality`: a node that has the pod's images need not pull them.
//!
//! Follows upstream's `pkg/scheduler/framework/plugins/imagelocality/image_locality.go`.

use k8s_openapi::api::core::v1::Pod;

use crate::scheduler::framework::{Cycle, MAX_NODE_SCORE, Plugin};
use crate::scheduler::snapshot::NodeInfo;

const MEBIBYTE: i64 = 1024 * 1024;
/// Below this sum, in bytes, images do not count.
const MIN_THRESHOLD_BYTES: i64 = 23 * MEBIBYTE;
/// Above this sum, in bytes for each image, more does not count.
const MAX_IMAGE_THRESHOLD_BYTES: i64 = 1000 * MEBIBYTE;

/// Scores a node by the size of the pod's images that lie on it, each scaled by the part of the
/// nodes that have it, so that one node with an image does not attract all its pods.
pub(crate) struct ImageLocality;

fn images(pod: &Pod) -> Vec<&str> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    let volumes = spec.volumes.iter().flatten().filter_map(|volume| volume.image.as_ref());
    let of_containers = containers.map(|container| container.image.as_deref().unwrap_or_default());
    of_containers.chain(volumes.map(|volume| volume.reference.as_deref().unwrap_or_default())).collect()
}

/// The name with the tag that it implies.
fn with_tag(image: &str) -> String {
    let colon_after_slash =
        image.rfind(':').map_or(-1, |at| at as i64) > image.rfind('/').map_or(-1, |at| at as i64);
    if colon_after_slash { image.to_owned() } else { format!("{image}:latest") }
}

impl Plugin for ImageLocality {
    fn name(&self) -> &'static str {
        "ImageLocality"
    }

    fn pre_score(&self, _cycle: &Cycle, _nodes: &[&NodeInfo]) -> bool {
        true
    }

    fn score(&self, cycle: &Cycle, node: &NodeInfo) -> i64 {
        let images = images(cycle.pod);
        let all_nodes = cycle.snapshot.nodes().len() as f64;
        let scaled = |image: &&str| {
            let name = with_tag(image);
            let spread = cycle.snapshot.image_nodes(&name) as f64 / all_nodes;
            node.images.get(&name).map(|bytes| (*bytes as f64 * spread) as i64)
        };
        let sum: i64 = images.iter().filter_map(scaled).sum();
        let most = (MAX_IMAGE_THRESHOLD_BYTES * images.len() as i64).max(MIN_THRESHOLD_BYTES + 1);
        MAX_NODE_SCORE * (sum.clamp(MIN_THRESHOLD_BYTES, most) - MIN_THRESHOLD_BYTES)
            / (most - MIN_THRESHOLD_BYTES)
    }
}
