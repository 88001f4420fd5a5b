//! Which images go when the disk that holds them fills: `pkg/kubelet/images/image_gc_manager.go` of
//! kubernetes/kubernetes, with its defaults.

use jiff::{SignedDuration, Timestamp};

/// How often it is looked at (`ImageGCPeriod` in `pkg/kubelet/kubelet.go`).
pub const PERIOD: SignedDuration = SignedDuration::from_mins(5);

/// When images are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// From this usage of the disk on, in percent (`imageGCHighThresholdPercent`).
    pub high_percent: u64,
    /// As many as bring it down to this, in percent (`imageGCLowThresholdPercent`).
    pub low_percent: u64,
    /// None that is on the node for a shorter time (`imageMinimumGCAge`).
    pub min_age: SignedDuration,
}

impl Default for Policy {
    fn default() -> Self {
        Policy { high_percent: 85, low_percent: 80, min_age: SignedDuration::from_mins(2) }
    }
}

/// The disk that holds the images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// Its size.
    pub capacity_bytes: u64,
    /// What of it is free.
    pub available_bytes: u64,
}

/// An image of the node.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its digest.
    pub id: String,
    /// What its removal frees.
    pub size_bytes: u64,
    /// When it came.
    pub detected: Timestamp,
    /// When a container of it was last seen; `None` for never.
    pub last_used: Option<Timestamp>,
    /// Whether a container is made of it now.
    pub is_used: bool,
}

/// What to remove, and what the node says of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collection {
    /// The images, in order.
    pub remove: Vec<String>,
    /// Reason and message of a warning about the node.
    pub warning: Option<(&'static str, String)>,
}

/// Decides which images go now: those longest not used first.
#[must_use]
pub fn collect(policy: Policy, disk: FileSystem, images: &[Record], now: Timestamp) -> Collection {
    if disk.capacity_bytes == 0 {
        let message = "invalid capacity 0 on image filesystem".to_owned();
        return Collection { remove: Vec::new(), warning: Some(("InvalidDiskCapacity", message)) };
    }
    let available = u128::from(disk.available_bytes.min(disk.capacity_bytes));
    let capacity = u128::from(disk.capacity_bytes);
    let usage_percent = 100 - available * 100 / capacity;
    if usage_percent < u128::from(policy.high_percent) {
        return Collection::default();
    }
    let wanted = (capacity * u128::from(100 - policy.low_percent) / 100).saturating_sub(available);
    let (remove, freed) = oldest(policy, images, wanted, now);
    let warning = (freed < wanted).then(|| {
        let message = format!(
            "Insufficient free disk space on the node's image filesystem ({usage_percent}% of {}). Failed to free \
             sufficient space by deleting unused images (freed {freed} bytes). Investigate disk usage, as it could be \
             used by active images, logs, volumes, or other data.",
            in_words(capacity)
        );
        ("FreeDiskSpaceFailed", message)
    });
    Collection { remove, warning }
}

/// Images that may go, until as many bytes are free.
fn oldest(policy: Policy, images: &[Record], wanted: u128, now: Timestamp) -> (Vec<String>, u128) {
    let may_go = |image: &&Record| !image.is_used && now.duration_since(image.detected) >= policy.min_age;
    let mut candidates: Vec<&Record> = images.iter().filter(may_go).collect();
    candidates.sort_by_key(|image| (image.last_used, image.detected, &image.id));
    let (mut remove, mut freed) = (Vec::new(), 0);
    for image in candidates {
        if freed >= wanted {
            break;
        }
        freed += u128::from(image.size_bytes);
        remove.push(image.id.clone());
    }
    (remove, freed)
}

/// Bytes as upstream's `formatSize` writes them.
fn in_words(bytes: u128) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut size, mut unit) = (bytes as f64, 0);
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(minutes * 60).unwrap()
    }

    fn image(id: &str, detected: i64, last_used: Option<i64>, is_used: bool) -> Record {
        Record { id: id.into(), size_bytes: 5, detected: at(detected), last_used: last_used.map(at), is_used }
    }

    #[test]
    fn the_longest_unused_should_go_until_the_low_threshold() {
        let images = [
            image("new", 99, None, false),
            image("used", 1, None, true),
            image("late", 2, Some(90), false),
            image("early", 3, Some(50), false),
            image("never", 4, None, false),
        ];
        let cases: [(u64, &[&str], bool); 6] = [
            (16, &[], false),
            (15, &["never"], false),
            (10, &["never", "early"], false),
            (6, &["never", "early", "late"], false),
            (1, &["never", "early", "late"], true),
            (200, &[], false),
        ];
        for (available_bytes, expected, warns) in cases {
            let disk = FileSystem { capacity_bytes: 100, available_bytes };
            let found = collect(Policy::default(), disk, &images, at(100));
            assert_eq!(found.remove, expected, "{available_bytes}");
            assert_eq!(found.warning.is_some(), warns, "{available_bytes}");
        }
    }

    #[test]
    fn what_could_not_be_freed_should_be_said() {
        let disk = FileSystem { capacity_bytes: 10 << 30, available_bytes: 0 };
        let (reason, message) = collect(Policy::default(), disk, &[], at(0)).warning.unwrap();
        assert_eq!(reason, "FreeDiskSpaceFailed");
        assert!(
            message.starts_with(
                "Insufficient free disk space on the node's image filesystem (100% of 10.0 GiB)."
            )
        );
        let none = FileSystem { capacity_bytes: 0, available_bytes: 0 };
        assert_eq!(collect(Policy::default(), none, &[], at(0)).warning.unwrap().0, "InvalidDiskCapacity");
    }
}
