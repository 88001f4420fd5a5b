//! Manifests, by digest and by tag; the list of tags; and what refers to a manifest.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt as _, Limited};
use serde_json::json;
use shared::images::manifest::{Descriptor, INDEX, MANIFEST, Manifest};

use super::blobs::DIGEST;
use super::error::{RegistryError, Result};
use super::repository::{KeptManifest, Repository};
use super::{Asked, Registry, checked_digest, json_answer, page, with_next};
use crate::images::Reference;
use crate::images::content::Digest;
use crate::images::pull::MANIFEST_BYTES;

impl Asked {
    /// `/v2/NAME/manifests/REFERENCE`, a tag or a digest.
    pub(super) async fn manifest(self, reference: &str) -> Result<Response> {
        match self.method {
            Method::GET | Method::HEAD => self.read_manifest(reference),
            Method::PUT => self.put_manifest(reference).await,
            Method::DELETE => self.delete_manifest(reference),
            _ => Err(RegistryError::unsupported()),
        }
    }

    fn repository(&self) -> Result<Repository> {
        let found = self.registry.shared.repositories.get(&self.name);
        found.ok_or_else(|| RegistryError::name_unknown(&self.name))
    }

    fn read_manifest(&self, reference: &str) -> Result<Response> {
        let repository = self.repository()?;
        let digest = repository.tags.get(reference).map_or(reference, String::as_str);
        let unknown = || RegistryError::manifest_unknown(reference);
        let kept = repository.manifests.get(digest).ok_or_else(unknown)?;
        let bytes = self.registry.store().content.read(&checked_digest(digest)?).map_err(|_| unknown())?;
        let tag = format!("\"{digest}\"");
        let known = self.request.headers().get(IF_NONE_MATCH).and_then(|known| known.to_str().ok());
        let is_known = known.is_some_and(|known| known.split(',').any(|known| known.trim() == tag));
        if is_known {
            return Ok((StatusCode::NOT_MODIFIED, [(ETAG.as_str(), tag), (DIGEST, digest.to_owned())])
                .into_response());
        }
        let headers = [
            (CONTENT_TYPE.as_str(), kept.descriptor.media_type.clone()),
            (CONTENT_LENGTH.as_str(), bytes.len().to_string()),
            (DIGEST, digest.to_owned()),
            (ETAG.as_str(), tag),
        ];
        Ok((StatusCode::OK, headers, bytes).into_response())
    }

    async fn put_manifest(self, reference: &str) -> Result<Response> {
        let given = self.request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        // Parameters of it mean nothing.
        let given = given.and_then(|given| given.split(';').next()).map(|given| given.trim().to_owned());
        let tags = tags(self.request.uri().query().unwrap_or_default());
        let limit = usize::try_from(MANIFEST_BYTES).unwrap_or(usize::MAX);
        let body = Limited::new(self.request.into_body(), limit).collect().await;
        let bytes = body.map_err(|_| RegistryError::size_invalid(MANIFEST_BYTES))?.to_bytes();
        if let Some(tag) = tags.iter().find(|tag| !is_tag(tag)) {
            return Err(RegistryError::manifest_invalid(format!("invalid tag {tag:?}")));
        }
        let (digest, subject) = self.registry.keep_manifest(&self.name, reference, given, &bytes).await?;
        self.registry.shared.repositories.change(&self.name, |own| {
            own.tags.extend(tags.iter().map(|tag| (tag.clone(), digest.to_string())));
        })?;
        let location = format!("/v2/{}/manifests/{digest}", self.name);
        let mut answer = (StatusCode::CREATED, [(LOCATION.as_str(), location), (DIGEST, digest.to_string())])
            .into_response();
        if let Some(subject) = subject.and_then(|subject| subject.parse().ok()) {
            answer.headers_mut().insert("oci-subject", subject);
        }
        if let Ok(tags) = tags.join(", ").parse()
            && !HeaderValue::is_empty(&tags)
        {
            answer.headers_mut().insert("oci-tag", tags);
        }
        Ok(answer)
    }

    fn delete_manifest(&self, reference: &str) -> Result<Response> {
        self.repository()?;
        let removed = self.registry.shared.repositories.change(&self.name, |own| {
            if own.tags.remove(reference).is_some() {
                return true;
            }
            own.tags.retain(|_, digest| digest != reference);
            own.manifests.remove(reference).is_some()
        })?;
        match removed {
            true => Ok(StatusCode::ACCEPTED.into_response()),
            false => Err(RegistryError::manifest_unknown(reference)),
        }
    }

