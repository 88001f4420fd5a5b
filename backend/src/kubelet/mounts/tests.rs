//! Mounts on a real disk, among guests that mean harm.

use std::fs;

use serde_json::{Value, json};

use super::*;

/// A node's directory with a volume `v` in it, and the root directory of a container beside it.
struct Disk {
    directory: tempfile::TempDir,
    places: Places,
}

impl Disk {
    fn new() -> Disk {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        for name in ["v/sub/deep", "w", "root/etc/app", "secret"] {
            fs::create_dir_all(path.join(name)).unwrap();
        }
        fs::write(path.join("secret/key"), "host").unwrap();
        fs::write(path.join("v/file"), "of v").unwrap();
        fs::write(path.join("root/etc/app/own"), "of the image").unwrap();
        let place = |name: &str, read_only| Place {
            root: path.join(name),
            below: PathBuf::new(),
            read_only,
            meter: None,
        };
        let places = [("v", place("v", false)), ("w", place("w", false)), ("api", place("v", true))];
        let places = places.into_iter().map(|(name, place)| (name.to_owned(), place)).collect();
        Disk { directory, places }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn mounts(&self, mounts: Value) -> Result<Mounts, String> {
        let container = serde_json::from_value(json!({"name": "c", "volumeMounts": mounts})).unwrap();
        let variables = [("POD".to_owned(), "web".to_owned())].into();
        plan(&container, &self.places, &variables)?.make(self.path("root"))
    }
}

#[test]
fn mounts_should_be_seen_where_they_are_wanted_and_listed_there() {
    let disk = Disk::new();
    let found = disk
        .mounts(json!([
            {"name": "w", "mountPath": "/data/inner"},
            {"name": "v", "mountPath": "/data/"},
            {"name": "v", "mountPath": "/logs", "subPathExpr": "logs/$(POD)", "readOnly": true},
            {"name": "api", "mountPath": "/etc/app"},
        ]))
        .unwrap();
    let shown: Vec<(&str, bool)> =
        found.mounts.iter().map(|mount| (mount.guest_path.as_str(), mount.read_only)).collect();
    let expected =
        [("/", false), ("/data", false), ("/logs", true), ("/data/inner", false), ("/etc/app", true)];
    assert_eq!(shown, expected);
    assert!(disk.path("root/data").is_dir() && disk.path("root/logs").is_dir());
    assert!(disk.path("v/inner").is_dir(), "a mount in a volume is listed in it");
    assert!(disk.path("v/logs/web").is_dir(), "a part of a volume is made");
}

#[test]
fn single_files_should_be_mounted_over_those_of_the_image() {
    let disk = Disk::new();
    disk.mounts(json!([
        {"name": "api", "mountPath": "/etc/app/own", "subPath": "file"},
        {"name": "v", "mountPath": "/new/file", "subPath": "file"},
    ]))
    .unwrap();
    assert_eq!(fs::read_to_string(disk.path("root/etc/app/own")).unwrap(), "of v");
    fs::write(disk.path("root/new/file"), "changed").unwrap();
    assert_eq!(fs::read_to_string(disk.path("v/file")).unwrap(), "changed", "it is the same file");
    assert_eq!(fs::read_to_string(disk.path("root/etc/app/own")).unwrap(), "of v", "it is a copy");
}

#[cfg(unix)]
#[test]
fn links_that_guests_made_should_lead_nowhere() {
    use std::os::unix::fs::symlink;
    let disk = Disk::new();
    symlink("../secret", disk.path("v/out")).unwrap();
    symlink(disk.path("secret"), disk.path("v/absolute")).unwrap();
    symlink("../secret/key", disk.path("v/key")).unwrap();
    symlink("sub", disk.path("v/in")).unwrap();
    for path in ["out", "absolute", "key", "out/key"] {
        let mounts = disk.mounts(json!([{"name": "v", "mountPath": "/m", "subPath": path}]));
        let error = mounts.err().unwrap();
        assert!(error.starts_with("failed to prepare subPath for volumeMount \"v\""), "{path}: {error}");
    }
    let found = disk.mounts(json!([{"name": "v", "mountPath": "/m", "subPath": "in/deep"}])).unwrap();
    fs::write(disk.path("v/sub/deep/x"), "here").unwrap();
    // What was found stays mounted, though its name leads elsewhere now.
    fs::rename(disk.path("v/sub"), disk.path("v/old")).unwrap();
    symlink("../secret", disk.path("v/sub")).unwrap();
    #[cfg(target_os = "linux")]
    assert_eq!(fs::read_to_string(found.mounts[1].host_dir.join("x")).unwrap(), "here");
    assert!(!found.held.is_empty());

    symlink("../../secret", disk.path("root/etc/link")).unwrap();
    let error = disk.mounts(json!([{"name": "v", "mountPath": "/etc/link/m"}])).err().unwrap();
    assert!(error.contains("failed to prepare"), "{error}");
}

#[test]
fn what_cannot_be_mounted_should_be_said() {
    let disk = Disk::new();
    let cases = [
        (
            json!([{"name": "none", "mountPath": "/m"}]),
            "cannot find volume \"none\" to mount into container \"c\"",
        ),
        (json!([{"name": "v", "mountPath": "/m", "subPathExpr": "$(NONE)"}]), "missing value for \"NONE\""),
        (
            json!([{"name": "api", "mountPath": "/m", "subPath": "none"}]),
            "failed to prepare subPath for volumeMount \"api\" of container \"c\": \"none\" is not in the volume, \
             which cannot be written to",
        ),
        (json!([{"name": "v", "mountPath": "/"}]), "volume \"v\" cannot be mounted at /"),
    ];
    for (mounts, expected) in cases {
        assert_eq!(disk.mounts(mounts.clone()).err().unwrap(), expected, "{mounts}");
    }
}
