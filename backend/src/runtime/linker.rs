//! What a guest may import: WASI 0.2 without the host's sockets, the pod network in their place for sockets
//! and for HTTP requests, and WASI 0.1
//! for modules. Interfaces are linked one by one so that nothing falls back to the host.

use wasmtime::component::Linker;
use wasmtime::{Engine, Result};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::{cli, filesystem, random};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView};

use super::guest::{ComponentGuest, ModuleGuest};
use crate::network;

/// The imports of both kinds of program.
pub(super) struct Linkers {
    pub(super) component: Linker<ComponentGuest>,
    pub(super) module: wasmtime::Linker<ModuleGuest>,
}

impl Linkers {
    pub(super) fn new(engine: &Engine) -> Result<Self> {
        let mut component = Linker::new(engine);
        add_command_interfaces(&mut component)?;
        super::files::hold_to_bounds(&mut component)?;
        super::disk_bounds::hold_to_bounds(&mut component)?;
        network::wasi::add_to_linker(&mut component)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut component)?;
        let mut module = wasmtime::Linker::new(engine);
        wasmtime_wasi::p1::add_to_linker_async(&mut module, |guest: &mut ModuleGuest| &mut guest.wasi)?;
        super::module_bounds::hold_to_bounds(&mut module)?;
        Ok(Self { component, module })
    }
}

/// `wasi:cli/imports` except `wasi:sockets`.
fn add_command_interfaces(linker: &mut Linker<ComponentGuest>) -> Result<()> {
    type Guest = ComponentGuest;
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(linker)?;
    filesystem::types::add_to_linker::<_, WasiFilesystem>(linker, Guest::filesystem)?;
    filesystem::preopens::add_to_linker::<_, WasiFilesystem>(linker, Guest::filesystem)?;
    random::insecure::add_to_linker::<_, WasiRandom>(linker, Guest::random)?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(linker, Guest::random)?;
    cli::exit::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::environment::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, Guest::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, Guest::cli)
}