    /// `/v2/NAME/tags/list`.
    pub(super) fn tags(&self) -> Result<Response> {
        let (tags, more) = page(self.repository()?.tags.into_keys().collect(), &self.query);
        let answer = json_answer(StatusCode::OK, &json!({"name": self.name, "tags": tags}));
        let path = format!("/v2/{}/tags/list", self.name);
        Ok(with_next(answer, &path, &self.query, tags.last().filter(|_| more)))
    }

    /// `/v2/NAME/referrers/DIGEST`: manifests that say something about this one.
    pub(super) fn referrers(&self, digest: &str) -> Result<Response> {
        checked_digest(digest)?;
        let wanted = self.query.get("artifactType");
        let repository = self.registry.shared.repositories.get(&self.name).unwrap_or_default();
        let about = repository.manifests.values().filter(|kept| kept.subject.as_deref() == Some(digest));
        let fits =
            |kept: &&KeptManifest| wanted.is_none() || kept.descriptor.artifact_type.as_ref() == wanted;
        let found: Vec<_> = about.filter(fits).map(|kept| &kept.descriptor).collect();
        let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": found});
        let mut answer = Response::builder().header(CONTENT_TYPE, INDEX);
        if wanted.is_some() {
            answer = answer.header("oci-filters-applied", "artifactType");
        }
        answer.body(Body::from(list.to_string())).map_err(|error| std::io::Error::other(error).into())
    }
}

impl Registry {
    /// Keeps a manifest under a tag or its digest, if all that it names is here.
    pub(super) async fn keep_manifest(
        &self,
        name: &str,
        reference: &str,
        media_type: Option<String>,
        bytes: &[u8],
    ) -> Result<(Digest, Option<String>)> {
        let manifest = Manifest::read(bytes).map_err(RegistryError::manifest_invalid)?;
        let digest = Digest::of(bytes);
        if let Some((own, given)) = manifest.media_type.as_ref().zip(media_type.as_ref())
            && own != given
        {
            let message = format!("its mediaType is {own:?} and its Content-Type {given:?}");
            return Err(RegistryError::manifest_invalid(message));
        }
        let is_digest = reference.contains(':');
        if is_digest && reference != digest.as_str() {
            return Err(RegistryError::digest_invalid(format!("the manifest has the digest {digest}")));
        }
        if !is_digest && !is_tag(reference) {
            return Err(RegistryError::manifest_invalid(format!("invalid tag {reference:?}")));
        }
        let known = self.shared.repositories.get(name).unwrap_or_default();
        let is_here = |found: &&Descriptor| {
            known.blobs.contains(&found.digest) || known.manifests.contains_key(&found.digest)
        };
        if let Some(missing) = manifest.references().find(|found| !is_here(found)) {
            return Err(RegistryError::manifest_blob_unknown(&missing.digest));
        }
        self.store().content.put(bytes).await?;
        let subject = manifest.subject.as_ref().map(|subject| subject.digest.clone());
        let kept = kept(manifest, media_type, &digest, bytes.len() as u64);
        self.shared.repositories.change(name, |own| {
            own.manifests.insert(digest.to_string(), kept);
            if !is_digest {
                own.tags.insert(reference.to_owned(), digest.to_string());
            }
        })?;
        Ok((digest, subject))
    }
}

/// The tags that a manifest which is pushed by its digest is to have, `?tag=1.2&tag=1`.
fn tags(query: &str) -> Vec<String> {
    let all = form_urlencoded::parse(query.as_bytes());
    all.filter(|(name, _)| name == "tag").map(|(_, tag)| tag.into_owned()).collect()
}

fn is_tag(text: &str) -> bool {
    let reference = format!("localhost/x:{text}").parse::<Reference>();
    reference.is_ok_and(|found| found.tag.as_deref() == Some(text))
}

fn kept(manifest: Manifest, media_type: Option<String>, digest: &Digest, size: u64) -> KeptManifest {
    let own = if manifest.is_list() { INDEX } else { MANIFEST };
    let config = manifest.config.as_ref().map(|config| config.media_type.clone());
    KeptManifest {
        descriptor: Descriptor {
            media_type: manifest.media_type.clone().or(media_type).unwrap_or_else(|| own.to_owned()),
            digest: digest.to_string(),
            size,
            platform: None,
            artifact_type: manifest.artifact_type.filter(|own| !own.is_empty()).or(config),
            annotations: manifest.annotations,
        },
        subject: manifest.subject.map(|subject| subject.digest),
    }
}
