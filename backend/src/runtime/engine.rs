//! The WebAssembly engine of a cluster: one configuration, one epoch clock, the threads that guests run on.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use tokio::sync::Semaphore;
use wasmtime::{Config, Engine};

use super::Clock;
use super::epoch::EpochClock;
use super::guest_threads::GuestThreads;
use super::limits::MemoryPool;
use super::linker::Linkers;
use super::processors::Processors;

/// Programs that are compiled at once; each compilation already uses every processor.
const PARALLEL_COMPILATIONS: usize = 1;

/// Stack of a guest's own calls. Beyond it the guest, and nothing else, ends with a stack overflow.
const GUEST_STACK_BYTES: usize = 2 * 1024 * 1024;

/// Stack beyond that, for the host functions that a guest calls.
const HOST_STACK_BYTES: usize = 1024 * 1024;

/// How a [`Runtime`] is set up.
pub struct RuntimeOptions {
    /// Directory for compiled programs, owned by this cluster alone: what lies there is trusted as machine
    /// code. `None`: nothing is kept.
    pub cache_dir: Option<PathBuf>,
    /// Memory that all guests together may have, in bytes.
    pub memory_bytes: u64,
    /// Threads that run guests.
    pub threads: usize,
    /// Source of the timestamps in logs and container states.
    pub clock: Clock,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        let threads = thread::available_parallelism().map_or(2, usize::from);
        Self { cache_dir: None, memory_bytes: u64::MAX, threads, clock: Arc::new(jiff::Timestamp::now) }
    }
}

/// Compiles programs and runs them as containers. Cheap to clone; the last clone stops every guest.
#[derive(Clone)]
pub struct Runtime {
    pub(super) engine: Engine,
    pub(super) epoch: Arc<EpochClock>,
    pub(super) linkers: Arc<Linkers>,
    pub(super) threads: Arc<GuestThreads>,
    pub(super) compilations: Arc<Semaphore>,
    pub(super) cache_dir: Option<Arc<PathBuf>>,
    pub(super) memory: Arc<MemoryPool>,
    pub(super) processors: Arc<Processors>,
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
        let epoch = Arc::new(EpochClock::start(engine.weak())?);
        Ok(Self {
            engine,
            epoch,
            linkers: Arc::new(linkers),
            threads: Arc::new(GuestThreads::start(options.threads)?),
            compilations: Arc::new(Semaphore::new(PARALLEL_COMPILATIONS)),
            cache_dir: options.cache_dir.map(Arc::new),
            memory: Arc::new(MemoryPool::new(options.memory_bytes)),
            processors: Arc::new(Processors::new(options.threads)),
            clock: options.clock,
        })
    }
}

/// The one configuration: what is compiled with it runs in every [`Runtime`].
pub(super) fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true).epoch_interruption(true);
    config.max_wasm_stack(GUEST_STACK_BYTES).async_stack_size(GUEST_STACK_BYTES + HOST_STACK_BYTES);
    config
}
