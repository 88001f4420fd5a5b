//! What a guest sees of the world.

use std::fs;

use crate::runtime::testing::Cluster;
use crate::runtime::{Mount, StartError};

#[tokio::test]
async fn both_output_streams_should_reach_the_log() {
    let cluster = Cluster::new().await;
    let (_, log) = cluster.run("print out err out-again").await;
    assert_eq!(log, "out\nerr\nout-again\n");
}

#[tokio::test]
async fn a_guest_should_see_its_own_environment_only() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(7);
    let mut spec = cluster.spec("env", &pod, "print-env");
    spec.process.env = vec![("COLOR".into(), "blue".into())];
    let container = cluster.start(spec);
    container.handle.wait().await;
    assert_eq!(container.log().await, "COLOR=blue\nHOSTNAME=pod-7\n");
}

#[tokio::test]
async fn a_guest_should_see_its_mounts_and_no_other_file() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let [root, data] = ["root", "data"].map(|name| cluster.directory.path().join(name));
    for directory in [&root, &data] {
        fs::create_dir(directory).unwrap();
    }
    fs::write(data.join("file"), "of the volume").unwrap();
    fs::write(cluster.directory.path().join("secret"), "of the host").unwrap();
    let secret = format!("read-file {}", cluster.directory.path().join("secret").display());
    let cases = [
        ("read-file /data/file", false, 0, "of the volume"),
        ("read-file data/file", false, 0, "of the volume"),
        ("read-file /data/../../secret", false, 1, "error: PermissionDenied\n"),
        (&secret, false, 1, "error: NotFound\n"),
        ("write-file /data/new text", false, 0, ""),
        ("write-file /data/newer text", true, 1, "error: PermissionDenied\n"),
    ];
    for (number, (arguments, read_only, code, log)) in cases.into_iter().enumerate() {
        let mut spec = cluster.spec(&format!("mounts-{number}"), &pod, arguments);
        spec.process.mounts = vec![
            Mount { host_dir: root.clone(), guest_path: "/".into(), read_only: false },
            Mount { host_dir: data.clone(), guest_path: "/data".into(), read_only },
        ];
        let container = cluster.start(spec);
        assert_eq!(container.handle.wait().await.code, code, "{arguments}");
        assert_eq!(container.log().await, log, "{arguments}");
    }
    assert_eq!(fs::read_to_string(data.join("new")).unwrap(), "text");
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_should_not_lead_out_of_its_mount() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let [root, other] = ["root", "other"].map(|name| cluster.directory.path().join(name));
    [&root, &other].into_iter().for_each(|directory| fs::create_dir(directory).unwrap());
    fs::write(other.join("file"), "of another pod").unwrap();
    let away = other.display().to_string();
    std::os::unix::fs::symlink("../other", root.join("up")).unwrap();
    std::os::unix::fs::symlink(&other, root.join("away")).unwrap();
    let cases = [
        ("link ../other made".to_owned(), 0),
        (format!("link {away} absolute"), 0),
        ("read-file /made/file".to_owned(), 1),
        ("read-file /absolute/file".to_owned(), 1),
        ("read-file /up/file".to_owned(), 1),
        ("read-file /away/file".to_owned(), 1),
        ("write-file /up/new text".to_owned(), 1),
        ("write-file /away/new text".to_owned(), 1),
        ("read-file /../other/file".to_owned(), 1),
        (format!("read-file {away}/file"), 1),
    ];
    for (number, (arguments, code)) in cases.into_iter().enumerate() {
        let mut spec = cluster.spec(&format!("links-{number}"), &pod, &arguments);
        spec.process.mounts =
            vec![Mount { host_dir: root.clone(), guest_path: "/".into(), read_only: false }];
        let container = cluster.start(spec);
        assert_eq!(container.handle.wait().await.code, code, "{arguments}");
        assert!(!container.log().await.contains("of another pod"), "{arguments}");
    }
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
}

#[tokio::test]
async fn a_missing_mount_should_say_which() {
    let cluster = Cluster::new().await;
    let pod = cluster.pod(2);
    let mut spec = cluster.spec("mount", &pod, "print");
    let host_dir = cluster.directory.path().join("nothing");
    spec.process.mounts = vec![Mount { host_dir, guest_path: "/data".into(), read_only: false }];
    let Err(StartError::Mount { guest_path, .. }) = cluster.runtime.start(spec) else {
        panic!("the mount does not exist");
    };
    assert_eq!(guest_path, "/data");
}
