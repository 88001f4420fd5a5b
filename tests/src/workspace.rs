//! Where things lie, and which programs the tests use.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The server: the one that `KIJABI_BIN` names, else the one that `cargo xtask build` left.
pub fn server() -> PathBuf {
    named("KIJABI_BIN", || {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        target.join("release/kijabi").with_extension(std::env::consts::EXE_EXTENSION)
    })
}

/// The program that the variable names, else the one with this name on the PATH.
pub fn program(variable: &str, name: impl AsRef<OsStr>) -> PathBuf {
    named(variable, || PathBuf::from(name.as_ref()))
}

fn named(variable: &str, default: impl FnOnce() -> PathBuf) -> PathBuf {
    std::env::var_os(variable).map_or_else(default, PathBuf::from)
}
