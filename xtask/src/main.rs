//! `cargo xtask`: everything that builds, runs, tests and measures the program, in one command each.

mod build;
mod command;
mod lint;
mod npm;
mod page;
mod programs;
mod progress;
mod stamp;
mod suite;
mod test_tools;
mod toolchain;
mod workspace;

use std::env;
use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
Usage: cargo xtask COMMAND [ARG]...

  run [ARG]...    build everything and start the server; arguments go to `kijabi serve`
  build           build everything into the one file target/release/kijabi
  test [FILTER]   check format, lints and house rules, then run all tests
  bench [ARG]...  measure the figures of the documentation
  lint            check format, lints and house rules
";

fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((task, rest)) = arguments.split_first() else {
        print!("{USAGE}");
        return Ok(());
    };
    match task.as_str() {
        "run" => build::run(rest),
        "build" => build::build().map(drop),
        "test" => suite::test(rest),
        "bench" => suite::bench(rest),
        "lint" => suite::lint(),
        "help" | "-h" | "--help" => {
            print!("{USAGE}");
            Ok(())
        }
        other => bail!("unknown command {other}\n\n{USAGE}"),
    }
}
