//! Files that change all at once: `pkg/volume/util/atomic_writer.go` of kubernetes/kubernetes.
//!
//! The files lie in a directory named after the time, `..data` is a link to it, and what programs see are links
//! into `..data`. New files are written beside the old ones; then one rename makes `..data` lead to them. A
//! program that reads one file after the other through `..data` never sees a mixture.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use shared::kubelet::volume::{File, Files};

const DATA: &str = "..data";
const NEW_DATA: &str = "..data_tmp";

/// Makes the files below `root` these. Blocks on the disk. `number` sets apart what is written at the same
/// time.
pub(super) fn write(root: &Path, files: &Files, now: Timestamp, number: u64) -> io::Result<()> {
    let old = fs::read_link(root.join(DATA)).ok();
    if old.as_ref().is_some_and(|old| holds(&root.join(old), files)) {
        return link_all(root, files);
    }
    let name = format!("..{}.{}", now.strftime("%Y_%m_%d_%H_%M_%S"), number % 10_000_000_000);
    let directory = root.join(&name);
    fs::create_dir(&directory)?;
    for (path, file) in files {
        write_file(&directory.join(path), file)?;
    }
    let new = root.join(NEW_DATA);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => link(Path::new(&name), &new)?,
    }
    fs::rename(&new, root.join(DATA))?;
    link_all(root, files)?;
    remove_stale(root, &name, files)
}

/// Whether a directory has these files and no others.
fn holds(directory: &Path, files: &Files) -> bool {
    let same = |(path, file): (&String, &File)| {
        let path = directory.join(path);
        fs::read(&path).is_ok_and(|content| content == file.content) && has_mode(&path, file.mode)
    };
    files.iter().all(same) && count(directory).is_ok_and(|count| count == files.len())
}

fn count(directory: &Path) -> io::Result<usize> {
    let mut found = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        found += if entry.file_type()?.is_dir() { count(&entry.path())? } else { 1 };
    }
    Ok(found)
}

/// Every file can be read by whoever runs this program, whatever its mode: upstream's containers usually
/// run as root, to whom modes mean nothing.
const OWNER_MAY_READ: u32 = 0o400;

fn write_file(path: &Path, file: &File) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, &file.content)?;
    set_mode(path, file.mode | OWNER_MAY_READ)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn has_mode(path: &Path, mode: u32) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let found = fs::metadata(path).map(|metadata| metadata.permissions().mode() & 0o777);
    found.is_ok_and(|found| found == mode | OWNER_MAY_READ)
}

#[cfg(not(unix))]
fn has_mode(_: &Path, _: u32) -> bool {
    true
}

#[cfg(unix)]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

/// All links here lead, in the end, to directories or to files in them.
#[cfg(windows)]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    let leads_to = at.parent().map(|parent| parent.join(target)).unwrap_or_default();
    match leads_to.is_dir() {
        true => std::os::windows::fs::symlink_dir(target, at),
        false => std::os::windows::fs::symlink_file(target, at),
    }
}

/// The names by which programs find the files: the first parts of their paths.
fn names(files: &Files) -> BTreeSet<&str> {
    files.keys().filter_map(|path| path.split('/').find(|part| !part.is_empty())).collect()
}

/// Links every name into `..data`.
fn link_all(root: &Path, files: &Files) -> io::Result<()> {
    for name in names(files) {
        match link(&Path::new(DATA).join(name), &root.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            outcome => outcome?,
        }
    }
    Ok(())
}

/// Removes the links to files that are no more, and the directories of former files.
fn remove_stale(root: &Path, directory: &str, files: &Files) -> io::Result<()> {
    let names = names(files);
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() && name.starts_with("..") && name != directory {
            fs::remove_dir_all(entry.path())?;
        } else if kind.is_symlink()
            && name != DATA
            && !names.contains(name.as_str())
            && leads_in(&entry.path())
        {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether a link is one of those into `..data`.
fn leads_in(link: &Path) -> bool {
    fs::read_link(link).is_ok_and(|target: PathBuf| target.starts_with(DATA))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(entries: &[(&str, &str, u32)]) -> Files {
        let file = |content: &str, mode: u32| File { content: content.as_bytes().to_vec(), mode };
        entries.iter().map(|(path, content, mode)| ((*path).to_owned(), file(content, *mode))).collect()
    }

    fn listing(root: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(root)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with("..2"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn files_should_change_by_one_link_and_go_when_they_are_no_more() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let now = "2026-11-23T20:00:00Z".parse().unwrap();
        let data = || fs::read_link(root.join(DATA)).unwrap().to_string_lossy().into_owned();
        fs::create_dir(root.join("mounted-upon")).unwrap();

        write(root, &files(&[("a", "1", 0o644), ("b/c", "2", 0o200)]), now, 1).unwrap();
        let first = data();
        assert_eq!(first, "..2026_11_23_20_00_00.1");
        assert_eq!(listing(root), ["..data", "a", "b", "mounted-upon"]);
        assert_eq!(fs::read_to_string(root.join("b/c")).unwrap(), "2");

        write(root, &files(&[("a", "1", 0o644), ("b/c", "2", 0o200)]), now, 2).unwrap();
        assert_eq!(data(), first, "the same files are not written again");
        write(root, &files(&[("a", "1", 0o600), ("b/c", "2", 0o200)]), now, 3).unwrap();
        assert_eq!(data(), "..2026_11_23_20_00_00.3", "another mode is another file");

        write(root, &files(&[("a", "3", 0o600), ("d", "4", 0o644)]), now, 4).unwrap();
        assert_eq!(listing(root), ["..data", "a", "d", "mounted-upon"]);
        assert_eq!(fs::read_to_string(root.join("a")).unwrap(), "3");
        let directories = fs::read_dir(root)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("..2"));
        assert_eq!(directories.count(), 1, "former files are gone");

        write(root, &Files::new(), now, 5).unwrap();
        assert_eq!(listing(root), ["..data", "mounted-upon"]);
    }
}
