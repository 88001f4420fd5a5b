//! Where programs start that do not ask for it.

use std::fs;
use std::path::Path;

use crate::network::PodNetwork;
use crate::runtime::testing::{Cluster, component, module};
use crate::runtime::{ContainerSpec, Mount, StartError};

/// A root with some files, and a volume at `/data`.
fn lay_out(directory: &Path) {
    for name in ["root/app", "root/etc", "root/data", "data/sub", "secret"] {
        fs::create_dir_all(directory.join(name)).unwrap();
    }
    for (name, text) in
        [("root/app/file", "app"), ("root/etc/file", "etc"), ("data/sub/file", "sub"), ("secret/file", "no")]
    {
        fs::write(directory.join(name), text).unwrap();
    }
}

fn spec(cluster: &Cluster, id: &str, pod: &PodNetwork, arguments: &str, directory: &str) -> ContainerSpec {
    let mut spec = cluster.spec(id, pod, arguments);
    let mount = |name: &str, guest_path: &str| Mount {
        host_dir: cluster.directory.path().join(name),
        guest_path: guest_path.to_owned(),
        read_only: false,
    };
    spec.process.mounts = vec![mount("root", "/"), mount("data", "/data")];
    spec.process.working_dir = Some(directory.to_owned());
    spec
}

#[tokio::test]
async fn relative_paths_should_start_from_the_working_directory() {
    for wasm in [component(), module()] {
        let cluster = Cluster::with(wasm).await;
        lay_out(cluster.directory.path());
        let pod = cluster.pod(2);
        let cases = [
            ("/app", "read-file file", 0, "app"),
            ("/app", "read-file ./file", 0, "app"),
            ("/app", "read-file /etc/file", 0, "etc"),
            ("/app", "read-file /data/sub/file", 0, "sub"),
            ("/data/sub", "read-file file", 0, "sub"),
            ("/data/sub/", "read-file /app/file", 0, "app"),
            ("/", "read-file app/file", 0, "app"),
            ("/app", "read-file ../secret/file", 1, "error: PermissionDenied\n"),
            ("/app/new/deep", "write-file file made", 0, ""),
            ("/data/new", "write-file file made", 0, ""),
        ];
        for (number, (directory, arguments, code, log)) in cases.into_iter().enumerate() {
            let spec = spec(&cluster, &format!("case-{number}"), &pod, arguments, directory);
            let container = cluster.start(spec);
            let status = container.handle.wait().await;
            assert_eq!(
                (status.code, container.log().await.as_str()),
                (code, log),
                "{directory}: {arguments}"
            );
        }
        for name in ["root/app/new/deep/file", "data/new/file"] {
            assert_eq!(fs::read_to_string(cluster.directory.path().join(name)).unwrap(), "made", "{name}");
        }
    }
}

#[tokio::test]
async fn further_programs_should_start_where_the_main_one_does() {
    let cluster = Cluster::new().await;
    lay_out(cluster.directory.path());
    let pod = cluster.pod(2);
    let container = cluster.start(spec(&cluster, "sleep", &pod, "sleep", "/app"));
    let mut session = cluster.exec(&container, "read-file file", false);
    let printed = session.stdout.as_mut().unwrap().recv().await;
    assert_eq!(printed.as_deref(), Some(&b"app"[..]));
    assert_eq!(session.status.await.unwrap().code, 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_working_directory_should_not_lead_out_of_its_mount() {
    let cluster = Cluster::new().await;
    lay_out(cluster.directory.path());
    let link = |name: &str, to: &str| {
        std::os::unix::fs::symlink(to, cluster.directory.path().join(name)).unwrap();
    };
    link("data/up", "../secret");
    link("data/away", cluster.directory.path().join("secret").to_str().unwrap());
    link("data/fine", "sub");
    link("root/host", "../secret");
    let pod = cluster.pod(2);
    for directory in ["/data/up", "/data/away", "/host", "app", "/app/../../secret", ""] {
        let spec = spec(&cluster, "refused", &pod, "read-file file", directory);
        let Err(StartError::WorkingDir { path, .. }) = cluster.runtime.start(spec).map(drop) else {
            panic!("{directory} is a way out");
        };
        assert_eq!(path, directory);
    }
    let container = cluster.start(spec(&cluster, "fine", &pod, "read-file file", "/data/fine"));
    assert_eq!(container.handle.wait().await.code, 0);
    let escape = cluster.start(spec(&cluster, "escape", &pod, "read-file /host/file", "/app"));
    assert_eq!(escape.handle.wait().await.code, 1, "{}", escape.log().await);
}
