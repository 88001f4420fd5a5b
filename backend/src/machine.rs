//! What the machine is, as its nodes report it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerImage, NodeSystemInfo};
use sha2::{Digest, Sha256};
use shared::apiserver::VERSION;
use shared::images::collection::FileSystem;
use shared::kubelet::node_status::Machine;

use crate::cluster::CONTROL_PLANE;
use crate::images::builtin::CATALOG;

/// Upstream's default of `maxPods`.
const MAX_PODS: u32 = 110;

/// A node of the given name. Every node offers the whole machine, as kind's nodes do.
pub(crate) fn describe(name: &str, address: Ipv4Addr, data_dir: &Path) -> Machine {
    let architecture = architecture();
    Machine {
        name: name.to_owned(),
        address: address.to_string(),
        control_plane: name == CONTROL_PLANE,
        cpus: std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u64),
        memory_bytes: memory_bytes(),
        storage_bytes: storage_bytes(data_dir),
        architecture: architecture.to_owned(),
        operating_system: "linux".to_owned(),
        os_image: os_image(),
        info: info(name, architecture, data_dir),
        max_pods: MAX_PODS,
        images: images(),
    }
}

fn info(name: &str, architecture: &str, data_dir: &Path) -> NodeSystemInfo {
    let identity = identity(name, data_dir);
    NodeSystemInfo {
        architecture: architecture.to_owned(),
        boot_id: identity.clone(),
        container_runtime_version: format!("kijabi://{}", env!("CARGO_PKG_VERSION")),
        kernel_version: sysinfo::System::kernel_version().unwrap_or_default(),
        kube_proxy_version: String::new(),
        kubelet_version: VERSION.to_owned(),
        machine_id: identity.replace('-', ""),
        // What programs see is POSIX as WASI gives it; manifests everywhere call that `linux`.
        operating_system: "linux".to_owned(),
        os_image: os_image(),
        system_uuid: identity,
        ..NodeSystemInfo::default()
    }
}

fn os_image() -> String {
    format!("Kijabi {} (WASI 0.2)", env!("CARGO_PKG_VERSION"))
}

/// An id that stays the same for a node of a data directory, in the form of a UUID.
fn identity(name: &str, data_dir: &Path) -> String {
    let mut hasher = Sha256::new();
    hasher.update(data_dir.as_os_str().as_encoded_bytes());
    hasher.update(name.as_bytes());
    let hex: String = hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The processor as Go names it, which is how every Kubernetes client writes it.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn memory_bytes() -> u64 {
    let Ok(mut system) = sysinfo::System::new() else { return 0 };
    system.refresh_memory();
    system.total_memory()
}

/// Processor time and resident memory, in bytes, of this whole program with its guests.
pub(crate) fn used_by_this_program() -> Option<(Duration, u64)> {
    let own = sysinfo::get_current_pid().ok()?;
    let mut system = sysinfo::System::new().ok()?;
    let what = sysinfo::ProcessRefreshKind::nothing().with_cpu().with_memory();
    system.refresh_processes_specifics(sysinfo::ProcessesToUpdate::Some(&[own]), false, what);
    let process = system.process(own)?;
    Some((Duration::from_millis(process.accumulated_cpu_time()), process.memory()))
}

/// What programs may have together of the memory that is free now, in bytes; the rest is the server's.
pub(crate) fn memory_for_guests() -> u64 {
    let Ok(mut system) = sysinfo::System::new() else { return u64::MAX };
    system.refresh_memory();
    system.available_memory() / 10 * 9
}

/// Lets the process open as many files as it may: programs' files and clients' connections are many.
pub fn raise_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Nofile).maximum;
        if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
            tracing::debug!(%error, "the limit of open files was not raised");
        }
    }
}

/// The size of the disk that the data directory lies on.
fn storage_bytes(data_dir: &Path) -> u64 {
    disk(data_dir).map_or(0, |disk| disk.capacity_bytes)
}

/// The disk that a directory lies on.
pub(crate) fn disk(data_dir: &Path) -> Option<FileSystem> {
    let absolute = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let disks = sysinfo::Disks::new_with_refreshed_list().ok()?;
    let holding = disks.iter().filter(|disk| absolute.starts_with(disk.mount_point()));
    let nearest = holding.max_by_key(|disk| disk.mount_point().as_os_str().len());
    let nearest = nearest?;
    Some(FileSystem { capacity_bytes: nearest.total_space(), available_bytes: nearest.available_space() })
}

fn images() -> Vec<ContainerImage> {
    let image = |builtin: &crate::images::Builtin| {
        let repository = builtin.repositories.first()?;
        let names = vec![format!("{repository}@{}", builtin.digest()), format!("{repository}:latest")];
        Some(ContainerImage { names: Some(names), size_bytes: i64::try_from(builtin.size_bytes()).ok() })
    };
    CATALOG.iter().filter_map(image).collect()
}

/// The addresses under which others reach this machine, by its interfaces.
pub(crate) fn addresses() -> Vec<IpAddr> {
    let Ok(networks) = sysinfo::Networks::new_with_refreshed_list() else { return Vec::new() };
    let all = networks.values().flat_map(|interface| interface.ip_networks()).map(|network| network.addr);
    let reachable = |address: &IpAddr| match address {
        IpAddr::V4(_) => true,
        // One of these means nothing without the name of the interface.
        IpAddr::V6(address) => !address.is_unicast_link_local(),
    };
    all.filter(reachable).collect()
}
