//! From the layers of an ordinary image to a directory with its files
//! ([OCI image specification](https://github.com/opencontainers/image-spec/blob/main/layer.md), `layer.md`).
//!
//! A layer is written by a stranger. Nothing of it lands outside the directory: a path is walked from the root and
//! links on it are followed inside. A symbolic link is written anew, relative and never above the root, so that
//! whoever follows it later, on the host, stays inside as well. Sizes and numbers have bounds.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write as _};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};
use tar::{Archive, Entry, EntryType};

use super::content::Digest;
use super::image::link;

/// What an image may be when it is unpacked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// All files together.
    pub(super) bytes: u64,
    /// Files, directories and links together.
    pub(super) entries: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { bytes: 4 << 30, entries: 200_000 }
    }
}

/// As many links are followed on one path, as under Linux.
const MAX_LINKS: usize = 40;

/// Unpacks layers, the lowest first, each with the digest of its content. Blocks on the disk.
///
/// # Errors
/// What is wrong with which layer.
pub(super) fn unpack(
    layers: &[(PathBuf, Option<String>)],
    root: &Path,
    bounds: Bounds,
) -> Result<(), String> {
    fs::create_dir_all(root).map_err(|error| error.to_string())?;
    let mut left = bounds;
    for (number, (path, content)) in layers.iter().enumerate() {
        let mut layer = Layer { root, written: BTreeSet::new(), left, bounds };
        layer
            .apply(path, content.as_deref())
            .map_err(|error| format!("failed to extract layer {}: {error}", number + 1))?;
        left = layer.left;
    }
    Ok(())
}

/// A layer that is being unpacked.
struct Layer<'a> {
    root: &'a Path,
    /// What this very layer wrote: an opaque directory loses what lies below it alone.
    written: BTreeSet<PathBuf>,
    left: Bounds,
    bounds: Bounds,
}

