use std::io::Write;

use tar::{Builder, Header};
use tempfile::TempDir;

use super::*;

/// What an archive is made of.
enum Item<'a> {
    File(&'a str, &'a str),
    Directory(&'a str),
    Symlink(&'a str, &'a str),
    Hardlink(&'a str, &'a str),
}
use Item::{Directory, File as Text, Hardlink, Symlink};

fn archive(items: &[Item<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for item in items {
        let (kind, path, target, content) = match item {
            Text(path, content) => (EntryType::Regular, path, "", *content),
            Directory(path) => (EntryType::Directory, path, "", ""),
            Symlink(path, target) => (EntryType::Symlink, path, *target, ""),
            Hardlink(path, target) => (EntryType::Link, path, *target, ""),
        };
        let mut header = Header::new_gnu();
        // As a stranger writes it: the library itself refuses such names.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Layers unpacked below `root` of a folder in which `outside` lies as well.
fn unpacked(layers: &[&[Item<'_>]], bounds: Bounds) -> (TempDir, Result<(), String>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("outside"), "untouched").unwrap();
    let mut files = Vec::new();
    for (number, items) in layers.iter().enumerate() {
        let path = folder.path().join(format!("layer-{number}"));
        fs::write(&path, archive(items)).unwrap();
        files.push((path, None));
    }
    let outcome = unpack(&files, &folder.path().join("root"), bounds);
    (folder, outcome)
}

/// All files below a directory with their content, a link with its target.
fn listing(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_symlink() {
            found.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
        } else if path.is_dir() {
            found.push(format!("{name}/"));
            found.extend(listing(&path).into_iter().map(|below| format!("{name}/{below}")));
        } else {
            found.push(format!("{name}: {}", fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn layers_should_lie_upon_each_other() {
    let cases: [(&[&[Item<'_>]], &[&str]); 8] = [
        (&[&[Text("a", "1"), Text("b/c", "2")], &[Text("./a", "3")]], &["a: 3", "b/", "b/c: 2"]),
        (&[&[Text("a/b", "1"), Text("a/c", "2")], &[Text("a/.wh.b", "")]], &["a/", "a/c: 2"]),
        (&[&[Text("a/b", "1")], &[Text("a/new", "2"), Text("a/.wh..wh..opq", "")]], &["a/", "a/new: 2"]),
        (&[&[Text("a/b", "1")], &[Text(".wh.a", ""), Text("a", "file")]], &["a: file"]),
        (&[&[Text("a", "1")], &[Directory("a"), Text("a/b", "2")]], &["a/", "a/b: 2"]),
        (
            &[&[Directory("usr/bin"), Symlink("bin", "usr/bin")], &[Text("bin/x", "1")]],
            &["bin -> usr/bin", "usr/", "usr/bin/", "usr/bin/x: 1"],
        ),
        (&[&[Text("a", "1"), Hardlink("b", "a")]], &["a: 1", "b: 1"]),
        (&[&[Text(".wh.nothing", ""), Text("/a", "1")]], &["a: 1"]),
    ];
    for (number, (layers, expected)) in cases.into_iter().enumerate() {
        let (folder, outcome) = unpacked(layers, Bounds::default());
        assert_eq!(outcome, Ok(()), "{number}");
        assert_eq!(listing(&folder.path().join("root")), expected, "{number}");
    }
}

#[test]
fn nothing_should_leave_the_root() {
    let cases: [(&[Item<'_>], &[&str]); 7] = [
        (&[Text("../outside", "x")], &[]),
        (&[Text("a/../../outside", "x")], &[]),
        (&[Symlink("up", "../.."), Text("up/outside", "x")], &["outside: x", "up -> ."]),
        (&[Symlink("top", "/"), Text("top/etc/x", "x")], &["etc/", "etc/x: x", "top -> ."]),
        (&[Directory("a/b"), Symlink("a/b/l", "/etc/passwd")], &["a/", "a/b/", "a/b/l -> ../../etc/passwd"]),
        (&[Symlink("l", "../outside"), Text("l", "x")], &["l: x"]),
        (&[Directory("d"), Symlink("d/l", "../x"), Hardlink("l", "d/l")], &["d/", "d/l -> ../x", "l -> x"]),
    ];
    for (number, (items, expected)) in cases.into_iter().enumerate() {
        let (folder, outcome) = unpacked(&[items], Bounds::default());
        assert_eq!(outcome.is_err(), expected.is_empty(), "{number}: {outcome:?}");
        assert_eq!(listing(&folder.path().join("root")), expected, "{number}");
        assert_eq!(fs::read_to_string(folder.path().join("outside")).unwrap(), "untouched", "{number}");
    }
}

#[test]
fn bounds_should_hold_for_all_layers_together() {
    let layers: [&[Item<'_>]; 2] = [&[Text("a", "12345")], &[Text("b", "12345")]];
    let cases = [
        (Bounds { bytes: 40_000, entries: 2 }, None),
        (Bounds { bytes: 9, entries: 2 }, Some("too large when it is unpacked")),
        (Bounds { bytes: 40_000, entries: 1 }, Some("more than 1 files")),
    ];
    for (bounds, expected) in cases {
        let outcome = unpacked(&layers, bounds).1;
        match expected {
            None => assert_eq!(outcome, Ok(())),
            Some(part) => assert!(outcome.unwrap_err().contains(part), "{bounds:?}"),
        }
    }
}

#[test]
fn links_in_a_circle_should_be_refused() {
    let (_folder, outcome) =
        unpacked(&[&[Symlink("a", "b"), Symlink("b", "a"), Text("a/x", "1")]], Bounds::default());
    assert!(outcome.unwrap_err().contains("too many links"));
}

#[test]
fn compressed_layers_should_have_the_promised_content() {
    let folder = tempfile::tempdir().unwrap();
    let plain = archive(&[Text("a", "1")]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let forms = [plain.clone(), gzip.finish().unwrap(), zstd::encode_all(&plain[..], 1).unwrap()];
    let promised = Digest::of(&plain).to_string();
    for (number, form) in forms.iter().enumerate() {
        let blob = folder.path().join("blob");
        fs::write(&blob, form).unwrap();
        let root = folder.path().join(format!("root-{number}"));
        unpack(&[(blob.clone(), Some(promised.clone()))], &root, Bounds::default()).unwrap();
        assert_eq!(listing(&root), ["a: 1"]);
        let error = unpack(&[(blob, Some("sha256:0".into()))], &root, Bounds::default()).unwrap_err();
        assert!(error.contains("as the configuration promised"), "{error}");
    }
}

#[test]
fn programs_should_be_found_by_their_first_bytes() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bin")).unwrap();
    fs::write(folder.path().join("bin/app"), b"\0asm rest").unwrap();
    fs::write(folder.path().join("text.wasm"), "text").unwrap();
    fs::write(folder.path().join("empty"), "").unwrap();
    let found = programs(folder.path()).unwrap();
    assert_eq!(found, [("/bin/app".to_owned(), Digest::of(b"\0asm rest"))]);
}
