//! The images that a node says it has: `Images` in `pkg/kubelet/nodestatus/setters.go` of kubernetes/kubernetes.

use k8s_openapi::api::core::v1::ContainerImage;

/// As many images are told (`nodeStatusMaxImages`).
const MAX_IMAGES: usize = 50;
/// As many names of an image are told (`MaxNamesPerImageInNodeStatus`).
const MAX_NAMES: usize = 5;

/// The images as the node tells them: the largest first, and not all of them where there are many.
#[must_use]
pub fn node_list(mut images: Vec<ContainerImage>) -> Vec<ContainerImage> {
    images.sort_by(|left, right| {
        right.size_bytes.cmp(&left.size_bytes).then_with(|| left.names.cmp(&right.names))
    });
    images.truncate(MAX_IMAGES);
    for names in images.iter_mut().filter_map(|image| image.names.as_mut()) {
        names.truncate(MAX_NAMES);
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_images_should_be_told() {
        let image = |size_bytes: i64| ContainerImage {
            names: Some((0..7).map(|name| format!("{size_bytes}:{name}")).collect()),
            size_bytes: Some(size_bytes),
        };
        let told = node_list((0..60).map(image).collect());
        let sizes: Vec<_> = told.iter().filter_map(|image| image.size_bytes).collect();
        assert_eq!(sizes, (10..60).rev().collect::<Vec<_>>());
        assert!(told.iter().all(|image| image.names.as_ref().is_some_and(|names| names.len() == 5)));
    }
}
