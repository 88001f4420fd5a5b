//! Blobs: read them, also in parts; push them at once, in pieces, or by a mount of another repository's.

use std::collections::BTreeMap;
use std::io::SeekFrom;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use axum::http::{HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use rand::Rng as _;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::error::{RegistryError, Result};
use super::{Asked, Registry, checked_digest};
use crate::images::content::{Digest, Ingest};
use crate::images::pull::IMAGE_BYTES;

/// As many uploads may be open.
const MAX_UPLOADS: usize = 100;
/// An upload that nobody goes on with is forgotten.
const UPLOAD_LIMIT: Duration = Duration::from_secs(3600);

/// The header with the digest of what is answered.
pub(super) const DIGEST: &str = "docker-content-digest";

/// A blob on its way.
pub(super) struct Upload {
    name: String,
    /// Absent while a request writes.
    ingest: Option<Ingest>,
    touched: Instant,
}

impl Asked {
    /// `/v2/NAME/blobs/DIGEST`.
    pub(super) async fn blob(self, digest: &str) -> Result<Response> {
        let digest = checked_digest(digest)?;
        let repository = self.registry.shared.repositories.get(&self.name);
        let repository = repository.ok_or_else(|| RegistryError::name_unknown(&self.name))?;
        if !repository.blobs.contains(digest.as_str()) {
            return Err(RegistryError::blob_unknown(digest.as_str()));
        }
        match self.method {
            Method::GET | Method::HEAD => self.read_blob(&digest).await,
            Method::DELETE => {
                self.registry
                    .shared
                    .repositories
                    .change(&self.name, |found| found.blobs.remove(digest.as_str()))?;
                Ok(StatusCode::ACCEPTED.into_response())
            }
            _ => Err(RegistryError::unsupported()),
        }
    }

    async fn read_blob(self, digest: &Digest) -> Result<Response> {
        let mut file = tokio::fs::File::open(self.registry.store().content.path(digest))
            .await
            .map_err(|_| RegistryError::blob_unknown(digest.as_str()))?;
        let length = file.metadata().await?.len();
        let range = self.request.headers().get(RANGE).and_then(|range| range.to_str().ok());
        let range = range.and_then(|range| part(range, length));
        let mut answer = Response::builder()
            .header(DIGEST, digest.as_str())
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(ACCEPT_RANGES, "bytes");
        let (start, end) = match range {
            None => (0, length),
            Some(Err(Unsatisfiable)) => {
                let refused = RegistryError::range_invalid(format!("the blob has {length} bytes"));
                let told = [(CONTENT_RANGE, format!("bytes */{length}"))];
                return Ok((told, refused).into_response());
            }
            Some(Ok((start, end))) => {
                let told = format!("bytes {start}-{}/{length}", end - 1);
                answer = answer.status(StatusCode::PARTIAL_CONTENT).header(CONTENT_RANGE, told);
                (start, end)
            }
        };
        file.seek(SeekFrom::Start(start)).await?;
        let body = Body::from_stream(ReaderStream::new(file.take(end - start)));
        answer
            .header(CONTENT_LENGTH, end - start)
            .body(body)
            .map_err(|error| std::io::Error::other(error).into())
    }

    /// `/v2/NAME/blobs/uploads/` and `/v2/NAME/blobs/uploads/ID`.
    pub(super) async fn upload(self, id: &str) -> Result<Response> {
        match (self.method.clone(), id.is_empty()) {
            (Method::POST, true) => self.begin().await,
            (Method::PATCH, false) => self.add(id).await,
            (Method::PUT, false) => self.finish(id).await,
            (Method::GET, false) => self.registry.progress(id, &self.name),
            (Method::DELETE, false) => self.registry.forget(id, &self.name),
            _ => Err(RegistryError::unsupported()),
        }
    }

    async fn begin(mut self) -> Result<Response> {
        if let Some(digest) = self.query.get("mount") {
            let digest = checked_digest(digest)?;
            if self.mount(&digest)? {
                return Ok(created(&self.name, &digest));
            }
        }
        let mut ingest = self.registry.store().content.begin().await?;
        if let Some(digest) = self.query.get("digest") {
            let digest = checked_digest(digest)?;
            receive(&mut self.request, &mut ingest).await?;
            return self.registry.keep(&self.name, ingest, &digest).await;
        }
        let id = format!("{:032x}", rand::rng().random::<u128>());
        let mut uploads = self.registry.uploads();
        uploads.retain(|_, upload| upload.ingest.is_none() || upload.touched.elapsed() < UPLOAD_LIMIT);
        if uploads.len() >= MAX_UPLOADS {
            return Err(RegistryError::too_many(format!("{MAX_UPLOADS} uploads are open already")));
        }
        let upload = Upload { name: self.name.clone(), ingest: Some(ingest), touched: Instant::now() };
        uploads.insert(id.clone(), upload);
        Ok(under_way(StatusCode::ACCEPTED, &self.name, &id, 0))
    }

    /// Takes a blob over from another repository, if one has it: from the one that is named, or from any.
    fn mount(&self, digest: &Digest) -> Result<bool> {
        let repositories = &self.registry.shared.repositories;
        let has =
            |name: &String| repositories.get(name).is_some_and(|found| found.blobs.contains(digest.as_str()));
        let found = match self.query.get("from") {
            Some(from) => has(from),
            None => repositories.names().iter().any(has),
        };
        if found {
            repositories.change(&self.name, |own| own.blobs.insert(digest.to_string()))?;
        }
        Ok(found)
    }

    async fn add(mut self, id: &str) -> Result<Response> {
        let (mut ingest, claim) = self.registry.take(id, &self.name)?;
        let added = self.add_to(&mut ingest).await;
        let length = ingest.length();
        claim.give_back(ingest);
        added.map(|()| under_way(StatusCode::ACCEPTED, &self.name, id, length))
    }

    /// Adds the request's body where it says it belongs.
    async fn add_to(&mut self, ingest: &mut Ingest) -> Result<()> {
        self.check_chunk(ingest.length())?;
        receive(&mut self.request, ingest).await
    }

    /// Whether a chunk that says where it belongs follows what is here.
    fn check_chunk(&self, here: u64) -> Result<()> {
        let text = |name: HeaderName| self.request.headers().get(name)?.to_str().ok();
        if let Some(range) = text(CONTENT_RANGE) {
            let (start, end) = chunk(range)
                .filter(|(start, _)| *start == here)
                .ok_or_else(|| RegistryError::range_invalid(format!("the next byte is number {here}")))?;
            let length = text(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
            if length.is_some_and(|length| end.checked_sub(start) != length.checked_sub(1)) {
                let told = format!("the range {range} and the length of the content differ");
                return Err(RegistryError::length_invalid(told));
            }
        }
        Ok(())
    }

    async fn finish(mut self, id: &str) -> Result<Response> {
        let digest =
            self.query.get("digest").ok_or_else(|| RegistryError::digest_invalid("the digest is missing"))?;
        let digest = checked_digest(digest)?;
        let (mut ingest, claim) = self.registry.take(id, &self.name)?;
        if let Err(error) = self.add_to(&mut ingest).await {
            claim.give_back(ingest);
            return Err(error);
        }
        drop(claim);
        self.registry.keep(&self.name, ingest, &digest).await
    }
}

/// The right to write to an upload, which one request at a time has. Where it ends without the content being given
/// back the upload is gone: so it is when a request is given up while it writes, of which nobody knows how much
/// came.
struct Claim {
    registry: Registry,
    id: String,
}

impl Claim {
    /// Lets others go on with the upload.
    fn give_back(self, ingest: Ingest) {
        if let Some(upload) = self.registry.uploads().get_mut(&self.id) {
            upload.ingest = Some(ingest);
            upload.touched = Instant::now();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut uploads = self.registry.uploads();
        if uploads.get(&self.id).is_some_and(|upload| upload.ingest.is_none()) {
            uploads.remove(&self.id);
        }
    }
}

impl Registry {
    fn uploads(&self) -> MutexGuard<'_, BTreeMap<String, Upload>> {
        self.shared.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an upload to write to it.
    fn take(&self, id: &str, name: &str) -> Result<(Ingest, Claim)> {
        let mut uploads = self.uploads();
        let upload = uploads.get_mut(id).filter(|upload| upload.name == name);
        let upload = upload.ok_or_else(|| RegistryError::upload_unknown(id))?;
        let ingest = upload
            .ingest
            .take()
            .ok_or_else(|| RegistryError::upload_invalid("another request writes to this upload"))?;
        Ok((ingest, Claim { registry: self.clone(), id: id.to_owned() }))
    }

    fn progress(&self, id: &str, name: &str) -> Result<Response> {
        let (ingest, claim) = self.take(id, name)?;
        let length = ingest.length();
        claim.give_back(ingest);
        Ok(under_way(StatusCode::NO_CONTENT, name, id, length))
    }

    fn forget(&self, id: &str, name: &str) -> Result<Response> {
        self.take(id, name).map(|_| StatusCode::NO_CONTENT.into_response())
    }

    pub(super) async fn keep(&self, name: &str, ingest: Ingest, digest: &Digest) -> Result<Response> {
        self.store().content.keep(ingest, digest).await?;
        self.shared.repositories.change(name, |own| own.blobs.insert(digest.to_string()))?;
        Ok(created(name, digest))
    }
}

/// Writes a request's body.
pub(super) async fn receive(request: &mut axum::extract::Request, ingest: &mut Ingest) -> Result<()> {
    while let Some(frame) = request.body_mut().frame().await {
        let frame = frame.map_err(|error| RegistryError::upload_invalid(error.to_string()))?;
        if let Ok(data) = frame.into_data() {
            if ingest.length() + data.len() as u64 > IMAGE_BYTES {
                return Err(RegistryError::size_invalid(IMAGE_BYTES));
            }
            ingest.write(&data).await?;
        }
    }
    Ok(())
}

fn created(name: &str, digest: &Digest) -> Response {
    let location = format!("/v2/{name}/blobs/{digest}");
    (StatusCode::CREATED, [(LOCATION.as_str(), location), (DIGEST, digest.to_string())]).into_response()
}

fn under_way(status: StatusCode, name: &str, id: &str, length: u64) -> Response {
    let location = format!("/v2/{name}/blobs/uploads/{id}");
    let range = format!("0-{}", length.saturating_sub(1));
    let headers =
        [(LOCATION.as_str(), location), (RANGE.as_str(), range), ("docker-upload-uuid", id.to_owned())];
    (status, headers).into_response()
}

/// First and last byte of a chunk, `0-99`; some clients write it as HTTP does, `bytes 0-99/*`.
fn chunk(range: &str) -> Option<(u64, u64)> {
    let range = range.trim_start_matches("bytes ").split('/').next()?;
    let (start, end) = range.split_once('-')?;
    Some((start.parse().ok()?, end.parse().ok()?))
}

/// Nothing of what is there was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Unsatisfiable;

/// Beginning and end of `bytes=0-99`, `bytes=100-` or `bytes=-100` in something of this length. Many ranges at once,
/// and what is no range, are as if nothing had been said
/// ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-14.2)).
fn part(range: &str, length: u64) -> Option<Result<(u64, u64), Unsatisfiable>> {
    let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let (start, end) = match (start, end) {
        ("", suffix) => (length.saturating_sub(number(suffix)?), length),
        (start, "") => (number(start)?, length),
        (start, end) => {
            let (start, end) = (number(start)?, number(end)?);
            (start <= end).then_some((start, end.saturating_add(1).min(length)))?
        }
    };
    Some(if start < end { Ok((start, end)) } else { Err(Unsatisfiable) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_blob_should_be_read_as_http_names_them() {
        let cases = [
            ("bytes=0-0", Some(Ok((0, 1)))),
            ("bytes=2-", Some(Ok((2, 10)))),
            ("bytes=-3", Some(Ok((7, 10)))),
            ("bytes=-99", Some(Ok((0, 10)))),
            ("bytes=0-99", Some(Ok((0, 10)))),
            ("bytes=0-99999999999999999999", Some(Ok((0, 10)))),
            ("bytes=10-", Some(Err(Unsatisfiable))),
            ("bytes=-0", Some(Err(Unsatisfiable))),
            ("bytes=5-4", None),
            ("bytes=x", None),
            ("bytes=+1-2", None),
            ("bytes=0-1,3-4", None),
            ("lines=0-1", None),
        ];
        for (range, expected) in cases {
            assert_eq!(part(range, 10), expected, "{range}");
        }
    }
}
