//! The programs of the built-in images: built to WASI 0.2 components, then compiled ahead of time.

use std::path::PathBuf;

use anyhow::Result;

use crate::command::{cargo, program, run};
use crate::stamp::{copy_when_changed, when_changed};
use crate::{toolchain, workspace};

/// Their names: that of a package without `image-`, and of its program.
const PROGRAMS: [&str; 6] = ["nginx", "busybox", "curl", "stress", "redis", "whoami"];

/// Builds the components into the assets.
///
/// # Errors
/// When Cargo fails.
pub(crate) fn build() -> Result<()> {
    // A target directory of its own: it shares nothing with the server and waits for no lock.
    let folder = workspace::target().join("guest");
    let mut build =
        cargo(&["build", "--quiet", "--profile", "guest", "--target", "wasm32-wasip2", "--target-dir"]);
    build.arg(&folder);
    for name in PROGRAMS {
        build.arg("-p").arg(format!("image-{name}"));
    }
    run(&mut build)?;
    for (name, file) in PROGRAMS.iter().zip(files("wasm")) {
        copy_when_changed(&folder.join(format!("wasm32-wasip2/guest/{name}.wasm")), &file)?;
    }
    Ok(())
}

/// Compiles the components for any processor of this machine's kind, so that a first start compiles nothing.
///
/// # Errors
/// When Cargo or the compilation fails.
pub(crate) fn precompile() -> Result<()> {
    let root = workspace::root();
    let mut inputs = files("wasm");
    inputs.extend(["Cargo.lock", "backend/src/runtime/engine.rs"].map(|file| root.join(file)));
    when_changed("precompile", &inputs, &files("cwasm"), || {
        run(&mut crate::build::server_build("precompile"))?;
        let precompile =
            workspace::server().with_file_name(format!("precompile{}", std::env::consts::EXE_SUFFIX));
        run(program(precompile).arg(toolchain::host()?).args(files("wasm")))
    })
}

fn files(extension: &str) -> Vec<PathBuf> {
    PROGRAMS.iter().map(|name| workspace::assets().join(format!("images/{name}.{extension}"))).collect()
}
