//! Names in a pod: its own, where it asks for others' (`resolv.conf`), and which it knows itself (`hosts`).
//!
//! Follows `pkg/kubelet/network/dns/dns.go`, `pkg/kubelet/kubelet_pods.go` (`GeneratePodHostNameAndDomain`,
//! `managedHostsFileContent`, `nodeHostsFileContent`) and `pkg/kubelet/util/util.go` (`GetNodenameForKernel`) of
//! kubernetes/kubernetes. The nodes here have no `resolv.conf` of their own, as with `--resolv-conf=""`.

use std::net::Ipv4Addr;

use indexmap::IndexMap;
use k8s_openapi::api::core::v1::{HostAlias, Pod, PodDNSConfig, PodSpec};

use crate::dns::resolv_conf::ResolvConf;
use crate::dns::{CLUSTER_DNS, CLUSTER_DOMAIN};

/// Most name servers of a pod, as C libraries take no more.
const MOST_NAMESERVERS: usize = 3;
/// Most domains of a search list.
const MOST_SEARCHES: usize = 32;
/// Most characters of a search list.
const MOST_SEARCH_CHARACTERS: usize = 2048;
/// Longest domain of a search list; C libraries end a program over a longer one.
const LONGEST_SEARCH: usize = 253;
/// Longest host name.
const LONGEST_HOSTNAME: usize = 63;
/// Longest host name with its domain, as Linux keeps it.
const LONGEST_NODENAME: usize = 64;

/// The reason of the events about settings that were cut short.
pub const DNS_CONFIG_FORMING: &str = "DNSConfigForming";

/// What a pod is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodHostName {
    /// The short name.
    pub hostname: String,
    /// The domain below the headless Service that the pod names as its `subdomain`; empty without one.
    pub domain: String,
    /// What `hostname` prints: the short name, or the whole one with `setHostnameAsFQDN`.
    pub nodename: String,
}

/// What the pod is called, unless it uses its node's network and name.
///
/// # Errors
/// When there is nothing left of the name, or the whole name is too long to be the host's.
pub fn host_name(pod: &Pod) -> Result<PodHostName, String> {
    let nothing = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&nothing);
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    if let Some(hostname) = set(&spec.hostname_override) {
        let hostname = truncate(name, hostname)?;
        return Ok(PodHostName { nodename: hostname.clone(), hostname, domain: String::new() });
    }
    let hostname = truncate(name, set(&spec.hostname).unwrap_or(name))?;
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let domain = set(&spec.subdomain)
        .map(|subdomain| format!("{subdomain}.{namespace}.svc.{CLUSTER_DOMAIN}"))
        .unwrap_or_default();
    let nodename = match spec.set_hostname_as_fqdn == Some(true) && !domain.is_empty() {
        true => whole_name(&hostname, &domain)?,
        false => hostname.clone(),
    };
    Ok(PodHostName { hostname, domain, nodename })
}

fn set(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn truncate(pod: &str, hostname: &str) -> Result<String, String> {
    let Some(short) = hostname.get(..LONGEST_HOSTNAME) else { return Ok(hostname.to_owned()) };
    if hostname.len() == LONGEST_HOSTNAME {
        return Ok(hostname.to_owned());
    }
    match short.trim_end_matches(['-', '.']) {
        "" => Err(format!("hostname for pod {pod:?} was invalid: {hostname:?}")),
        short => Ok(short.to_owned()),
    }
}

fn whole_name(hostname: &str, domain: &str) -> Result<String, String> {
    let whole = format!("{hostname}.{domain}");
    match whole.len() > LONGEST_NODENAME {
        true => Err(format!(
            "failed to construct FQDN from pod hostname and cluster domain, FQDN {whole} is too long ({LONGEST_NODENAME} characters is the max, {} characters requested)",
            whole.len()
        )),
        false => Ok(whole),
    }
}

/// Where a pod asks for names, and the sentences of the events about what was left out.
pub fn resolv_conf(pod: &Pod) -> (ResolvConf, Vec<String>) {
    let nothing = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&nothing);
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let mut conf = base(spec, namespace);
    if let Some(config) = &spec.dns_config {
        append(&mut conf, config);
    }
    let warnings = [cut_nameservers(&mut conf.nameservers), cut_searches(&mut conf.searches)];
    (conf, warnings.into_iter().flatten().collect())
}

/// The settings that a pod's `dnsPolicy` gives it.
fn base(spec: &PodSpec, namespace: &str) -> ResolvConf {
    let on_host = spec.host_network == Some(true);
    match spec.dns_policy.as_deref() {
        Some("None") => ResolvConf::default(),
        Some("Default") => of_node(),
        Some("ClusterFirstWithHostNet") => of_cluster(namespace),
        _ if on_host => of_node(),
        _ => of_cluster(namespace),
    }
}

