//! Says which step is under way, and how long it took.

use std::io::{IsTerminal, Write, stderr};
use std::time::Instant;

use anyhow::{Context, Result};

/// Counts the steps of a command.
pub(crate) struct Progress {
    done: usize,
    total: usize,
    start: Instant,
}

impl Progress {
    /// A command of so many steps.
    pub(crate) fn new(total: usize) -> Self {
        Self { done: 0, total, start: Instant::now() }
    }

    /// Runs a step. Its name is shown before, its time after; what it does is part of an error's text.
    pub(crate) fn step<T>(&mut self, name: &str, act: impl FnOnce() -> Result<T>) -> Result<T> {
        self.done += 1;
        let label = format!("[{}/{}] {name} …", self.done, self.total);
        let start = Instant::now();
        // On a terminal the line is completed; elsewhere a second one would be in the way.
        if stderr().is_terminal() {
            eprint!("{label}");
            stderr().flush()?;
        }
        let result = act().with_context(|| format!("{name} failed"));
        let time = seconds(start);
        match stderr().is_terminal() {
            true => eprintln!("\r{label} {time}"),
            false => eprintln!("{label} {time}"),
        }
        result
    }

    /// The time of all steps.
    pub(crate) fn time(&self) -> String {
        seconds(self.start)
    }
}

fn seconds(start: Instant) -> String {
    let seconds = start.elapsed().as_secs_f64();
    if seconds < 10.0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}
