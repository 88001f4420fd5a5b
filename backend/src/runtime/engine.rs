//! The WebAssembly engine of a cluster: one configuration, one epoch clock, the threads that guests run on.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::{Config, Engine, EngineWeak};

use super::Clock;
use super::guest_threads::GuestThreads;
use super::linker::Linkers;

/// How long a guest may run before it lets others run.
pub(super) const EPOCH: Duration = Duration::from_millis(1);

/// Programs that are compiled at once; each compilation already uses every processor.
const PARALLEL_COMPILATIONS: usize = 1;

/// Stack of a guest's own calls. Beyond it the guest, and nothing else, ends with a stack overflow.
const GUEST_STACK_BYTES: usize = 1024 * 1024;

/// How a [`Runtime`] is set up.
pub struct RuntimeOptions {
    /// Directory for compiled programs, owned by this cluster alone: what lies there is trusted as machine
    /// code. `None`: nothing is kept.
    pub cache_dir: Option<PathBuf>,
    /// Threads that run guests.
    pub threads: usize,
    /// Source of the timestamps in logs and container states.
    pub clock: Clock,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        let threads = thread::available_parallelism().map_or(2, usize::from);
        Self { cache_dir: None, threads, clock: Arc::new(jiff::Timestamp::now) }
    }
}

/// Compiles programs and runs them as containers. Cheap to clone; the last clone stops every guest.
#[derive(Clone)]
pub struct Runtime {
    pub(super) engine: Engine,
    pub(super) linkers: Arc<Linkers>,
    pub(super) threads: Arc<GuestThreads>,
    pub(super) compilations: Arc<Semaphore>,
    pub(super) cache_dir: Option<Arc<PathBuf>>,
    pub(super) clock: Clock,
}

impl Runtime {
    /// Starts the guest threads and the epoch clock.
    ///
    /// # Errors
    /// When a thread cannot be started, or the processor is not one that the engine knows.
    pub fn new(options: RuntimeOptions) -> io::Result<Self> {
        let engine = Engine::new(&config()).map_err(io::Error::other)?;
        let linkers = Linkers::new(&engine).map_err(io::Error::other)?;
        tick(engine.weak())?;
        Ok(Self {
            engine,
            linkers: Arc::new(linkers),
            threads: Arc::new(GuestThreads::start(options.threads)?),
            compilations: Arc::new(Semaphore::new(PARALLEL_COMPILATIONS)),
            cache_dir: options.cache_dir.map(Arc::new),
            clock: options.clock,
        })
    }
}

/// The one configuration: what is compiled with it runs in every [`Runtime`].
pub(super) fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true).epoch_interruption(true);
    config.max_wasm_stack(GUEST_STACK_BYTES).async_stack_size(2 * GUEST_STACK_BYTES);
    config
}

/// Advances the epoch until the engine is gone.
fn tick(engine: EngineWeak) -> io::Result<()> {
    let clock = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(EPOCH);
        }
    };
    thread::Builder::new().name("epoch".into()).spawn(clock).map(drop)
}
