//! The page: its program as WebAssembly, the editor's bundle, the static files, each with a compressed sibling.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use wasm_bindgen_cli_support::Bindgen;

use crate::command::{cargo, program, run, run_quietly};
use crate::stamp::{copy_when_changed, files, when_changed};
use crate::{npm, workspace};

/// The page's program: its JavaScript and its WebAssembly.
const PROGRAM: [&str; 2] = ["frontend.js", "frontend_bg.wasm"];

/// Where the page's files are put together.
fn page() -> PathBuf {
    workspace::assets().join("page")
}

/// What the page's program is made of on the way.
fn workshop() -> PathBuf {
    workspace::target().join("page")
}

/// What of Binaryen makes the program smaller once it is compressed, by 1 %. Its usual `-Oz` makes it 10 % larger,
/// because it tears apart what is alike.
const OPTIMIZATIONS: [&str; 13] = [
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
    "--duplicate-function-elimination",
    "--remove-unused-module-elements",
    "--remove-unused-brs",
    "--merge-blocks",
    "--optimize-instructions",
    "--precompute",
    "--vacuum",
];

/// Builds the page's program: compile, bind, optimize, and make its JavaScript small.
///
/// # Errors
/// When one of these fails.
pub(crate) fn build_program() -> Result<()> {
    npm::install("editor", &npm::editor())?;
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
    // Messages of panics name files; where the builder keeps them is nobody's business.
    if let Some(sources) = sources_of_packages() {
        build.env("RUSTFLAGS", format!("--remap-path-prefix={}=", sources.display()));
    }
    run(build.arg("--target-dir").arg(&target))?;
    let compiled = target.join("wasm32-unknown-unknown/page/frontend.wasm");
    let bound = workshop().join("bound");
    let made = PROGRAM.map(|name| workshop().join("made").join(name));
    when_changed("page", std::slice::from_ref(&compiled), &made, || {
        bind(&compiled, &bound)?;
        let [script, program] = PROGRAM.map(|name| bound.join(name));
        optimize(&program, &made[1])?;
        minify(&script, &made[0])
    })?;
    made.iter().zip(PROGRAM).try_for_each(|(file, name)| copy_when_changed(file, &page().join(name)))
}

/// Where Cargo unpacks packages.
fn sources_of_packages() -> Option<PathBuf> {
    let own = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = own.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    Some(home.join("registry/src"))
}

fn bind(compiled: &Path, folder: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(compiled).typescript(false).remove_name_section(true).remove_producers_section(true);
    bindgen
        .web(true)
        .and_then(|bindgen| bindgen.generate(folder))
        .map_err(|error| anyhow!("wasm-bindgen: {error:#}"))
}

fn optimize(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    let mut optimize = program("node");
    optimize.arg(npm::editor().join("node_modules/binaryen/bin/wasm-opt")).args(OPTIMIZATIONS);
    run_quietly(optimize.arg(from).arg("-o").arg(to)).map(drop)
}

fn minify(from: &Path, to: &Path) -> Result<()> {
    let mut minify = program("node");
    minify.arg(npm::editor().join("minify.mjs")).arg(from).arg(to);
    run_quietly(&mut minify).map(drop)
}

/// Bundles the editor.
///
/// # Errors
/// When npm or esbuild fails.
pub(crate) fn bundle_editor() -> Result<()> {
    let editor = npm::editor();
    let folder = workshop().join("editor");
    when_changed(
        "bundle",
        std::slice::from_ref(&editor),
        &["editor.js", "terminal.js"].map(|file| folder.join(file)),
        || {
            let mut bundle = program(npm::NPM);
            bundle.current_dir(&editor).args(["run", "--silent", "bundle", "--"]).arg(&folder);
            run_quietly(&mut bundle).map(drop)
        },
    )?;
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
    let mut wanted: BTreeSet<PathBuf> = PROGRAM.map(|name| page().join(name)).into();
    let bundle = workshop().join("editor");
    for file in files(&bundle)? {
        wanted.insert(page().join(file.strip_prefix(&bundle)?));
    }
    for file in files(&folder)? {
        let path = file.strip_prefix(&folder)?;
        if ELSEWHERE.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
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

/// Folders of `static` that the page does not load: pictures of the documents, and what its program holds itself.
const ELSEWHERE: [&str; 3] = ["images", "i18n", "examples"];

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
