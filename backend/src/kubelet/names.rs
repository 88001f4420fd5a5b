//! The files by which a pod's programs know names: `/etc/hostname`, `/etc/hosts` and `/etc/resolv.conf`, as
//! `shared::kubelet::dns` says them, and the same for the pod's network, which answers lookups.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use k8s_openapi::api::core::v1::Pod;
use shared::dns::hosts::Hosts;
use shared::kubelet::dns;

use crate::network::PodNames;

/// The files, the same for every container of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NameFiles {
    /// What the pod's programs take for the name of their host.
    pub(super) hostname: String,
    /// What the pod's network answers lookups by.
    pub(super) names: PodNames,
    hosts: String,
}

impl NameFiles {
    /// The files of a pod with a network of its own.
    pub(super) fn of_pod(pod: &Pod, ip: Ipv4Addr) -> Result<NameFiles, String> {
        let name = dns::host_name(pod)?;
        let hosts = dns::hosts_file(pod, &name, ip);
        Ok(NameFiles::new(pod, name.nodename, hosts))
    }

    /// The files of a pod on the network of its node.
    pub(super) fn of_node(pod: &Pod, node: &str, ip: Ipv4Addr) -> NameFiles {
        NameFiles::new(pod, node.to_owned(), dns::node_hosts_file(pod, node, ip))
    }

    fn new(pod: &Pod, hostname: String, hosts: String) -> NameFiles {
        let (resolv_conf, _) = dns::resolv_conf(pod);
        NameFiles { hostname, names: PodNames { hosts: Hosts::parse(&hosts), resolv_conf }, hosts }
    }

    /// Writes them into a container's root directory.
    pub(super) fn write(&self, root: &Path) -> io::Result<()> {
        let etc = root.join("etc");
        fs::create_dir_all(&etc)?;
        fs::write(etc.join("hostname"), format!("{}\n", self.hostname))?;
        fs::write(etc.join("hosts"), &self.hosts)?;
        fs::write(etc.join("resolv.conf"), self.names.resolv_conf.to_text())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn name_files_should_be_written_as_the_network_answers() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web-0", "namespace": "shop"},
            "spec": {
                "containers": [],
                "subdomain": "web",
                "setHostnameAsFQDN": true,
                "hostAliases": [{"ip": "10.1.2.3", "hostnames": ["foo.remote"]}],
            },
        }))
        .unwrap();
        let files = NameFiles::of_pod(&pod, Ipv4Addr::new(10, 244, 1, 2)).unwrap();
        let root = tempfile::tempdir().unwrap();
        files.write(root.path()).unwrap();
        let read = |name: &str| fs::read_to_string(root.path().join("etc").join(name)).unwrap();
        assert_eq!(read("hostname"), "web-0.web.shop.svc.cluster.local\n");
        assert!(
            read("resolv.conf")
                .starts_with("search shop.svc.cluster.local svc.cluster.local cluster.local\n")
        );
        assert!(read("hosts").ends_with("# Entries added by HostAliases.\n10.1.2.3\tfoo.remote\n"));
        let known = |name: &str| format!("{:?}", files.names.hosts.addresses(name));
        assert_eq!(known("web-0"), "[10.244.1.2]");
        assert_eq!(known("foo.remote"), "[10.1.2.3]");
    }
}
