//! Blobs: read them, also in parts; push them at once, in pieces, or by a mount of another repository's.

use std::io::SeekFrom;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use axum::http::{Method, StatusCode};
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
        let range = range.and_then(|range| range.strip_prefix("bytes="));
        let mut answer = Response::builder()
            .header(DIGEST, digest.as_str())
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(ACCEPT_RANGES, "bytes");
        let (start, end) = match range {
            None => (0, length),
            Some(range) => {
                let (start, end) = part(range, length)
                    .ok_or_else(|| RegistryError::range_invalid(format!("the blob has {length} bytes")))?;
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
            (Method::GET, false) => self.registry.progress(id, &self.name).await,
            (Method::DELETE, false) => self.registry.forget(id, &self.name).await,
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
        let mut uploads = self.registry.shared.uploads.lock().await;
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
        let mut ingest = self.registry.take(id, &self.name).await?;
        let added = self.add_to(&mut ingest).await;
        let length = ingest.length();
        self.registry.put_back(id, ingest).await;
        added.map(|()| under_way(StatusCode::ACCEPTED, &self.name, id, length))
    }

    /// Adds the request's body where it says it belongs.
    async fn add_to(&mut self, ingest: &mut Ingest) -> Result<()> {
        let range = self.request.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        if let Some(range) = range {
            let start = range
                .trim_start_matches("bytes ")
                .split('-')
                .next()
                .and_then(|start| start.parse::<u64>().ok());
            if start != Some(ingest.length()) {
                return Err(RegistryError::range_invalid(format!(
                    "the next byte is number {}",
                    ingest.length()
                )));
            }
        }
        receive(&mut self.request, ingest).await
    }

    async fn finish(mut self, id: &str) -> Result<Response> {
        let digest =
            self.query.get("digest").ok_or_else(|| RegistryError::digest_invalid("the digest is missing"))?;
        let digest = checked_digest(digest)?;
        let mut ingest = self.registry.take(id, &self.name).await?;
        if let Err(error) = self.add_to(&mut ingest).await {
            self.registry.put_back(id, ingest).await;
            return Err(error);
        }
        self.registry.shared.uploads.lock().await.remove(id);
        self.registry.keep(&self.name, ingest, &digest).await
    }
}

impl Registry {
    /// Takes an upload to write to it: nobody else does meanwhile.
    async fn take(&self, id: &str, name: &str) -> Result<Ingest> {
        let mut uploads = self.shared.uploads.lock().await;
        let upload = uploads.get_mut(id).filter(|upload| upload.name == name);
        let upload = upload.ok_or_else(|| RegistryError::upload_unknown(id))?;
        upload.touched = Instant::now();
        upload
            .ingest
            .take()
            .ok_or_else(|| RegistryError::upload_invalid("another request writes to this upload"))
    }

    async fn put_back(&self, id: &str, ingest: Ingest) {
        if let Some(upload) = self.shared.uploads.lock().await.get_mut(id) {
            upload.ingest = Some(ingest);
            upload.touched = Instant::now();
        }
    }

    async fn progress(&self, id: &str, name: &str) -> Result<Response> {
        let ingest = self.take(id, name).await?;
        let length = ingest.length();
        self.put_back(id, ingest).await;
        Ok(under_way(StatusCode::NO_CONTENT, name, id, length))
    }

    async fn forget(&self, id: &str, name: &str) -> Result<Response> {
        self.take(id, name).await?;
        self.shared.uploads.lock().await.remove(id);
        Ok(StatusCode::NO_CONTENT.into_response())
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

/// Beginning and end of `0-99`, `100-` or `-100` in something of this length.
fn part(range: &str, length: u64) -> Option<(u64, u64)> {
    let (start, end) = range.split_once('-')?;
    let (start, end) = match (start, end) {
        ("", suffix) => (length.saturating_sub(suffix.parse().ok()?), length),
        (start, "") => (start.parse().ok()?, length),
        (start, end) => (start.parse().ok()?, end.parse::<u64>().ok()?.saturating_add(1).min(length)),
    };
    (start < end).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_blob_should_be_read_as_http_names_them() {
        let cases = [
            ("0-0", Some((0, 1))),
            ("2-", Some((2, 10))),
            ("-3", Some((7, 10))),
            ("0-99", Some((0, 10))),
            ("10-", None),
            ("5-4", None),
            ("-0", None),
            ("x", None),
            ("0-1,3-4", None),
        ];
        for (range, expected) in cases {
            assert_eq!(part(range, 10), expected, "{range}");
        }
    }
}
