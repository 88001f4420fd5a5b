//! `cargo xtask build` and `run`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::command::{cargo, program, run as run_program};
use crate::progress::Progress;
use crate::{page, programs, toolchain, workspace};

/// How many steps [`steps`] takes.
pub(crate) const STEPS: usize = 7;

/// Builds everything and returns the path of the server.
///
/// # Errors
/// That of the first step that fails.
pub(crate) fn build() -> Result<PathBuf> {
    let mut progress = Progress::new(STEPS);
    steps(&mut progress)?;
    eprintln!("{} is ready after {}", workspace::server().display(), progress.time());
    Ok(workspace::server())
}

/// The steps from sources to the server.
///
/// # Errors
/// That of the first step that fails.
pub(crate) fn steps(progress: &mut Progress) -> Result<()> {
    progress.step("look for the tools", toolchain::check)?;
    progress.step("build the programs of the images", programs::build)?;
    progress.step("build the page", page::build_program)?;
    progress.step("bundle the editor", page::bundle_editor)?;
    progress.step("put the page together", page::finish)?;
    progress.step("compile the programs ahead of time", programs::precompile)?;
    progress.step("build the server", || run_program(&mut server_build("kijabi")))
}

/// Cargo's command for a program of the server's package, with everything embedded. The tests' package is
/// selected too, so that the tests find every dependency built with just the features that they need.
pub(crate) fn server_build(program: &str) -> Command {
    let mut build = cargo(&["build", "--release", "-p", "kijabi", "-p", "tests", "--bin", program]);
    build.env("KIJABI_ASSETS", workspace::assets());
    build
}

/// Builds everything and becomes the server.
///
/// # Errors
/// Those of building; after it, the server's own exit code counts.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let server = build()?;
    let arguments = arguments.iter().skip_while(|argument| *argument == "--");
    let mut command = program(server);
    command.arg("serve").args(arguments);
    become_program(&mut command)
}

/// The server takes this process's place, so that signals reach it and its exit code is this one's.
#[cfg(unix)]
fn become_program(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec().into())
}

#[cfg(not(unix))]
fn become_program(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    std::process::exit(status.code().unwrap_or(1))
}