fn refused(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

impl Layer<'_> {
    fn apply(&mut self, blob: &Path, promised: Option<&str>) -> io::Result<()> {
        let limit = self.left.bytes;
        let mut content = Measured { inner: decompressed(blob)?, hasher: Sha256::new(), read: 0, limit };
        let mut archive = Archive::new(&mut content);
        for entry in archive.entries()? {
            let mut entry = entry?;
            self.left.entries =
                self.left.entries.checked_sub(1).ok_or_else(|| {
                    refused(format!("the image has more than {} files", self.bounds.entries))
                })?;
            self.entry(&mut entry)?;
        }
        // What follows the archive's end belongs to the digest.
        io::copy(&mut content, &mut io::sink())?;
        self.spend(content.read)?;
        let found = format!("sha256:{:x}", content.hasher.finalize());
        match promised {
            Some(promised) if promised != found => Err(refused(format!(
                "its content has the digest {found} and not {promised}, as the configuration promised"
            ))),
            _ => Ok(()),
        }
    }

    fn entry<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> io::Result<()> {
        let path = entry.path()?.into_owned();
        let parts = parts(&path)?;
        let Some((name, folders)) = parts.split_last() else { return Ok(()) };
        let folder = self.folder(folders)?;
        let text = name.to_string_lossy();
        if text == ".wh..wh..opq" {
            return self.clear(&folder);
        }
        if let Some(hidden) = text.strip_prefix(".wh.") {
            return remove(&folder.join(hidden));
        }
        let place = folder.join(name);
        match entry.header().entry_type() {
            EntryType::Directory => self.directory(&place)?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => self.file(&place, entry)?,
            EntryType::Symlink => {
                let target = entry
                    .link_name()?
                    .ok_or_else(|| refused(format!("{} links to nothing", path.display())))?;
                remove(&place)?;
                self.link(&place, &target)?;
            }
            EntryType::Link => {
                let target = entry
                    .link_name()?
                    .ok_or_else(|| refused(format!("{} links to nothing", path.display())))?;
                self.hard_link(&place, &target)?;
            }
            // Devices and pipes mean nothing to a WebAssembly program.
            _ => return Ok(()),
        }
        self.written.insert(place);
        Ok(())
    }

    /// The directory of these parts, made where it is not there; links on the way are followed inside the root.
    fn folder(&mut self, folders: &[OsString]) -> io::Result<PathBuf> {
        let mut place = self.root.to_owned();
        let mut to_walk: Vec<OsString> = folders.iter().rev().cloned().collect();
        let mut links = 0;
        while let Some(part) = to_walk.pop() {
            if part == ".." {
                if place != self.root {
                    place.pop();
                }
                continue;
            }
            let next = place.join(&part);
            match fs::symlink_metadata(&next) {
                Ok(found) if found.is_dir() => place = next,
                Ok(found) if found.is_symlink() => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(refused(format!("too many links on the way to {}", next.display())));
                    }
                    // Ours, so relative.
                    to_walk.extend(fs::read_link(&next)?.iter().rev().map(OsString::from));
                }
                Ok(_) => return Err(refused(format!("{} is no directory", part.to_string_lossy()))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    fs::create_dir(&next)?;
                    self.written.insert(next.clone());
                    place = next;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(place)
    }

    fn directory(&self, place: &Path) -> io::Result<()> {
        match fs::symlink_metadata(place) {
            Ok(found) if found.is_dir() => Ok(()),
            _ => {
                remove(place)?;
                fs::create_dir(place)
            }
        }
    }

    fn file(&self, place: &Path, content: &mut impl Read) -> io::Result<()> {
        remove(place)?;
        let mut file = File::create_new(place)?;
        io::copy(content, &mut file)?;
        file.flush()
    }

    fn spend(&mut self, bytes: u64) -> io::Result<()> {
        self.left.bytes = self.left.bytes.checked_sub(bytes).ok_or_else(too_large)?;
        Ok(())
    }

    /// Writes a symbolic link so that it leads to the same place inside the root for everyone.
    fn link(&self, place: &Path, target: &Path) -> io::Result<()> {
        let folder =
            place.parent().and_then(|folder| folder.strip_prefix(self.root).ok()).unwrap_or(Path::new(""));
        let own: Vec<OsString> = folder.iter().map(OsString::from).collect();
        let mut wanted = if target.has_root() { Vec::new() } else { own.clone() };
        for part in target.components() {
            match part {
                Component::Normal(part) => wanted.push(part.to_owned()),
                Component::ParentDir => drop(wanted.pop()),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
        let common = own.iter().zip(&wanted).take_while(|(left, right)| left == right).count();
        let up = std::iter::repeat_n(OsString::from(".."), own.len() - common);
        let relative: PathBuf = up.chain(wanted.into_iter().skip(common)).collect();
        link(if relative.as_os_str().is_empty() { Path::new(".") } else { &relative }, place)
    }

    /// Another name of a file becomes a copy of it.
    fn hard_link(&mut self, place: &Path, target: &Path) -> io::Result<()> {
        let parts = parts(target)?;
        let Some((name, folders)) = parts.split_last() else {
            return Err(refused("a link to the root".to_owned()));
        };
        let source = self.folder(folders)?.join(name);
        if source == place {
            return Ok(());
        }
        let found = fs::symlink_metadata(&source)?;
        remove(place)?;
        if found.is_symlink() {
            let inside = source
                .parent()
                .and_then(|folder| folder.strip_prefix(self.root).ok())
                .unwrap_or(Path::new(""));
            return self.link(place, &Path::new("/").join(inside).join(fs::read_link(&source)?));
        }
        self.spend(found.len())?;
        fs::copy(&source, place).map(drop)
    }

    /// Removes what lower layers have in a directory.
    fn clear(&self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if !self.written.iter().any(|written| written.starts_with(&path)) {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

fn too_large() -> io::Error {
    refused("the image is too large when it is unpacked".to_owned())
}

/// The parts of a path in an archive, from the root.
fn parts(path: &Path) -> io::Result<Vec<OsString>> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_owned()),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                return Err(refused(format!(
                    "the path {:?} leads out of the image",
                    path.display().to_string()
                )));
            }
        }
    }
    Ok(parts)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// A layer's archive: gzip, zstd or plain, as its first bytes say.
fn decompressed(blob: &Path) -> io::Result<Box<dyn Read>> {
    let mut start = Vec::new();
    File::open(blob)?.take(4).read_to_end(&mut start)?;
    let file = File::open(blob)?;
    Ok(match start[..] {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(BufReader::new(file))),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(file)?),
        _ => Box::new(BufReader::new(file)),
    })
}

/// What is read of a layer: its digest, and whether it is too much.
struct Measured<R> {
    inner: R,
    hasher: Sha256,
    read: u64,
    limit: u64,
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.read += read as u64;
        if self.read > self.limit { Err(too_large()) } else { Ok(read) }
    }
}

/// The WebAssembly programs among the files: where they lie in the image, and their digests. Blocks on the disk.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn programs(root: &Path) -> io::Result<Vec<(String, Digest)>> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && is_wasm(&path)? {
                let inside = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                found.push((format!("/{inside}"), Digest::of(&fs::read(&path)?)));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_wasm(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut start)?;
    Ok(start == b"\0asm")
}

#[cfg(test)]
mod tests;
