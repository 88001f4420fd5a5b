//! The one place where machine code is loaded that was not compiled a moment ago.

use std::path::Path;

use wasmtime::component::Component;
use wasmtime::{Engine, Module, Precompiled, Result, format_err};

/// Code that this program compiled itself, earlier.
#[derive(Clone, Copy)]
pub(super) enum TrustedCode<'a> {
    /// A file in the cluster's own cache directory.
    Cache(&'a Path),
    /// Bytes that are part of this program's binary.
    Embedded(&'a [u8]),
}

/// A compiled program, before its imports are resolved.
pub(super) enum Code {
    Component(Component),
    Module(Module),
}

/// Loads code that was compiled earlier.
///
/// # Errors
/// When it was compiled by another engine version, for other options, or for a processor with features that
/// this one lacks.
#[allow(
    unsafe_code,
    reason = "wasmtime trusts compiled code; only our own cache and our own binary get here"
)]
pub(super) fn load(engine: &Engine, code: TrustedCode<'_>) -> Result<Code> {
    let kind = match code {
        TrustedCode::Cache(path) => Engine::detect_precompiled_file(path)?,
        TrustedCode::Embedded(bytes) => Engine::detect_precompiled(bytes),
    };
    // SAFETY: the cache directory belongs to this cluster alone and is written by `program` only; embedded
    // bytes were compiled when this program was built. Both come unchanged from wasmtime's own serializer.
    unsafe {
        Ok(match (kind, code) {
            (Some(Precompiled::Component), TrustedCode::Cache(path)) => {
                Code::Component(Component::deserialize_file(engine, path)?)
            }
            (Some(Precompiled::Component), TrustedCode::Embedded(bytes)) => {
                Code::Component(Component::deserialize(engine, bytes)?)
            }
            (Some(Precompiled::Module), TrustedCode::Cache(path)) => {
                Code::Module(Module::deserialize_file(engine, path)?)
            }
            (Some(Precompiled::Module), TrustedCode::Embedded(bytes)) => {
                Code::Module(Module::deserialize(engine, bytes)?)
            }
            (None, _) => return Err(format_err!("not a compiled program")),
        })
    }
}
