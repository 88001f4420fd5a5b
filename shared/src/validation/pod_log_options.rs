//! What of a pod's log can be asked for.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`ValidatePodLogOptions`).

use super::field::{ErrorList, Path};

/// Those of upstream's `PodLogOptions` that can be wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodLogOptions<'a> {
    /// The last lines, so many of them.
    pub tail_lines: Option<i64>,
    /// The most bytes to answer.
    pub limit_bytes: Option<i64>,
    /// Only what is newer than so many seconds.
    pub since_seconds: Option<i64>,
    /// Only what was written after this time.
    pub since_time: Option<&'a str>,
    /// Only what came from this stream.
    pub stream: Option<&'a str>,
}

const NOT_NEGATIVE: &str = "must be greater than or equal to 0";
const POSITIVE: &str = "must be greater than 0";

/// What is wrong with the options.
pub fn validate_pod_log_options(options: &PodLogOptions<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(lines) = options.tail_lines.filter(|lines| *lines < 0) {
        errors.invalid(&Path::root("tailLines"), lines, NOT_NEGATIVE);
    }
    if let Some(bytes) = options.limit_bytes.filter(|bytes| *bytes < 1) {
        errors.invalid(&Path::root("limitBytes"), bytes, POSITIVE);
    }
    match (options.since_seconds, options.since_time) {
        (Some(_), Some(_)) => {
            errors.forbidden(&Path::root(""), "at most one of `sinceTime` or `sinceSeconds` may be specified")
        }
        (Some(seconds), None) if seconds < 1 => {
            errors.invalid(&Path::root("sinceSeconds"), seconds, POSITIVE);
        }
        _ => {}
    }
    if let Some(stream) = options.stream {
        errors.one_of(&Path::root("stream"), stream, &["All", "Stderr", "Stdout"]);
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_should_be_refused_in_upstreams_words() {
        let none = PodLogOptions::default;
        let time = Some("2026-01-01T00:00:00Z");
        let cases = [
            (none(), ""),
            (PodLogOptions { tail_lines: Some(0), limit_bytes: Some(1), ..none() }, ""),
            (PodLogOptions { since_time: time, stream: Some("Stdout"), ..none() }, ""),
            (
                PodLogOptions { tail_lines: Some(-1), ..none() },
                "tailLines: Invalid value: -1: must be greater than or equal to 0",
            ),
            (
                PodLogOptions { limit_bytes: Some(0), ..none() },
                "limitBytes: Invalid value: 0: must be greater than 0",
            ),
            (
                PodLogOptions { since_seconds: Some(0), ..none() },
                "sinceSeconds: Invalid value: 0: must be greater than 0",
            ),
            (
                PodLogOptions { since_seconds: Some(5), since_time: time, ..none() },
                "[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
            ),
            (
                PodLogOptions { stream: Some("Stdin"), ..none() },
                "stream: Unsupported value: \"Stdin\": supported values: \"All\", \"Stderr\", \"Stdout\"",
            ),
        ];
        for (options, expected) in cases {
            let errors = validate_pod_log_options(&options);
            let text = if errors.is_empty() { String::new() } else { errors.to_string() };
            assert_eq!(text, expected, "{options:?}");
        }
    }
}
