//! What is known of files and between them: `ln`, `readlink`, `stat`, `du`.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use super::flags::Flags;
use crate::message;
use crate::shell::Shell;

pub(super) async fn readlink(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "fn")?;
    let [name] = flags.operands[..] else { return Err(io::Error::other("one file is needed, see --help")) };
    let path = shell.path(name);
    // A missing link is an answer without words, as in scripts that ask for it.
    let found = if flags.has('f') { fs::canonicalize(&path).or(Ok(path)) } else { fs::read_link(path) };
    let Ok(target) = found else { return Ok(1) };
    let end = if flags.has('n') { "" } else { "\n" };
    shell.print(&format!("{}{end}", target.display())).await?;
    Ok(0)
}

pub(super) async fn stat(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "c:L")?;
    if flags.operands.is_empty() {
        return Err(io::Error::other("a file is needed, see --help"));
    }
    let default = "  File: %n\n  Size: %s\n  Type: %F\nModify: %y";
    let format = flags.value('c').unwrap_or(default);
    let mut status = 0;
    for name in &flags.operands {
        let path = shell.path(name);
        let found = if flags.has('L') { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
        match found {
            Ok(metadata) => shell.print(&format!("{}\n", told(format, name, &metadata)?)).await?,
            Err(error) => {
                shell.complain(&format!("stat: can't stat '{name}': {}", message(&error))).await;
                status = 1;
            }
        }
    }
    Ok(status)
}

/// The format with what a guest can know of the file.
fn told(format: &str, name: &str, metadata: &Metadata) -> io::Result<String> {
    let modified = metadata.modified().ok().and_then(|time| jiff::Timestamp::try_from(time).ok());
    let modified = modified.unwrap_or_default();
    let mut text = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => text.push_str(name),
            Some('s') => text.push_str(&metadata.len().to_string()),
            Some('Y') => text.push_str(&modified.as_second().to_string()),
            Some('y') => text.push_str(&modified.strftime("%Y-%m-%d %H:%M:%S.%9f %z").to_string()),
            Some('F') => text.push_str(match () {
                () if metadata.is_symlink() => "symbolic link",
                () if metadata.is_dir() => "directory",
                () if metadata.len() == 0 => "regular empty file",
                () => "regular file",
            }),
            Some('%') => text.push('%'),
            other => {
                let letter = other.unwrap_or(' ');
                return Err(io::Error::other(format!(
                    "%{letter} is not known here: n, s, F, Y, y and % are"
                )));
            }
        }
    }
    Ok(text)
}

pub(super) async fn du(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "skhabd:")?;
    let deepest: usize = if flags.has('s') { 0 } else { flags.number('d')?.unwrap_or(usize::MAX) };
    let mut status = 0;
    let names = if flags.operands.is_empty() { vec!["."] } else { flags.operands.clone() };
    for name in names {
        let mut lines = Vec::new();
        match measure(&shell.path(name), name, 0, &mut lines) {
            Ok(_) => {
                let is_shown = |(_, _, depth, is_directory): &&(String, u64, usize, bool)| {
                    *depth <= deepest && (*is_directory || *depth == 0 || flags.has('a'))
                };
                for (name, bytes, ..) in lines.iter().filter(is_shown) {
                    shell.print(&format!("{}\t{name}\n", size(*bytes, &flags))).await?;
                }
            }
            Err(error) => {
                shell.complain(&format!("du: {name}: {}", message(&error))).await;
                status = 1;
            }
        }
    }
    Ok(status)
}

/// The bytes below a path, after the lines of what is in it: name, bytes, depth, whether it is a directory.
fn measure(
    path: &Path,
    name: &str,
    depth: usize,
    lines: &mut Vec<(String, u64, usize, bool)>,
) -> io::Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    let mut bytes = if metadata.is_dir() { 0 } else { metadata.len() };
    if metadata.is_dir() {
        let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
        let mut children: Vec<String> =
            entries.iter().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        children.sort();
        for child in children {
            let shown = format!("{}/{child}", name.trim_end_matches('/'));
            bytes += measure(&path.join(&child), &shown, depth + 1, lines)?;
        }
    }
    lines.push((name.to_owned(), bytes, depth, metadata.is_dir()));
    Ok(bytes)
}

/// In kibibytes, or as `-b` and `-h` ask.
fn size(bytes: u64, flags: &Flags<'_>) -> String {
    let units = [(30, 'G'), (20, 'M'), (10, 'K')];
    match units.into_iter().find(|(shift, _)| bytes >> shift > 0) {
        _ if flags.has('b') => bytes.to_string(),
        Some((shift, unit)) if flags.has('h') => {
            format!("{:.1}{unit}", bytes as f64 / f64::from(1_u32 << shift))
        }
        None if flags.has('h') => bytes.to_string(),
        _ => bytes.div_ceil(1024).to_string(),
    }
}

pub(super) async fn ln(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "sfn")?;
    let [target, link] = flags.operands[..] else {
        return Err(io::Error::other("a target and a link are needed, see --help"));
    };
    let mut place = shell.path(link);
    if place.is_dir() && !flags.has('n') {
        place.push(target.trim_end_matches('/').rsplit('/').next().unwrap_or_default());
    }
    if flags.has('f') && place.symlink_metadata().is_ok() {
        fs::remove_file(&place)?;
    }
    let linked = match flags.has('s') {
        true => symbolic(target, &place),
        false => fs::hard_link(shell.path(target), &place),
    };
    match linked {
        Ok(()) => Ok(0),
        Err(error) => {
            shell.complain(&format!("ln: {link}: {}", message(&error))).await;
            Ok(1)
        }
    }
}

#[allow(deprecated, reason = "the only function of std's that makes links under WASI, too")]
fn symbolic(target: &str, place: &Path) -> io::Result<()> {
    fs::soft_link(target, place)
}
