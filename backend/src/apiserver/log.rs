//! `pods/log`: a container's output, from the kubelet of the pod's node.
//!
//! Follows `pkg/registry/core/pod/strategy.go` (`LogLocation`) upstream.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Status, StatusDetails};
use shared::api::scheme::Verb;
use shared::api::status;
use shared::apiserver::request_info::ResourcePath;
use shared::apiserver::stream_location;
use shared::validation::field::ErrorList;
use shared::validation::pod_log_options::{PodLogOptions as Asked, validate_pod_log_options};

use crate::kubelet::PodLogOptions;
use crate::runtime::logs::{LogOptions, Source};

use super::connect;
use super::query::Query;
use super::reply::{self, Failure};
use super::resource::Asking;

/// `GET …/pods/NAME/log`.
pub(super) async fn handle(
    asking: &Asking<'_>,
    place: &ResourcePath<'_>,
    parts: Parts,
) -> Result<Response, Failure> {
    let method = parts.method;
    if method != Method::GET {
        return Err(status::method_not_supported(place.kind.group_resource(), method.as_str()).into());
    }
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let pod = connect::pod(asking, place, place.name, Verb::Get).await?;
    let container = stream_location::container(&pod, query.get("container"))?;
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let options = options(&query, name, asking.context.server.clock().now())?;
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
    if node.is_empty() {
        // Upstream answers with an empty log while a pod has no node.
        return Ok(reply::bytes(StatusCode::OK, "text/plain", Body::empty()));
    }
    let Some(kubelet) = asking.context.nodes.get(node) else {
        return Err(status::internal(format!("Get containerLogs: node {node:?} is not reachable")).into());
    };
    let lines = kubelet.container_logs(&pod, &container, options).await?;
    Ok(reply::bytes(StatusCode::OK, "text/plain", Body::from_stream(lines)))
}

fn options(query: &Query, pod: &str, now: Timestamp) -> Result<PodLogOptions, Box<Status>> {
    let (tail, bytes) = (query.number("tailLines")?, query.number("limitBytes")?);
    let (seconds, time) = (query.number("sinceSeconds")?, query.get("sinceTime"));
    let stream = query.get("stream");
    let asked =
        Asked { tail_lines: tail, limit_bytes: bytes, since_seconds: seconds, since_time: time, stream };
    let errors = validate_pod_log_options(&asked);
    if !errors.is_empty() {
        return Err(invalid(pod, &errors));
    }
    let since_seconds = seconds.and_then(|seconds| now.checked_sub(SignedDuration::from_secs(seconds)).ok());
    let log = LogOptions {
        timestamps: query.flag("timestamps").unwrap_or(false),
        since: time.map(timestamp).transpose()?.or(since_seconds),
        tail: tail.and_then(|lines| u64::try_from(lines).ok()),
        limit_bytes: bytes.and_then(|bytes| u64::try_from(bytes).ok()),
        source: stream.and_then(source),
    };
    let follow = query.flag("follow").unwrap_or(false);
    Ok(PodLogOptions { log, follow, previous: query.flag("previous").unwrap_or(false) })
}

fn invalid(pod: &str, errors: &ErrorList) -> Box<Status> {
    let mut status = status::bad_request(format!("PodLogOptions {pod:?} is invalid: {errors}"));
    (status.code, status.reason) = (Some(422), Some("Invalid".into()));
    status.details = Some(StatusDetails {
        name: Some(pod.to_owned()),
        kind: Some("PodLogOptions".into()),
        causes: Some(errors.to_causes()),
        ..StatusDetails::default()
    });
    Box::new(status)
}

fn timestamp(text: &str) -> Result<Timestamp, Box<Status>> {
    text.parse().map_err(|error| Box::new(status::bad_request(format!("sinceTime {text:?}: {error}"))))
}

/// Which of the two output streams is wanted; `None` for both.
fn source(stream: &str) -> Option<Source> {
    match stream {
        "Stdout" => Some(Source::Stdout),
        "Stderr" => Some(Source::Stderr),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<PodLogOptions, Box<Status>> {
        options(&Query::parse(query), "web", Timestamp::from_second(100).unwrap())
    }

    #[test]
    fn query_should_become_options_or_say_what_is_wrong() {
        let found = read("tailLines=0&limitBytes=9&sinceSeconds=40&stream=Stderr").unwrap().log;
        assert_eq!((found.tail, found.limit_bytes), (Some(0), Some(9)));
        assert_eq!(found.since, Timestamp::from_second(60).ok());
        assert_eq!(found.source, Some(Source::Stderr));
        let refused = read("limitBytes=0").unwrap_err();
        assert_eq!(refused.code, Some(422));
        assert_eq!(
            refused.message.as_deref(),
            Some("PodLogOptions \"web\" is invalid: limitBytes: Invalid value: 0: must be greater than 0")
        );
        assert_eq!(read("sinceTime=2026-01-01T00:00:00Z&sinceSeconds=1").unwrap_err().code, Some(422));
    }
}
