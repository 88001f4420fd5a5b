//! Whether an image is pulled, and what is said of it: `pkg/kubelet/images/image_manager.go` of
//! kubernetes/kubernetes.

use std::time::Duration;

use crate::kubelet::action::PullError;

/// What to do about the image of a container.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Take the one that is on the node.
    Use,
    /// Ask the registry.
    Pull,
    /// Look whether the pod's Secrets open the one that is on the node.
    Verify,
    /// It is not on the node and may not be fetched.
    Refuse(PullError),
}

/// What a node has of the image of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nothing.
    Absent,
    /// The image, for pods with certain Secrets.
    Guarded,
    /// The image, and the pod's Secrets do not open it.
    Withheld,
    /// The image, for this pod.
    Accessible,
}

/// Decides by the container's `imagePullPolicy`. What a pod may not use is to it as if it was not there.
#[must_use]
pub fn decide(image: &str, policy: Option<&str>, presence: Presence) -> Decision {
    match (policy, presence) {
        (Some("Always"), _) => Decision::Pull,
        (_, Presence::Accessible) => Decision::Use,
        (_, Presence::Guarded) => Decision::Verify,
        (Some("Never"), Presence::Absent | Presence::Withheld) => {
            let message = format!("Container image {image:?} is not present with pull policy of Never");
            Decision::Refuse(PullError { reason: "ErrImageNeverPull", message })
        }
        (_, Presence::Absent | Presence::Withheld) => Decision::Pull,
    }
}

/// Of an image that need not be fetched.
#[must_use]
pub fn present(image: &str) -> String {
    format!("Container image {image:?} already present on machine and can be accessed by the pod")
}

/// Of an image that is about to be fetched.
#[must_use]
pub fn pulling(image: &str) -> String {
    format!("Pulling image {image:?}")
}

/// Of an image that was fetched.
#[must_use]
pub fn pulled(image: &str, took: Duration, with_waiting: Duration, size_bytes: u64) -> String {
    format!(
        "Successfully pulled image {image:?} in {} ({} including waiting). Image size: {size_bytes} bytes.",
        in_words(took),
        in_words(with_waiting)
    )
}

/// Of an image that is being fetched for a long time already.
#[must_use]
pub fn progress(image: &str, done_bytes: u64, total_bytes: u64) -> String {
    let megabytes = |bytes: u64| format!("{}.{}", bytes / 1_000_000, bytes % 1_000_000 / 100_000);
    format!("{}: {} of {} MB", pulling(image), megabytes(done_bytes), megabytes(total_bytes))
}

/// A duration to the millisecond, as Go prints it: `12ms`, `1.2s`, `1m3.45s`.
fn in_words(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    if milliseconds < 1000 {
        return if milliseconds == 0 { "0s".to_owned() } else { format!("{milliseconds}ms") };
    }
    let (minutes, rest) = (milliseconds / 60_000, milliseconds % 60_000);
    let fraction = format!(".{:03}", rest % 1000);
    let seconds = format!("{}{}s", rest / 1000, fraction.trim_end_matches('0').trim_end_matches('.'));
    match (minutes / 60, minutes % 60) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_and_presence_should_decide() {
        use Presence::{Absent, Accessible, Guarded, Withheld};
        let refused = "Container image \"app\" is not present with pull policy of Never";
        let cases = [
            ("Always", Accessible, "pull"),
            ("Always", Guarded, "pull"),
            ("Always", Absent, "pull"),
            ("IfNotPresent", Accessible, "use"),
            ("IfNotPresent", Guarded, "verify"),
            ("IfNotPresent", Withheld, "pull"),
            ("IfNotPresent", Absent, "pull"),
            ("Never", Accessible, "use"),
            ("Never", Guarded, "verify"),
            ("Never", Withheld, refused),
            ("Never", Absent, refused),
        ];
        for (policy, presence, expected) in cases {
            let said = match decide("app", Some(policy), presence) {
                Decision::Use => "use".to_owned(),
                Decision::Pull => "pull".to_owned(),
                Decision::Verify => "verify".to_owned(),
                Decision::Refuse(error) => error.message,
            };
            assert_eq!(said, expected, "{policy} {presence:?}");
        }
    }

    #[test]
    fn durations_should_be_written_as_go_writes_them() {
        let cases = [
            (0, "0s"),
            (7, "7ms"),
            (999, "999ms"),
            (1000, "1s"),
            (1200, "1.2s"),
            (61_045, "1m1.045s"),
            (60_000, "1m0s"),
            (3_600_500, "1h0m0.5s"),
        ];
        for (milliseconds, expected) in cases {
            assert_eq!(in_words(Duration::from_millis(milliseconds)), expected);
        }
    }

    #[test]
    fn progress_should_be_said_in_megabytes() {
        assert_eq!(progress("a", 12_550_000, 80_000_000), "Pulling image \"a\": 12.5 of 80.0 MB");
    }
}
