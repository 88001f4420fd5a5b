//! Where things lie.

use std::env;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf()
}

/// Cargo's target directory.
pub(crate) fn target() -> PathBuf {
    let chosen = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    chosen.map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// What is embedded in the server: `images/` and `page/`.
pub(crate) fn assets() -> PathBuf {
    target().join("assets")
}

/// The finished program.
pub(crate) fn server() -> PathBuf {
    target().join("release").join(format!("kijabi{}", env::consts::EXE_SUFFIX))
}
