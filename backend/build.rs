//! Embeds what `cargo xtask` prepared (the page, the programs of the built-in images) into the binary.
//!
//! The folder is named by the variable `KIJABI_ASSETS` and holds `images/*.wasm`, `images/*.cwasm` and `page/**`.
//! Without it nothing is embedded, so that a plain `cargo check` needs neither Node.js nor other targets; the server
//! then says at start what it lacks.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=KIJABI_ASSETS");
    let folder = env::var_os("KIJABI_ASSETS").map(PathBuf::from);
    let mut source = String::new();
    match &folder {
        Some(folder) => {
            println!("cargo::rerun-if-changed={}", folder.display());
            write_programs(&mut source, &folder.join("images"))?;
            write_page(&mut source, &folder.join("page"))?;
        }
        None => source.push_str(
            "pub(super) static PROGRAMS: &[Embedded] = &[];\npub static PAGE: &[PageFile] = &[];\n",
        ),
    }
    writeln!(
        source,
        "/// Whether this binary was built by `cargo xtask`.\npub const ARE_EMBEDDED: bool = {};",
        folder.is_some()
    )?;
    write_when_changed(&PathBuf::from(env::var("OUT_DIR")?).join("assets.rs"), &source)?;
    Ok(())
}

fn write_programs(source: &mut String, folder: &Path) -> Result<(), Box<dyn Error>> {
    source.push_str("pub(super) static PROGRAMS: &[Embedded] = &[\n");
    for wasm in files(folder)?.iter().filter(|file| file.extension().is_some_and(|end| end == "wasm")) {
        let name = wasm.file_stem().unwrap_or_default().to_string_lossy();
        let compiled = wasm.with_extension("cwasm");
        let compiled =
            if compiled.is_file() { format!("include_bytes!({compiled:?})") } else { "&[]".to_owned() };
        let digest = Sha256::digest(fs::read(wasm)?);
        writeln!(
            source,
            "Embedded {{ name: {name:?}, wasm: include_bytes!({wasm:?}), precompiled: {compiled}, \
             digest: \"sha256:{digest:x}\" }},"
        )?;
    }
    source.push_str("];\n");
    Ok(())
}

fn write_page(source: &mut String, folder: &Path) -> Result<(), Box<dyn Error>> {
    source.push_str("/// The files of the page, sorted by path.\npub static PAGE: &[PageFile] = &[\n");
    for file in files(folder)? {
        let path = file.strip_prefix(folder)?.to_string_lossy().replace('\\', "/");
        writeln!(source, "PageFile {{ path: {path:?}, bytes: include_bytes!({file:?}) }},")?;
    }
    source.push_str("];\n");
    Ok(())
}

/// All files below a folder, sorted. A folder that does not exist has none.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop().filter(|folder| folder.is_dir()) {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

fn write_when_changed(file: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    if fs::read_to_string(file).ok().as_deref() != Some(text) {
        fs::write(file, text)?;
    }
    Ok(())
}