/// A node without settings: nobody is asked.
fn of_node() -> ResolvConf {
    ResolvConf { nameservers: vec!["127.0.0.1".into()], searches: vec![".".into()], options: Vec::new() }
}

fn of_cluster(namespace: &str) -> ResolvConf {
    ResolvConf {
        nameservers: vec![CLUSTER_DNS.into()],
        searches: vec![
            format!("{namespace}.svc.{CLUSTER_DOMAIN}"),
            format!("svc.{CLUSTER_DOMAIN}"),
            CLUSTER_DOMAIN.into(),
        ],
        options: vec!["ndots:5".into()],
    }
}

/// Adds what the pod asks for; its options replace others of the same name.
fn append(conf: &mut ResolvConf, config: &PodDNSConfig) {
    add_new(&mut conf.nameservers, config.nameservers.as_deref());
    add_new(&mut conf.searches, config.searches.as_deref());
    let existing = conf.options.iter().map(|option| match option.split_once(':') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (option.clone(), String::new()),
    });
    let mut options: IndexMap<String, String> = existing.collect();
    for option in config.options.iter().flatten() {
        options.insert(option.name.clone().unwrap_or_default(), option.value.clone().unwrap_or_default());
    }
    let text =
        |(name, value): (String, String)| if value.is_empty() { name } else { format!("{name}:{value}") };
    conf.options = options.into_iter().map(text).collect();
}

fn add_new(known: &mut Vec<String>, more: Option<&[String]>) {
    for item in more.into_iter().flatten() {
        if !known.contains(item) {
            known.push(item.clone());
        }
    }
}

fn cut_nameservers(nameservers: &mut Vec<String>) -> Option<String> {
    if nameservers.len() <= MOST_NAMESERVERS {
        return None;
    }
    nameservers.truncate(MOST_NAMESERVERS);
    Some(format!(
        "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: {}",
        nameservers.join(" ")
    ))
}

fn cut_searches(searches: &mut Vec<String>) -> Option<String> {
    let before = searches.len();
    searches.truncate(MOST_SEARCHES);
    searches.retain(|search| search.len() <= LONGEST_SEARCH);
    while searches.join(" ").len() > MOST_SEARCH_CHARACTERS {
        searches.pop();
    }
    (searches.len() < before).then(|| {
        format!(
            "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: {}",
            searches.join(" ")
        )
    })
}

/// A pod's `/etc/hosts`.
pub fn hosts_file(pod: &Pod, name: &PodHostName, ip: Ipv4Addr) -> String {
    let PodHostName { hostname, domain, .. } = name;
    let own = match domain.is_empty() {
        true => hostname.clone(),
        false => format!("{hostname}.{domain}\t{hostname}"),
    };
    format!(
        "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n\
         fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n\
         {ip}\t{own}\n{}",
        aliases(pod)
    )
}

/// The `/etc/hosts` of a pod on its node's network: the node's, and what the pod adds.
pub fn node_hosts_file(pod: &Pod, node: &str, ip: Ipv4Addr) -> String {
    format!(
        "# Kubernetes-managed hosts file (host network).\n127.0.0.1\tlocalhost\n\
         ::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\n\
         ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n{ip}\t{node}\n{}",
        aliases(pod)
    )
}

