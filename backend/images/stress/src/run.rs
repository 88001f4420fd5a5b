//! From the command line to the exit code.

use std::time::{Duration, Instant};

use crate::{Hog, Options, OutOfMemory};

/// Where messages go.
pub trait Console {
    /// A line on stdout.
    fn info(&mut self, line: &str);
    /// A line on stderr.
    fn failure(&mut self, line: &str);
}

/// Runs the load that the arguments ask for, and returns the exit code.
pub fn run(arguments: &[String], console: &mut dyn Console) -> u8 {
    match Options::parse(arguments) {
        Ok(options) => load(&options, console),
        Err(refusal) => {
            match refusal.code {
                0 => console.info(refusal.text.trim_end()),
                _ => console.failure(refusal.text.trim_end()),
            }
            refusal.code
        }
    }
}

fn load(options: &Options, console: &mut dyn Console) -> u8 {
    let start = Instant::now();
    if !options.quiet {
        console.info(&dispatching(options));
    }
    if options.dry_run {
        return 0;
    }
    let outcome = take_turns(options, start);
    let seconds = start.elapsed().as_secs();
    match outcome {
        Ok(()) => {
            if !options.quiet {
                console.info(&format!("stress: info: [1] successful run completed in {seconds}s"));
            }
            0
        }
        Err(worker) => {
            console.failure(&format!("stress: FAIL: [{worker}] hogvm malloc failed: Out of memory"));
            console.failure(&format!("stress: FAIL: [1] <-- worker {worker} returned error 1"));
            console.failure(&format!("stress: FAIL: [1] failed run completed in {seconds}s"));
            1
        }
    }
}

fn dispatching(options: &Options) -> String {
    format!("stress: info: [1] dispatching hogs: {} cpu, 0 io, {} vm, 0 hdd", options.cpu, options.vm)
}

/// Gives every worker its turn until the time is over. The error is the number of the worker that failed.
fn take_turns(options: &Options, start: Instant) -> Result<(), usize> {
    let mut hogs = Hog::all(options);
    loop {
        let now = Instant::now();
        let left = options.timeout.map(|timeout| timeout.saturating_sub(now - start));
        if left == Some(Duration::ZERO) {
            return Ok(());
        }
        let idle = turn_of_all(&mut hogs, now)?;
        if let Some(idle) = idle {
            std::thread::sleep(left.map_or(idle, |left| idle.min(left)));
        }
    }
}

/// One turn each. Returns how long nobody has anything to do.
fn turn_of_all(hogs: &mut [Hog], now: Instant) -> Result<Option<Duration>, usize> {
    let mut sleeps = Vec::with_capacity(hogs.len());
    for (index, hog) in hogs.iter_mut().enumerate() {
        // The tool's workers are processes 2, 3, …, as the first is the dispatcher.
        let worker = index + 2;
        sleeps.push(hog.turn(now).map_err(|OutOfMemory| worker)?);
    }
    let all_asleep: Option<Vec<Instant>> = sleeps.into_iter().collect();
    Ok(all_asleep.and_then(|times| times.into_iter().min()).map(|until| until.saturating_duration_since(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Recorded {
        info: Vec<String>,
        failure: Vec<String>,
    }

    impl Console for Recorded {
        fn info(&mut self, line: &str) {
            self.info.push(line.to_owned());
        }

        fn failure(&mut self, line: &str) {
            self.failure.push(line.to_owned());
        }
    }

    fn stress(line: &str) -> (u8, Recorded) {
        let mut console = Recorded::default();
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        (run(&arguments, &mut console), console)
    }

    #[test]
    fn stress_should_end_after_its_timeout() {
        let (code, console) = stress("--cpu 2 --vm 1 --vm-bytes 2M --timeout 1s");
        assert_eq!(code, 0);
        assert_eq!(
            console.info,
            [
                "stress: info: [1] dispatching hogs: 2 cpu, 0 io, 1 vm, 0 hdd",
                "stress: info: [1] successful run completed in 1s",
            ]
        );
    }

    #[test]
    fn stress_should_end_with_one_when_memory_cannot_be_had() {
        let (code, console) = stress("--vm 1 --vm-bytes 8000000000G --timeout 1s");
        assert_eq!(code, 1);
        assert_eq!(console.failure[0], "stress: FAIL: [2] hogvm malloc failed: Out of memory");
    }

    #[test]
    fn a_dry_run_should_only_say_what_it_would_do() {
        let (code, console) = stress("--dry-run --cpu 1");
        assert_eq!((code, console.info.len()), (0, 1));
    }
}
