//! `precompile TARGET FILE.wasm…` compiles programs ahead of time for any processor of a target, each to
//! `FILE.cwasm` beside it. A tool of the build: `cargo xtask` calls it before the programs are embedded.

use std::path::PathBuf;

use anyhow::Context;
use backend::runtime::precompile_for;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().context("usage: precompile TARGET FILE.wasm...")?;
    for file in arguments.map(PathBuf::from) {
        let wasm = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let compiled =
            precompile_for(&target, &wasm).with_context(|| format!("cannot compile {}", file.display()))?;
        std::fs::write(file.with_extension("cwasm"), compiled)?;
    }
    Ok(())
}
