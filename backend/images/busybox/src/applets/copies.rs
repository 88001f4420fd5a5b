//! Trees of files: `cp`, `mv`, `find`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::flags::Flags;
use crate::message;
use crate::shell::{Shell, glob};

/// Where a source goes: into the target if that is a directory.
fn destination(source: &str, target: &Path) -> PathBuf {
    let name = source.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if target.is_dir() { target.join(name) } else { target.to_path_buf() }
}

async fn each_source(
    shell: &Shell,
    tool: &str,
    operands: &[&str],
    act: impl Fn(&Path, &Path) -> io::Result<()>,
) -> io::Result<u8> {
    let Some((target, sources)) = operands.split_last().filter(|(_, sources)| !sources.is_empty()) else {
        return Err(io::Error::other("a source and a destination are needed"));
    };
    let target = shell.path(target);
    if sources.len() > 1 && !target.is_dir() {
        return Err(io::Error::other(format!("target '{}' is not a directory", target.display())));
    }
    let mut status = 0;
    for source in sources {
        if let Err(error) = act(&shell.path(source), &destination(source, &target)) {
            shell.complain(&format!("{tool}: can't {tool} '{source}': {}", message(&error))).await;
            status = 1;
        }
    }
    Ok(status)
}

pub(super) async fn cp(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "rRapf")?;
    let recursive = flags.has('r') || flags.has('R') || flags.has('a');
    each_source(shell, "cp", &flags.operands, |source, target| match source.is_dir() && !recursive {
        true => Err(io::Error::other("it is a directory: -r is needed")),
        false => copy(source, target),
    })
    .await
}

fn copy(source: &Path, target: &Path) -> io::Result<()> {
    if !source.is_dir() {
        return fs::copy(source, target).map(drop);
    }
    if target.starts_with(source) {
        return Err(io::Error::other("a directory cannot be copied into itself"));
    }
    fs::create_dir_all(target)?;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        copy(&entry.path(), &target.join(entry.file_name()))?;
    }
    Ok(())
}

pub(super) async fn mv(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "f")?;
    each_source(shell, "mv", &flags.operands, |source, target| {
        // Between two volumes nothing can be renamed.
        fs::rename(source, target).or_else(|_| {
            copy(source, target)?;
            if source.is_dir() { fs::remove_dir_all(source) } else { fs::remove_file(source) }
        })
    })
    .await
}

/// What `find` looks for.
#[derive(Default)]
struct Wanted<'a> {
    name: Option<&'a str>,
    kind: Option<&'a str>,
    depth: Option<usize>,
}

pub(super) async fn find(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let split = 1 + arguments[1..].iter().take_while(|argument| !argument.starts_with('-')).count();
    let (starts, tests) = (&arguments[1..split], &arguments[split..]);
    let mut wanted = Wanted::default();
    let mut tests = tests.iter().map(String::as_str);
    while let Some(test) = tests.next() {
        let mut value =
            || tests.next().ok_or_else(|| io::Error::other(format!("{test} requires an argument")));
        match test {
            "-name" => wanted.name = Some(value()?),
            "-type" => wanted.kind = Some(value()?),
            "-maxdepth" => wanted.depth = value()?.parse().ok(),
            "-print" => {}
            _ => return Err(io::Error::other(format!("unrecognized: {test}"))),
        }
    }
    let here = [".".to_owned()];
    let mut status = 0;
    for start in if starts.is_empty() { &here } else { starts } {
        if shell.path(start).symlink_metadata().is_err() {
            shell.complain(&format!("find: {start}: No such file or directory")).await;
            status = 1;
            continue;
        }
        let mut lines = String::new();
        walk(shell, start, 0, &wanted, &mut lines);
        shell.print(&lines).await?;
    }
    Ok(status)
}

fn walk(shell: &Shell, name: &str, depth: usize, wanted: &Wanted<'_>, lines: &mut String) {
    let path = shell.path(name);
    let is_directory = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let fits_name = wanted.name.is_none_or(|pattern| glob(pattern, last));
    let fits_kind = wanted.kind.is_none_or(|kind| (kind == "d") == is_directory);
    if fits_name && fits_kind {
        lines.push_str(&format!("{name}\n"));
    }
    if !is_directory || wanted.depth.is_some_and(|most| depth >= most) {
        return;
    }
    let mut children: Vec<String> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    children.sort();
    for child in children {
        walk(shell, &format!("{}/{child}", name.trim_end_matches('/')), depth + 1, wanted, lines);
    }
}
