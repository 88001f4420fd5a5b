//! The images that the cluster holds, wherever they are from: `GET /kijabi/images`; and how one goes out of the
//! registry again: `DELETE /kijabi/images/team/app:1`.

use std::collections::BTreeSet;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::{Value, json};
use shared::images::manifest::Manifest;

use super::error::{RegistryError, Result};
use super::repository::Repository;
use super::{Registry, check_writer, checked_name, json_answer};
use crate::images::builtin::CATALOG;
use crate::images::content::Digest;
use crate::images::pull::PROGRAM_BYTES;
use crate::images::remote::OWN_REGISTRY;

/// An image under one of its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HeldImage {
    /// What a pod calls it.
    pub(super) image: String,
    /// The digest of its manifest.
    pub(super) digest: String,
    /// All that it is made of.
    pub(super) size_bytes: u64,
    /// Where it is from.
    pub(super) from: Origin,
    /// The nodes that fetched it; what the program brings along is on all of them.
    pub(super) nodes: BTreeSet<String>,
}

/// Where an image is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Origin {
    /// The cluster's own registry.
    Registry,
    /// The program.
    BuiltIn,
    /// Another registry, or the own one, which has it no more.
    Pulled,
}

/// All images; how large a program may be, in bytes; and the repositories with their tags.
pub(super) async fn list(State(registry): State<Registry>) -> Response {
    let images = json!({
        "limitBytes": PROGRAM_BYTES, "images": registry.held(), "repositories": registry.described(),
    });
    json_answer(StatusCode::OK, &images)
}

/// Forgets a tag, and all that was there for it alone. Nodes that have the image keep it until they need the room.
pub(super) async fn delete(
    State(registry): State<Registry>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response> {
    check_writer(&request)?;
    let (name, tag) = split(&name);
    registry.untag(&checked_name(name)?, tag)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Repository and tag of a name.
pub(super) fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or((name, "latest"))
}

impl Registry {
    fn described(&self) -> Vec<Value> {
        let repositories = &self.shared.repositories;
        let described = |name: String| -> Value {
            let tags = repositories.get(&name).unwrap_or_default().tags;
            let images = tags.iter().map(
                |(tag, digest)| json!({"image": format!("{OWN_REGISTRY}/{name}:{tag}"), "digest": digest}),
            );
            json!({"name": name, "images": images.collect::<Vec<_>>()})
        };
        repositories.names().into_iter().map(described).collect()
    }

    /// All images by their names: those of the registry first, then what nodes fetched, then what is built in.
    pub(super) fn held(&self) -> Vec<HeldImage> {
        let mut held = self.own();
        for (node, image) in self.store().by_node() {
            for tag in &image.tags {
                let known = held.iter_mut().find(|own| own.image == *tag && own.digest == image.digest);
                if let Some(own) = known {
                    own.nodes.insert(node.clone());
                    continue;
                }
                held.push(HeldImage {
                    image: tag.clone(),
                    digest: image.digest.clone(),
                    size_bytes: image.size_bytes,
                    from: Origin::Pulled,
                    nodes: BTreeSet::from([node.clone()]),
                });
            }
        }
        held.extend(CATALOG.iter().filter_map(|builtin| {
            Some(HeldImage {
                image: format!("{}:latest", builtin.repositories.first()?),
                digest: builtin.digest(),
                size_bytes: builtin.size_bytes(),
                from: Origin::BuiltIn,
                nodes: BTreeSet::new(),
            })
        }));
        held
    }

    /// What the registry has under a tag.
    fn own(&self) -> Vec<HeldImage> {
        let repositories = &self.shared.repositories;
        let of = |name: String| {
            let repository = repositories.get(&name).unwrap_or_default();
            let image = |(tag, digest): (&String, &String)| HeldImage {
                image: format!("{OWN_REGISTRY}/{name}:{tag}"),
                digest: digest.clone(),
                size_bytes: self.size(&repository, digest),
                from: Origin::Registry,
                nodes: BTreeSet::new(),
            };
            repository.tags.iter().map(image).collect::<Vec<_>>()
        };
        repositories.names().into_iter().flat_map(of).collect()
    }

    fn size(&self, repository: &Repository, digest: &str) -> u64 {
        let all = self.reach(repository, [digest]);
        let parts = all.iter().filter(|part| !repository.manifests.contains_key(*part));
        let sizes = parts.filter_map(|part| self.store().content.size(&part.parse::<Digest>().ok()?));
        sizes.sum()
    }

    /// Manifests of a repository and all that they refer to.
    fn reach<'a>(
        &self,
        repository: &Repository,
        digests: impl IntoIterator<Item = &'a str>,
    ) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut waiting: Vec<String> = digests.into_iter().map(str::to_owned).collect();
        while let Some(digest) = waiting.pop() {
            if repository.manifests.contains_key(&digest) && !reached.contains(&digest) {
                let read = digest.parse::<Digest>().ok().and_then(|own| self.store().content.read(&own).ok());
                let manifest = read.and_then(|bytes| Manifest::read(&bytes).ok()).unwrap_or_default();
                waiting.extend(manifest.references().map(|found| found.digest.clone()));
            }
            reached.insert(digest);
        }
        reached
    }

    fn untag(&self, name: &str, tag: &str) -> Result<()> {
        let known = self.shared.repositories.get(name).ok_or_else(|| RegistryError::name_unknown(name))?;
        let digest = known.tags.get(tag).ok_or_else(|| RegistryError::manifest_unknown(tag))?;
        self.shared.repositories.change(name, |own| own.tags.remove(tag))?;
        self.forget_untagged(name, digest)
    }

    /// Forgets a manifest that no tag means any more, with all that nothing else of the repository refers to.
    pub(super) fn forget_untagged(&self, name: &str, digest: &str) -> Result<()> {
        let known = self.shared.repositories.get(name).unwrap_or_default();
        let gone = self.reach(&known, [digest]);
        let others = known.tags.values().chain(known.manifests.keys().filter(|other| !gone.contains(*other)));
        let kept = self.reach(&known, others.map(String::as_str));
        let stays = |part: &String| !gone.contains(part) || kept.contains(part);
        self.shared.repositories.change(name, |own| {
            own.manifests.retain(|part, _| stays(part));
            own.blobs.retain(stays);
        })?;
        Ok(())
    }
}
