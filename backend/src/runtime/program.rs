//! From the bytes of an image to a program that can be started: compiled off the request path, once a digest.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;
use wasmtime::{Engine, ExternType, InstancePre, Module, format_err};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use super::engine::{Runtime, config};
use super::guest::{ComponentGuest, ModuleGuest};
use super::trusted::{self, Code, TrustedCode};

/// A compiled program with its imports resolved, shared by all containers that run it.
pub struct Program {
    pub(super) entry: Entry,
    /// Whether it asks where it starts, see `directories`.
    pub(super) asks_for_working_dir: bool,
}

/// What is called to run a program.
pub(super) enum Entry {
    /// A WASI 0.2 component that exports `wasi:cli/run`.
    Command(CommandPre<ComponentGuest>),
    /// A WASI 0.2 component that exports `wasi:http/incoming-handler`.
    Handler(ProxyPre<ComponentGuest>),
    /// A WASI 0.1 module that exports `_start`.
    Start(InstancePre<ModuleGuest>),
}

/// Why bytes did not become a program.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The bytes are not WebAssembly, or not valid.
    #[error("not a valid WebAssembly program: {0:#}")]
    Invalid(wasmtime::Error),
    /// The program is valid, but imports what is not offered here, or exports no entry point.
    #[error("the program cannot be run here: {0:#}")]
    Unsupported(wasmtime::Error),
    /// The server is going down.
    #[error("the compilation was cancelled")]
    Cancelled,
}

impl Runtime {
    /// Compiles a component or a module, or loads it from the cache. Runs on a thread for blocking work; only
    /// a bounded number of compilations run at once, the others wait.
    ///
    /// # Errors
    /// When the bytes are no program, or one that cannot run here.
    pub async fn compile(&self, wasm: Bytes) -> Result<Arc<Program>, CompileError> {
        let permit = self.compilations.clone().acquire_owned().await;
        let permit = permit.map_err(|_| CompileError::Cancelled)?;
        let runtime = self.clone();
        let compilation = tokio::task::spawn_blocking(move || {
            let program = runtime.compile_now(&wasm);
            drop(permit);
            program
        });
        compilation.await.map_err(|_| CompileError::Cancelled)?
    }

    /// Loads a program that [`precompile_for`] compiled when this binary was built.
    ///
    /// # Errors
    /// When it does not fit this engine or this processor: then compile the original bytes.
    pub fn load_precompiled(&self, embedded: &'static [u8]) -> Result<Arc<Program>, CompileError> {
        let code = trusted::load(&self.engine, TrustedCode::Embedded(embedded));
        self.link(code.map_err(CompileError::Unsupported)?)
    }

    fn compile_now(&self, wasm: &[u8]) -> Result<Arc<Program>, CompileError> {
        let Some(cached) = self.cache_file(wasm) else {
            return self.link(compile(&self.engine, wasm)?);
        };
        if let Ok(code) = trusted::load(&self.engine, TrustedCode::Cache(&cached)) {
            return self.link(code);
        }
        let code = compile(&self.engine, wasm)?;
        if let Err(error) = save(&code, &cached) {
            tracing::warn!(%error, path = %cached.display(), "a compiled program was not cached");
        }
        self.link(code)
    }

    fn link(&self, code: Code) -> Result<Arc<Program>, CompileError> {
        let asks_for_working_dir = match &code {
            Code::Component(component) => imports_working_dir(&self.engine, component),
            Code::Module(_) => false,
        };
        let entry = match code {
            Code::Component(component) => self.link_component(&component),
            Code::Module(module) => check_start(&module)
                .and_then(|()| self.linkers.module.instantiate_pre(&module))
                .map(Entry::Start),
        };
        Ok(Arc::new(Program { entry: entry.map_err(CompileError::Unsupported)?, asks_for_working_dir }))
    }

    /// Finds the entry point of a component: one that handles HTTP requests is a server, whatever else it is.
    fn link_component(&self, component: &Component) -> wasmtime::Result<Entry> {
        let handles = exports(&self.engine, component, "wasi:http/incoming-handler@");
        if !handles && !exports(&self.engine, component, "wasi:cli/run@") {
            return Err(format_err!(
                "the component exports neither `wasi:cli/run` nor `wasi:http/incoming-handler` of WASI 0.2"
            ));
        }
        let linked = self.linkers.component.instantiate_pre(component)?;
        match handles {
            true => ProxyPre::new(linked).map(Entry::Handler),
            false => CommandPre::new(linked).map(Entry::Command),
        }
    }

    /// The file that holds these bytes compiled by exactly this engine.
    fn cache_file(&self, wasm: &[u8]) -> Option<PathBuf> {
        let directory = self.cache_dir.as_ref()?;
        let mut engine = DefaultHasher::new();
        self.engine.precompile_compatibility_hash().hash(&mut engine);
        let digest = Sha256::digest(wasm);
        Some(directory.join(format!("{digest:x}-{:016x}.cwasm", engine.finish())))
    }
}

/// Compiles a program ahead of time for any processor of `target`, a triple as `x86_64-unknown-linux-gnu`.
///
/// # Errors
/// When the bytes are no program, or the target is unknown.
pub fn precompile_for(target: &str, wasm: &[u8]) -> Result<Vec<u8>, CompileError> {
    let mut config = config();
    config.target(target).map_err(CompileError::Unsupported)?;
    let engine = Engine::new(&config).map_err(CompileError::Unsupported)?;
    let code =
        if is_component(wasm) { engine.precompile_component(wasm) } else { engine.precompile_module(wasm) };
    code.map_err(CompileError::Invalid)
}

fn compile(engine: &Engine, wasm: &[u8]) -> Result<Code, CompileError> {
    let code = if is_component(wasm) {
        Component::from_binary(engine, wasm).map(Code::Component)
    } else {
        Module::from_binary(engine, wasm).map(Code::Module)
    };
    code.map_err(CompileError::Invalid)
}

/// Checks that a module is a command: a component's entry point is checked by its bindings.
fn check_start(module: &Module) -> wasmtime::Result<()> {
    match module.get_export("_start") {
        Some(ExternType::Func(_)) => Ok(()),
        _ => Err(format_err!("the module exports no function `_start`")),
    }
}

/// Whether a component exports an interface of any version.
fn exports(engine: &Engine, component: &Component, interface: &str) -> bool {
    component.component_type().exports(engine).any(|(name, _)| name.starts_with(interface))
}

/// Whether a component imports the function that tells where it starts.
fn imports_working_dir(engine: &Engine, component: &Component) -> bool {
    let imports = component.component_type();
    imports.imports(engine).any(|(name, import)| match import.ty {
        ComponentItem::ComponentInstance(instance) if name.starts_with("wasi:cli/environment@") => {
            instance.get_export(engine, "initial-cwd").is_some()
        }
        _ => false,
    })
}

/// Whether a WebAssembly binary is a component: byte 6 of its header is the layer.
fn is_component(wasm: &[u8]) -> bool {
    wasm.get(6) == Some(&1)
}

/// Writes compiled code beside its final name and renames it, so that no half file is ever loaded.
fn save(code: &Code, path: &Path) -> io::Result<()> {
    let bytes = match code {
        Code::Component(component) => component.serialize(),
        Code::Module(module) => module.serialize(),
    };
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(&partial, bytes.map_err(io::Error::other)?)?;
    fs::rename(partial, path)
}
