//! `cargo xtask test`, `lint` and `bench`.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::command::{cargo, run};
use crate::progress::Progress;
use crate::{build, lint, test_tools, workspace};

/// How many tests passed and failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
}

/// Checks format, lints and house rules.
///
/// # Errors
/// That of the first check that fails.
pub(crate) fn lint() -> Result<()> {
    checks(&mut Progress::new(CHECKS))
}

const CHECKS: usize = 3;

fn checks(progress: &mut Progress) -> Result<()> {
    progress.step("check the format", || run(&mut cargo(&["fmt", "--all", "--check"])))?;
    progress.step("check the house rules", lint::check)?;
    let clippy = ["clippy", "--quiet", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"];
    progress.step("check with clippy", || run(&mut with_assets(cargo(&clippy))))
}

/// Checks, builds and runs all tests; a filter is handed to them.
///
/// # Errors
/// When a check, the build or a test fails.
pub(crate) fn test(filter: &[String]) -> Result<()> {
    let mut progress = Progress::new(CHECKS + build::STEPS + 2);
    build::steps(&mut progress)?;
    checks(&mut progress)?;
    let tools = progress.step("look for kubectl, a browser and a registry", test_tools::find)?;
    let wasm = ["build", "--quiet", "-p", "shared", "--target", "wasm32-unknown-unknown"];
    progress.step("build what the page shares for the browser", || run(&mut cargo(&wasm)))?;
    let mut count = Count::default();
    let mut broken = Vec::new();
    for (name, mut command) in groups() {
        eprintln!("\n── {name}");
        command.envs(tools.iter().cloned()).args(filter);
        match run_tests(&mut with_assets(command)) {
            Ok(counted) => {
                count.passed += counted.passed;
                count.failed += counted.failed;
            }
            Err(error) => broken.push(format!("{name}: {error:#}")),
        }
    }
    broken.iter().for_each(|error| eprintln!("error: {error}"));
    // A group that could not run is a failure, though nobody knows of how many tests.
    count.failed += broken.len() as u64;
    eprintln!("\nall of it took {}", progress.time());
    println!("{} passed, {} failed", count.passed, count.failed);
    if count.failed > 0 { bail!("not all tests passed") } else { Ok(()) }
}

/// The test runs, each with its name. All share the server's optimised profile.
fn groups() -> Vec<(&'static str, Command)> {
    let tests = |arguments: &[&str]| cargo(&[&["test", "--release", "--no-fail-fast"], arguments].concat());
    let mut on_wasm = tests(&["-p", "shared", "--lib", "--target", "wasm32-wasip1"]);
    let runner = workspace::root().join("xtask/tools/wasi.mjs");
    on_wasm.env("CARGO_TARGET_WASM32_WASIP1_RUNNER", format!("node --no-warnings {}", runner.display()));
    let images = [
        "-p",
        "image-nginx",
        "-p",
        "image-busybox",
        "-p",
        "image-curl",
        "-p",
        "image-stress",
        "-p",
        "image-redis",
        "-p",
        "image-whoami",
    ];
    vec![
        ("the images", tests(&images)),
        (
            "the page and the build",
            tests(&["-p", "frontend", "--lib", "-p", "xtask", "--bins", "--test", "missing_tools"]),
        ),
        ("what server and page share, as WebAssembly under Node.js", on_wasm),
        (
            "the server, what it shares, and the whole from outside",
            tests(&["-p", "shared", "-p", "kijabi", "-p", "tests"]),
        ),
    ]
}

fn with_assets(mut command: Command) -> Command {
    command.env("KIJABI_ASSETS", workspace::assets());
    command
}

/// Runs tests, shows what they print, and adds up their results. An error if they could not be built or started.
fn run_tests(command: &mut Command) -> Result<Count> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let mut count = Count::default();
    for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
        let line = line?;
        println!("{line}");
        if let Some(result) = result_of(&line) {
            count.passed += result.passed;
            count.failed += result.failed;
        }
    }
    let status = child.wait()?;
    match status.success() || count.failed > 0 {
        true => Ok(count),
        false => bail!("cargo test ended with {status}"),
    }
}

/// Reads `test result: ok. 3 passed; 1 failed; …`.
fn result_of(line: &str) -> Option<Count> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |name: &str| {
        let part = numbers.split(';').find_map(|part| part.trim().strip_suffix(name))?;
        part.trim().parse().ok()
    };
    Some(Count { passed: number("passed")?, failed: number("failed")? })
}

/// Builds everything and measures.
///
/// # Errors
/// When the build or a measurement fails.
pub(crate) fn bench(arguments: &[String]) -> Result<()> {
    let mut progress = Progress::new(build::STEPS + 1);
    build::steps(&mut progress)?;
    let tools = progress.step("look for kubectl and a browser", test_tools::find)?;
    let mut command = with_assets(cargo(&["bench", "-p", "tests"]));
    run(command.envs(tools).args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_test_programs_should_be_added_up() {
        let cases = [
            ("test result: ok. 3 passed; 0 failed; 0 ignored", Some(Count { passed: 3, failed: 0 })),
            ("test result: FAILED. 3 passed; 2 failed; 0 ignored", Some(Count { passed: 3, failed: 2 })),
            ("test a ... ok", None),
        ];
        for (line, expected) in cases {
            assert_eq!(result_of(line), expected, "{line}");
        }
    }
}
