//! How a container ended: exit code, reason and message, as a process would have ended on Linux (128 plus the
//! signal's number) and as containerd reports it.

use wasmtime::Trap;
use wasmtime::component::ResourceTableError;
use wasmtime_wasi::I32Exit;

use super::limits::OutOfMemory;

/// Exit code of a container that the runtime could not start, as containerd's.
const CANNOT_RUN: i32 = 128;
const SIGINT: i32 = 128 + 2;
const SIGQUIT: i32 = 128 + 3;
const SIGABRT: i32 = 128 + 6;
const SIGFPE: i32 = 128 + 8;
const SIGKILL: i32 = 128 + 9;
const SIGSEGV: i32 = 128 + 11;
const SIGTERM: i32 = 128 + 15;

/// What SIGTERM means here.
const NO_HANDLER: &str = "ended at once by SIGTERM: a WebAssembly program has no way to handle signals";
const OVERDUE: &str = "ended by SIGKILL: it did not end by itself within its grace period";

const TOO_MANY: &str = "more files and streams are open than a program may have";

/// The reason in a container's terminated state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// Exit code 0.
    Completed,
    /// Any other exit code.
    Error,
    /// The container exceeded its memory limit.
    OomKilled,
    /// The program could not be started.
    StartError,
}

impl ExitReason {
    /// The word in `state.terminated.reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "Completed",
            Self::Error => "Error",
            Self::OomKilled => "OOMKilled",
            Self::StartError => "StartError",
        }
    }
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitStatus {
    /// 0 to 255; 128 plus a signal's number for a program that did not end by itself.
    pub code: i32,
    /// The reason.
    pub reason: ExitReason,
    /// What a person should know beyond the code; empty when the program ended by itself.
    pub message: String,
}

impl ExitStatus {
    /// A program that ended by itself.
    pub fn exited(code: i32) -> Self {
        let reason = if code == 0 { ExitReason::Completed } else { ExitReason::Error };
        Self { code, reason, message: String::new() }
    }

    /// Ended by the key that interrupts.
    pub fn interrupted() -> Self {
        Self::exited(SIGINT)
    }

    /// Ended by the key that quits.
    pub fn quit() -> Self {
        Self::exited(SIGQUIT)
    }

    /// Ended by the signal to terminate.
    pub fn terminated() -> Self {
        Self { message: NO_HANDLER.into(), ..Self::exited(SIGTERM) }
    }

    /// Ended by force, as it did not end within its grace period.
    pub fn overdue() -> Self {
        Self { message: OVERDUE.into(), ..Self::killed() }
    }

    /// Ended by force.
    pub fn killed() -> Self {
        Self::exited(SIGKILL)
    }

    /// Not started: an error of the runtime, not of the program.
    pub(super) fn not_started(error: &wasmtime::Error) -> Self {
        let message = format!("failed to start container: {error:#}");
        Self { code: CANNOT_RUN, reason: ExitReason::StartError, message }
    }

    /// The host failed while the program ran.
    pub(super) fn host_failed() -> Self {
        Self { message: "the container runtime failed".into(), ..Self::killed() }
    }

    pub(super) fn out_of_memory(why: String) -> Self {
        Self { code: SIGKILL, reason: ExitReason::OomKilled, message: why }
    }

    /// What a guest's error means: an exit through WASI, or a trap.
    pub(super) fn of(error: &wasmtime::Error) -> Self {
        if error.is::<OutOfMemory>() {
            return Self::out_of_memory(error.root_cause().to_string());
        }
        if let Some(I32Exit(code)) = error.downcast_ref() {
            return Self::exited(code & 0xff);
        }
        if let Some(ResourceTableError::Full) = error.downcast_ref() {
            return Self { message: TOO_MANY.into(), ..Self::exited(SIGABRT) };
        }
        let code = error.downcast_ref().map_or(SIGABRT, |trap: &Trap| signal_code(*trap));
        Self { code, reason: ExitReason::Error, message: error.root_cause().to_string() }
    }
}

/// The exit code of the signal that a native program would have got.
fn signal_code(trap: Trap) -> i32 {
    match trap {
        Trap::StackOverflow
        | Trap::MemoryOutOfBounds
        | Trap::TableOutOfBounds
        | Trap::IndirectCallToNull
        | Trap::NullReference => SIGSEGV,
        Trap::IntegerOverflow | Trap::IntegerDivisionByZero | Trap::BadConversionToInteger => SIGFPE,
        _ => SIGABRT,
    }
}
