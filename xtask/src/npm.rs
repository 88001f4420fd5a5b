//! Packages of npm, installed as their lock files say.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::{program, run_quietly};
use crate::stamp::when_changed;
use crate::workspace;

/// How npm is started here.
pub(crate) const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// Installs the packages of a folder if its lock file changed.
///
/// # Errors
/// When npm fails, with what it said.
pub(crate) fn install(name: &str, folder: &Path) -> Result<()> {
    let inputs = [folder.join("package.json"), folder.join("package-lock.json")];
    when_changed(name, &inputs, &[folder.join("node_modules")], || {
        let mut npm = program(NPM);
        npm.current_dir(folder).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
        run_quietly(&mut npm)
            .context("npm could not install packages: is there a network connection?")
            .map(drop)
    })
}

/// The page's editor.
pub(crate) fn editor() -> PathBuf {
    workspace::root().join("frontend/editor")
}
