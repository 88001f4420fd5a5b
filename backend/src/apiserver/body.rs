//! The body of a request: read whole, within a limit.

use axum::body::{Body, Bytes};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use shared::api::status;

/// The largest body that is read, in bytes, as upstream's `MaxRequestBodyBytes`.
const LIMIT: usize = 3 * 1024 * 1024;

/// The whole body; 413 where it is too large.
pub(super) async fn read(body: Body) -> Result<Bytes, Box<Status>> {
    axum::body::to_bytes(body, LIMIT).await.map_err(|error| {
        let too_large = std::error::Error::source(&error)
            .is_some_and(|source| source.is::<http_body_util::LengthLimitError>());
        Box::new(match too_large {
            true => status::request_entity_too_large(&format!("limit is {LIMIT}")),
            false => status::bad_request(format!("the body could not be read: {error}")),
        })
    })
}
