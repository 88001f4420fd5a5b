//! A program from the page into the registry, without a client for registries: `PUT /kijabi/images/team/app:1` with
//! the bytes of a `.wasm` file makes the artifact that other tools push.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use shared::images::manifest::{MANIFEST, WASM_CONFIG, WASM_LAYER};

use super::blobs::receive;
use super::error::{RegistryError, Result};
use super::held::split;
use super::{Registry, check_writer, checked_name, json_answer};
use crate::images::Reference;
use crate::images::pull::PROGRAM_BYTES;
use crate::images::remote::OWN_REGISTRY;

/// Keeps a program under a name, and answers what a pod calls it.
pub(super) async fn put(
    State(registry): State<Registry>,
    Path(name): Path<String>,
    mut request: Request,
) -> Result<Response> {
    check_writer(&request)?;
    let (name, tag) = split(&name);
    let name = checked_name(name)?;
    if format!("{OWN_REGISTRY}/{name}:{tag}").parse::<Reference>().is_err() {
        return Err(RegistryError::name_invalid(format!("invalid tag: {tag:?}")));
    }
    let before = registry.shared.repositories.get(&name).unwrap_or_default();
    let mut ingest = registry.store().content.begin().await?;
    receive(&mut request, &mut ingest).await?;
    let (program, size) = (ingest.digest(), ingest.length());
    if size > PROGRAM_BYTES {
        return Err(RegistryError::size_invalid(PROGRAM_BYTES));
    }
    registry.store().content.keep(ingest, &program).await?;
    let system = system(&start(&registry, &program)?)?;
    let config =
        json!({"architecture": "wasm", "os": system, "layerDigests": [program.as_str()]}).to_string();
    let config_digest = registry.store().content.put(config.as_bytes()).await?;
    let title = format!("{}.wasm", name.rsplit('/').next().unwrap_or(&name));
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": WASM_CONFIG, "digest": config_digest.as_str(), "size": config.len()},
        "layers": [{
            "mediaType": WASM_LAYER, "digest": program.as_str(), "size": size,
            "annotations": {"org.opencontainers.image.title": title},
        }],
    });
    registry.shared.repositories.change(&name, |own| {
        own.blobs.extend([program.to_string(), config_digest.to_string()]);
    })?;
    let (digest, _) = registry.keep_manifest(&name, tag, None, manifest.to_string().as_bytes()).await?;
    if let Some(replaced) = before.tags.get(tag).filter(|replaced| *replaced != digest.as_str()) {
        registry.forget_untagged(&name, replaced)?;
    }
    let image = format!("{OWN_REGISTRY}/{name}:{tag}");
    let answer = json!({"image": image, "digest": digest.as_str(), "platform": format!("{system}/wasm"), "sizeBytes": size});
    Ok(json_answer(StatusCode::CREATED, &answer))
}

/// The header of a program.
fn start(registry: &Registry, program: &crate::images::content::Digest) -> Result<Vec<u8>> {
    use std::io::Read as _;
    let mut start = Vec::new();
    std::fs::File::open(registry.store().content.path(program))?.take(8).read_to_end(&mut start)?;
    Ok(start)
}

/// What a program needs, by its header: a component WASI 0.2, a module WASI 0.1.
fn system(start: &[u8]) -> Result<&'static str> {
    match start {
        [0, b'a', b's', b'm', _, _, 1, 0] => Ok("wasip2"),
        [0, b'a', b's', b'm', 1, 0, 0, 0] => Ok("wasip1"),
        _ => Err(RegistryError::upload_invalid(
            "the file is no WebAssembly program: it does not begin as one does",
        )),
    }
}
