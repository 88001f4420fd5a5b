//! What need not be done again: a step leaves a stamp that says from which files it worked.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace;

/// Runs a step unless its inputs are those of the last time and its outputs are still there.
///
/// # Errors
/// Those of the step, after which it runs again next time.
pub(crate) fn when_changed(
    name: &str,
    inputs: &[PathBuf],
    outputs: &[PathBuf],
    act: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let file = workspace::target().join("xtask").join(format!("{name}.stamp"));
    let now = format!("{:016x}", fingerprint(inputs)?);
    let is_current = fs::read_to_string(&file).is_ok_and(|before| before == now);
    if is_current && outputs.iter().all(|output| output.exists()) {
        return Ok(());
    }
    let _ = fs::remove_file(&file);
    act()?;
    write_when_changed(&file, now.as_bytes())
}

/// A number that changes when a file below these paths does.
fn fingerprint(inputs: &[PathBuf]) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    for input in inputs {
        for file in files(input)? {
            file.hash(&mut hasher);
            let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            content.hash(&mut hasher);
        }
    }
    Ok(hasher.finish())
}

/// The files below a path, sorted, without what npm installed. A path that does not exist has none.
pub(crate) fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![path.to_path_buf()];
    while let Some(path) = waiting.pop() {
        if path.is_file() {
            found.push(path);
        } else if path.is_dir() && !path.ends_with("node_modules") {
            for entry in fs::read_dir(&path)? {
                waiting.push(entry?.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Writes a file only if its content changes, so that nothing is built again for it.
///
/// # Errors
/// Those of the file system.
pub(crate) fn write_when_changed(file: &Path, content: &[u8]) -> Result<()> {
    if fs::read(file).is_ok_and(|before| before == content) {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, content).with_context(|| format!("cannot write {}", file.display()))
}

/// Copies a file only if it differs.
///
/// # Errors
/// Those of the file system.
pub(crate) fn copy_when_changed(from: &Path, to: &Path) -> Result<()> {
    let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    write_when_changed(to, &content)
}
