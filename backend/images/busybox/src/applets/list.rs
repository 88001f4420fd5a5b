//! `ls`.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::flags::Flags;
use crate::message;
use crate::shell::Shell;

pub(super) async fn ls(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "1alhAdFRrt")?;
    let names = if flags.operands.is_empty() { vec!["."] } else { flags.operands.clone() };
    let mut status = 0;
    let mut files = Vec::new();
    let mut folders = Vec::new();
    for name in names {
        match shell.path(name).metadata() {
            Ok(metadata) if metadata.is_dir() && !flags.has('d') => folders.push(name),
            Ok(_) => files.push(name.to_owned()),
            Err(error) => {
                shell.complain(&format!("ls: {name}: {}", message(&error))).await;
                status = 1;
            }
        }
    }
    let several = folders.len() + files.len() > 1;
    shell.print(&lines(&shell.directory, &files, &flags)).await?;
    for (index, name) in folders.into_iter().enumerate() {
        if several {
            let gap = if index > 0 || !files.is_empty() { "\n" } else { "" };
            shell.print(&format!("{gap}{name}:\n")).await?;
        }
        let path = shell.path(name);
        shell.print(&lines(&path, &children(&path, &flags)?, &flags)).await?;
    }
    Ok(status)
}

fn children(folder: &Path, flags: &Flags<'_>) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| flags.has('a') || flags.has('A') || !name.starts_with('.'));
    if flags.has('a') {
        names.extend([".".to_owned(), "..".to_owned()]);
    }
    names.sort();
    if flags.has('t') {
        let changed =
            |name: &String| folder.join(name).metadata().and_then(|metadata| metadata.modified()).ok();
        names.sort_by_key(|name| std::cmp::Reverse(changed(name)));
    }
    if flags.has('r') {
        names.reverse();
    }
    Ok(names)
}

fn lines(folder: &Path, names: &[String], flags: &Flags<'_>) -> String {
    let line = |name: &String| match flags.has('l') {
        true => long(folder, name, flags.has('h')),
        false => format!("{name}\n"),
    };
    names.iter().map(line).collect()
}

fn long(folder: &Path, name: &str, human: bool) -> String {
    let path = folder.join(name);
    let Ok(metadata) = path.symlink_metadata() else { return format!("?????????? {name}\n") };
    let (kind, target) = match metadata.file_type() {
        kind if kind.is_dir() => ("drwxr-xr-x", String::new()),
        kind if kind.is_symlink() => {
            let target = fs::read_link(&path).map(|target| format!(" -> {}", target.display()));
            ("lrwxrwxrwx", target.unwrap_or_default())
        }
        _ => ("-rw-r--r--", String::new()),
    };
    let size = if human { human_size(metadata.len()) } else { metadata.len().to_string() };
    format!("{kind}    1 root     root     {size:>9} {} {name}{target}\n", changed(&metadata))
}

fn changed(metadata: &Metadata) -> String {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let seconds = since.and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or_default();
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned(TimeZone::UTC).strftime("%b %e %H:%M").to_string()
}

fn human_size(bytes: u64) -> String {
    let mut size = bytes as f64;
    let mut units = ["", "K", "M", "G"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    while size >= 1024.0 {
        let Some(next) = units.next() else { break };
        (size, unit) = (size / 1024.0, next);
    }
    if unit.is_empty() { bytes.to_string() } else { format!("{size:.1}{unit}") }
}
