//! When an image is to be pulled: always if its tag may move, else if it is not there.
//!
//! Follows kubernetes `pkg/util/parsers/parsers.go` (`ParseImageName`) and `pkg/apis/core/v1/defaults.go`.

/// The pull policy of an image for which none was given.
pub(super) fn pull_policy(image: &str) -> &'static str {
    if tag(image) == Some("latest") { "Always" } else { "IfNotPresent" }
}

/// An image's tag: `latest` where neither tag nor digest is given; none for a digest or a malformed name.
fn tag(image: &str) -> Option<&str> {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let (path_end, tag) = match name[last..].split_once(':') {
        Some((stem, tag)) => (last + stem.len(), Some(tag)),
        None => (name.len(), None),
    };
    if !is_repository(&name[..path_end]) {
        return None;
    }
    tag.or(if digest.is_none() { Some("latest") } else { None })
}

/// Whether the name could be a repository; the registry's host may have upper case, the path may not.
fn is_repository(name: &str) -> bool {
    let path = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => path,
        _ => name,
    };
    let valid =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-' | b'/');
    !path.is_empty() && path.bytes().all(valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_whose_tag_may_move_should_be_pulled_always() {
        for (image, expected) in [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("localhost:5000/nginx", "Always"),
            ("Registry.Example.com/a/b", "Always"),
            ("nginx:1.27", "IfNotPresent"),
            ("localhost:5000/nginx:1", "IfNotPresent"),
            ("nginx@sha256:abc", "IfNotPresent"),
            ("nginx:latest@sha256:abc", "Always"),
            ("Nginx", "IfNotPresent"),
            ("", "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(image), expected, "{image}");
        }
    }
}
