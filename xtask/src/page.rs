//! The page: its program as WebAssembly, the editor's bundle, the static files, each with a compressed sibling.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use wasm_bindgen_cli_support::Bindgen;

use crate::command::{cargo, program, run, run_quietly};
use crate::stamp::{copy_when_changed, files, when_changed};
use crate::{npm, workspace};

/// Where the page's files are put together.
fn page() -> PathBuf {
    workspace::assets().join("page")
}

/// What the page's program is made of on the way.
fn workshop() -> PathBuf {
    workspace::target().join("page")
}

/// Builds the page's program: compile, bind.
///
/// # Errors
/// When one of these fails.
pub(crate) fn build_program() -> Result<()> {
    // A target directory of its own, as for the images.
    let target = workshop().join("target");
    let mut build = cargo(&[
        "build",
        "--quiet",
        "-p",
        "frontend",
        "--lib",
        "--profile",
        "page",
        "--target",
        "wasm32-unknown-unknown",
    ]);
    run(build.arg("--target-dir").arg(&target))?;
    let compiled = target.join("wasm32-unknown-unknown/page/frontend.wasm");
    let bound = workshop().join("bound");
    let program = bound.join("frontend_bg.wasm");
    // wasm-opt is left out: it makes this program smaller, but 10 % larger once it is compressed.
    when_changed("page", std::slice::from_ref(&compiled), std::slice::from_ref(&program), || {
        bind(&compiled, &bound)
    })?;
    copy_when_changed(&bound.join("frontend.js"), &page().join("frontend.js"))?;
    copy_when_changed(&program, &page().join("frontend_bg.wasm"))
}

fn bind(compiled: &Path, folder: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(compiled).typescript(false).remove_name_section(true).remove_producers_section(true);
    bindgen
        .web(true)
        .and_then(|bindgen| bindgen.generate(folder))
        .map_err(|error| anyhow!("wasm-bindgen: {error:#}"))
}

/// Bundles the editor.
///
/// # Errors
/// When npm or esbuild fails.
pub(crate) fn bundle_editor() -> Result<()> {
    let editor = npm::editor();
    npm::install("editor", &editor)?;
    let folder = workshop().join("editor");
    when_changed("bundle", std::slice::from_ref(&editor), &[folder.join("editor.js")], || {
        let mut bundle = program(npm::NPM);
        bundle.current_dir(&editor).args(["run", "--silent", "bundle", "--"]).arg(&folder);
        run_quietly(&mut bundle).map(drop)
    })?;
    for file in files(&folder)? {
        copy_when_changed(&file, &page().join(file.strip_prefix(&folder)?))?;
    }
    Ok(())
}

/// Copies the static files, removes what is no longer part of the page, and compresses the rest.
///
/// # Errors
/// Those of the file system and of Node.js.
pub(crate) fn finish() -> Result<()> {
    let folder = workspace::root().join("static");
    let mut wanted: BTreeSet<PathBuf> =
        ["frontend.js", "frontend_bg.wasm"].map(|name| page().join(name)).into();
    let bundle = workshop().join("editor");
    for file in files(&bundle)? {
        wanted.insert(page().join(file.strip_prefix(&bundle)?));
    }
    for file in files(&folder)? {
        let path = file.strip_prefix(&folder)?;
        // The page's own address is `/`; everything else of the folder is `/static/…`.
        let path =
            if path == Path::new("index.html") { path.to_path_buf() } else { Path::new("static").join(path) };
        copy_when_changed(&file, &page().join(&path))?;
        wanted.insert(page().join(path));
    }
    remove_others(&wanted)?;
    compress(&wanted.into_iter().collect::<Vec<_>>())
}

fn remove_others(wanted: &BTreeSet<PathBuf>) -> Result<()> {
    for file in files(&page())? {
        let original = match file.extension().is_some_and(|extension| extension == "br") {
            true => file.with_extension(""),
            false => file.clone(),
        };
        if !wanted.contains(&original) {
            fs::remove_file(&file)?;
        }
    }
    Ok(())
}

/// Formats that are compressed by themselves.
const COMPRESSED: [&str; 5] = ["png", "jpg", "webp", "woff2", "br"];

fn compress(wanted: &[PathBuf]) -> Result<()> {
    let is_compressed =
        |file: &PathBuf| file.extension().is_some_and(|end| COMPRESSED.iter().any(|known| end == *known));
    let stale: Vec<&PathBuf> =
        wanted.iter().filter(|file| !is_compressed(file) && !has_current_sibling(file)).collect();
    if stale.is_empty() {
        return Ok(());
    }
    let script = workspace::root().join("xtask/tools/compress.mjs");
    run_quietly(program("node").arg(script).args(stale)).map(drop)
}

/// Whether the compressed sibling is younger than the file, or the file too small to have one.
fn has_current_sibling(file: &Path) -> bool {
    let sibling = PathBuf::from(format!("{}.br", file.display()));
    let changed = |file: &Path| file.metadata().and_then(|metadata| metadata.modified());
    matches!((changed(file), changed(&sibling)), (Ok(original), Ok(compressed)) if compressed >= original)
}