fn aliases(pod: &Pod) -> String {
    let aliases = pod.spec.as_ref().and_then(|spec| spec.host_aliases.as_deref()).unwrap_or_default();
    if aliases.is_empty() {
        return String::new();
    }
    let line = |alias: &HostAlias| {
        format!("{}\t{}\n", alias.ip, alias.hostnames.as_deref().unwrap_or_default().join("\t"))
    };
    format!("\n# Entries added by HostAliases.\n{}", aliases.iter().map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, mut spec: Value) -> Pod {
        spec["containers"] = json!([]);
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "ns"}, "spec": spec})).unwrap()
    }

    #[test]
    fn host_name_should_be_the_pods_own_unless_it_says_another() {
        let long = "a".repeat(62) + "-b";
        let cases: [(&str, Value, [&str; 3]); 8] = [
            ("web", json!({}), ["web", "", "web"]),
            ("web", json!({"hostname": "db"}), ["db", "", "db"]),
            ("web", json!({"subdomain": "dbs"}), ["web", "dbs.ns.svc.cluster.local", "web"]),
            (
                "web",
                json!({"hostname": "db", "subdomain": "dbs", "setHostnameAsFQDN": true}),
                ["db", "dbs.ns.svc.cluster.local", "db.dbs.ns.svc.cluster.local"],
            ),
            ("web", json!({"setHostnameAsFQDN": true}), ["web", "", "web"]),
            (
                "web",
                json!({"hostname": "db", "subdomain": "dbs", "hostnameOverride": "web.example.com"}),
                ["web.example.com", "", "web.example.com"],
            ),
            (&long, json!({}), [&long[..62], "", &long[..62]]),
            (&long[..63], json!({}), [&long[..63], "", &long[..63]]),
        ];
        for (name, spec, [hostname, domain, nodename]) in cases {
            let expected = PodHostName {
                hostname: hostname.to_owned(),
                domain: domain.to_owned(),
                nodename: nodename.to_owned(),
            };
            assert_eq!(host_name(&pod(name, spec.clone())), Ok(expected), "{name} {spec}");
        }
    }

    #[test]
    fn host_name_that_does_not_fit_should_be_refused() {
        let spec = json!({"subdomain": "a".repeat(63), "setHostnameAsFQDN": true});
        let message = host_name(&pod("web", spec)).unwrap_err();
        assert!(
            message
                .starts_with("failed to construct FQDN from pod hostname and cluster domain, FQDN web.aaa")
        );
        assert!(
            message.ends_with(" is too long (64 characters is the max, 88 characters requested)"),
            "{message}"
        );
    }

    #[test]
    fn resolv_conf_should_be_what_the_policy_says() {
        let cluster = "search ns.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n";
        let node = "search .\nnameserver 127.0.0.1\n";
        let config = json!({
            "nameservers": ["10.96.0.10", "192.0.2.1"],
            "searches": ["my.dns.search.suffix", "cluster.local"],
            "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
        });
        let merged = "search ns.svc.cluster.local svc.cluster.local cluster.local my.dns.search.suffix\n\
                      nameserver 10.96.0.10\nnameserver 192.0.2.1\noptions ndots:2 edns0\n";
        let alone = "search my.dns.search.suffix cluster.local\nnameserver 10.96.0.10\nnameserver 192.0.2.1\n\
                     options ndots:2 edns0\n";
        for (spec, expected) in [
            (json!({"dnsPolicy": "ClusterFirst"}), cluster),
            (json!({"dnsPolicy": "ClusterFirst", "hostNetwork": true}), node),
            (json!({"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": true}), cluster),
            (json!({"dnsPolicy": "Default"}), node),
            (json!({"dnsPolicy": "ClusterFirst", "dnsConfig": config}), merged),
            (json!({"dnsPolicy": "None", "dnsConfig": config}), alone),
        ] {
            let (conf, warnings) = resolv_conf(&pod("web", spec.clone()));
            assert_eq!((conf.to_text().as_str(), warnings.len()), (expected, 0), "{spec}");
        }
    }

    #[test]
    fn resolv_conf_should_be_cut_to_what_programs_take_and_say_so() {
        let nameservers = ["1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"];
        let (conf, warnings) = resolv_conf(&pod("web", json!({"dnsConfig": {"nameservers": nameservers}})));
        assert_eq!(conf.nameservers, ["10.96.0.10", "1.1.1.1", "2.2.2.2"]);
        assert_eq!(
            warnings,
            [
                "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 1.1.1.1 2.2.2.2"
            ]
        );
        let searches = |count: usize, length: usize| {
            (0..count).map(|number| format!("{number:0>length$}")).collect::<Vec<_>>()
        };
        for (searches, kept) in [(searches(40, 5), 32), (searches(2, 254), 3), (searches(20, 250), 10)] {
            let spec = json!({"dnsConfig": {"searches": searches}});
            let (conf, warnings) = resolv_conf(&pod("web", spec));
            assert_eq!((conf.searches.len(), warnings.len()), (kept, 1));
            let start = "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ns.svc.cluster.local ";
            assert!(warnings[0].starts_with(start));
            assert!(conf.searches.join(" ").len() <= 2048);
        }
    }

    #[test]
    fn hosts_file_should_name_the_pod_and_its_aliases() {
        let aliases = json!([
            {"ip": "127.0.0.1", "hostnames": ["foo.local", "bar.local"]},
            {"ip": "10.1.2.3", "hostnames": ["foo.remote"]},
        ]);
        let ip = Ipv4Addr::new(10, 244, 1, 2);
        let pod = pod("web", json!({"subdomain": "webs", "hostAliases": aliases}));
        let text = hosts_file(&pod, &host_name(&pod).unwrap(), ip);
        assert_eq!(
            text,
            "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n\
             fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n\
             10.244.1.2\tweb.webs.ns.svc.cluster.local\tweb\n\n# Entries added by HostAliases.\n\
             127.0.0.1\tfoo.local\tbar.local\n10.1.2.3\tfoo.remote\n"
        );
        let plain = self::pod("web", json!({}));
        assert!(hosts_file(&plain, &host_name(&plain).unwrap(), ip).ends_with("\n10.244.1.2\tweb\n"));
        let on_node = node_hosts_file(&plain, "node-1", Ipv4Addr::new(172, 18, 0, 3));
        assert!(
            on_node.starts_with("# Kubernetes-managed hosts file (host network).\n127.0.0.1\tlocalhost\n")
        );
        assert!(on_node.ends_with("\n172.18.0.3\tnode-1\n"));
    }
}
