//! A guest: the store that a program runs in, and what it may see of the world.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, InstancePre, Result, Store, UpdateDeadline, format_err};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::cgroup::Cgroup;
use super::directories;
use super::disk_bounds::Meters;
use super::files::{MAX_OPEN_FILES, OpenFiles};
use super::input::Input;
use super::limits::Limits;
use super::output::Output;
use super::process::{ProcessSpec, StartError};
use super::program::{Entry, Program};
use crate::network::PodNetwork;
use crate::network::wasi::{PodHttp, PodSockets, PodSocketsView, WithPodSockets};

/// Sockets, streams, files and pollables that a guest may hold at once.
const MAX_RESOURCES: usize = 65_536;

/// Files that a module may hold at once, with its directories and standard streams: it has nothing else.
const MAX_MODULE_RESOURCES: usize = MAX_OPEN_FILES + 256;

/// State of a component's store.
pub(super) struct ComponentGuest {
    wasi: WasiCtx,
    table: ResourceTable,
    sockets: PodSockets,
    http: WasiHttpCtx,
    requests: PodHttp,
    limits: Limits,
    pub(super) files: OpenFiles,
    pub(super) meters: Meters,
}

impl WasiView for ComponentGuest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WithPodSockets for ComponentGuest {
    fn pod_sockets(&mut self) -> PodSocketsView<'_> {
        PodSocketsView { sockets: &mut self.sockets, table: &mut self.table }
    }
}

impl WasiHttpView for ComponentGuest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.requests }
    }
}

/// State of a WASI 0.1 module's store. It has no sockets: WASI 0.1 has none that can be created.
pub(super) struct ModuleGuest {
    pub(super) wasi: WasiP1Ctx,
    limits: Limits,
    pub(super) meters: Meters,
}

/// The program's ends of its standard streams.
pub(super) struct Stdio {
    pub(super) stdin: Input,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
}

/// A guest that is ready to run.
pub(super) struct Guest {
    program: Arc<Program>,
    wasi: WasiCtxBuilder,
    pod: PodNetwork,
    limits: Limits,
    meters: Meters,
}

/// How far a guest got.
pub(super) enum Outcome {
    /// The program returned from its entry point with this exit code.
    Returned(i32),
    /// The program could not be instantiated.
    NotStarted(wasmtime::Error),
    /// The program exited through WASI, or trapped.
    Ended(wasmtime::Error),
}

impl Guest {
    pub(super) fn new(spec: &ProcessSpec, stdio: Stdio, cgroup: Arc<Cgroup>) -> Result<Self, StartError> {
        Ok(Self {
            program: spec.program.clone(),
            wasi: context(spec, stdio)?,
            pod: spec.pod.clone(),
            meters: Meters::new(spec, &cgroup),
            limits: Limits::new(cgroup),
        })
    }

    /// Runs the program to its end.
    pub(super) async fn run(mut self, engine: Engine) -> Outcome {
        let program = self.program.clone();
        match &program.entry {
            Entry::Command(command) => run_command(command, self.into_component_store(&engine)).await,
            Entry::Handler(_) => Outcome::NotStarted(format_err!(
                "the component handles HTTP requests and cannot be run as a command"
            )),
            Entry::Start(module) => {
                let mut wasi = self.wasi.build_p1();
                wasi.ctx().table.set_max_capacity(MAX_MODULE_RESOURCES);
                let mut guest = ModuleGuest { wasi, limits: self.limits, meters: self.meters };
                if let Err(error) = guest.know_directories() {
                    return Outcome::NotStarted(error);
                }
                run_module(module, store(&engine, guest, |guest| &mut guest.limits)).await
            }
        }
    }
}

impl Guest {
    /// The store of a component that runs as this guest.
    pub(super) fn into_component_store(mut self, engine: &Engine) -> Store<ComponentGuest> {
        let guest = ComponentGuest {
            wasi: self.wasi.build(),
            table: table(),
            sockets: PodSockets::new(self.pod.clone()),
            http: WasiHttpCtx::new(),
            requests: PodHttp::new(self.pod),
            limits: self.limits,
            files: OpenFiles::default(),
            meters: self.meters,
        };
        store(engine, guest, |guest| &mut guest.limits)
    }
}

fn table() -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(MAX_RESOURCES);
    table
}

/// A store that yields to other guests at every epoch.
fn store<T: Send + 'static>(engine: &Engine, guest: T, limits: fn(&mut T) -> &mut Limits) -> Store<T> {
    let mut store = Store::new(engine, guest);
    store.limiter(move |guest| limits(guest));
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
    store
}

async fn run_command(command: &CommandPre<ComponentGuest>, mut store: Store<ComponentGuest>) -> Outcome {
    let instance = match command.instantiate_async(&mut store).await {
        Ok(instance) => instance,
        Err(error) => return Outcome::NotStarted(error),
    };
    match instance.wasi_cli_run().call_run(&mut store).await {
        Ok(result) => Outcome::Returned(result.map_or(1, |()| 0)),
        Err(error) => Outcome::Ended(error),
    }
}

async fn run_module(module: &InstancePre<ModuleGuest>, mut store: Store<ModuleGuest>) -> Outcome {
    let start = match module.instantiate_async(&mut store).await {
        Ok(instance) => instance.get_typed_func::<(), ()>(&mut store, "_start"),
        Err(error) => return Outcome::NotStarted(error),
    };
    let start = match start {
        Ok(start) => start,
        Err(error) => return Outcome::NotStarted(error),
    };
    match start.call_async(&mut store, ()).await {
        Ok(()) => Outcome::Returned(0),
        Err(error) => Outcome::Ended(error),
    }
}

/// The world of a guest: its arguments, environment, streams and mounts, and nothing of the host's.
fn context(spec: &ProcessSpec, stdio: Stdio) -> Result<WasiCtxBuilder, StartError> {
    let mut wasi = WasiCtxBuilder::new();
    let is_set = |name: &str| spec.env.iter().any(|(set, _)| set == name);
    wasi.args(&spec.args).envs(&spec.env);
    if !is_set("HOSTNAME") {
        wasi.env("HOSTNAME", &spec.hostname);
    }
    if spec.tty && !is_set("TERM") {
        wasi.env("TERM", "xterm");
    }
    wasi.stdin(stdio.stdin).stdout(stdio.stdout).stderr(stdio.stderr);
    let asks = spec.program.asks_for_working_dir;
    directories::preopen(&mut wasi, &spec.mounts, spec.working_dir.as_deref(), asks)?;
    Ok(wasi)
}
