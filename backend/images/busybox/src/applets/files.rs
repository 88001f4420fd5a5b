//! Files and their names: `mkdir`, `rm`, `rmdir`, `touch`, `pwd`, `basename`, `dirname`.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};

use super::flags::Flags;
use crate::message;
use crate::shell::Shell;

pub(super) async fn pwd(shell: &mut Shell, _: &[String]) -> io::Result<u8> {
    shell.print(&format!("{}\n", shell.directory.display())).await?;
    Ok(0)
}

pub(super) async fn basename(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let path = operand(arguments, 1)?;
    let trimmed = path.trim_end_matches('/');
    let name = if trimmed.is_empty() { "/" } else { trimmed.rsplit('/').next().unwrap_or_default() };
    let suffix = arguments.get(2).map(String::as_str).unwrap_or_default();
    let name = name.strip_suffix(suffix).filter(|rest| !rest.is_empty()).unwrap_or(name);
    shell.print(&format!("{name}\n")).await?;
    Ok(0)
}

pub(super) async fn dirname(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let path = operand(arguments, 1)?.trim_end_matches('/');
    let parent = match path.rsplit_once('/') {
        Some((parent, _)) if !parent.trim_end_matches('/').is_empty() => parent.trim_end_matches('/'),
        Some(_) => "/",
        None => ".",
    };
    shell.print(&format!("{parent}\n")).await?;
    Ok(0)
}

/// The argument at this place.
///
/// # Errors
/// When there are fewer.
pub(super) fn operand(arguments: &[String], at: usize) -> io::Result<&str> {
    arguments
        .get(at)
        .map(String::as_str)
        .ok_or_else(|| io::Error::other("an argument is missing, see --help"))
}

/// Does something with each operand; the exit code is 1 if one fails, after a message.
async fn each(
    shell: &Shell,
    flags: &Flags<'_>,
    verb: &str,
    act: impl Fn(&str) -> io::Result<()>,
) -> io::Result<u8> {
    let mut status = 0;
    for name in &flags.operands {
        if let Err(error) = act(name) {
            shell.complain(&format!("{verb} '{name}': {}", message(&error))).await;
            status = 1;
        }
    }
    match flags.operands.is_empty() {
        true => Err(io::Error::other("an argument is missing, see --help")),
        false => Ok(status),
    }
}

pub(super) async fn mkdir(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "pm:")?;
    let make = |name: &str| match flags.has('p') {
        true => fs::create_dir_all(shell.path(name)),
        false => fs::create_dir(shell.path(name)),
    };
    each(shell, &flags, "mkdir: can't create directory", make).await
}

pub(super) async fn rmdir(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "p")?;
    each(shell, &flags, "rmdir:", |name| fs::remove_dir(shell.path(name))).await
}

pub(super) async fn rm(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "rRfi")?;
    let recursive = flags.has('r') || flags.has('R');
    let forced = flags.has('f');
    let remove = |name: &str| {
        let path = shell.path(name);
        let removed = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() && !recursive => Err(ErrorKind::IsADirectory.into()),
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) => Err(error),
        };
        removed
            .or_else(|error| if forced && error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
    };
    if forced && flags.operands.is_empty() {
        return Ok(0);
    }
    each(shell, &flags, "rm: can't remove", remove).await
}

pub(super) async fn touch(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "c")?;
    let touch = |name: &str| {
        let path = shell.path(name);
        if flags.has('c') && !path.exists() {
            return Ok(());
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        file.set_modified(std::time::SystemTime::now())
    };
    each(shell, &flags, "touch:", touch).await
}
