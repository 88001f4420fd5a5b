//! A node's rules as `iptables-save` prints what kube-proxy wrote, so that one can read them as on a real
//! node.
//!
//! Follows `syncProxyRules` and `portProtoHash` in `pkg/proxy/iptables/proxier.go` of
//! kubernetes/kubernetes for the rules, and the output of iptables 1.8 for their form.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

use sha2::{Digest, Sha256};

use super::endpoint::Endpoint;
use super::service_port::{Protocol, ServicePort, ServicePortName};
use super::table::{Entry, ServiceTable};

/// The two tables that kube-proxy writes to, `filter` and `nat`, each ended by `COMMIT`.
pub fn iptables_save(table: &ServiceTable) -> String {
    let mut rules = Rules::default();
    for (name, entry) in table.entries() {
        Writer { rules: &mut rules, name, entry, pod_network: table.pod_network.to_string() }.write();
    }
    let mut text = String::new();
    let filter =
        ["KUBE-EXTERNAL-SERVICES", "KUBE-FORWARD", "KUBE-NODEPORTS", "KUBE-PROXY-FIREWALL", "KUBE-SERVICES"];
    let chains: BTreeSet<String> = filter.iter().map(|chain| (*chain).to_owned()).collect();
    print(&mut text, "filter", &["INPUT", "FORWARD", "OUTPUT"], &chains);
    lines(&mut text, FILTER_JUMPS);
    rules.filter.extend(FORWARD.map(str::to_owned));
    rules.filter.sort_by(|one, other| chain_of(one).cmp(chain_of(other)));
    rules.filter.iter().for_each(|rule| lines(&mut text, &[rule]));
    text.push_str("COMMIT\n");

    let own = ["KUBE-MARK-MASQ", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-SERVICES"];
    rules.chains.extend(own.map(str::to_owned));
    print(&mut text, "nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"], &rules.chains);
    lines(&mut text, NAT_JUMPS);
    rules.nat.extend(MASQUERADE.map(str::to_owned));
    rules.nat.sort_by(|one, other| chain_of(one).cmp(chain_of(other)));
    let after = rules.nat.partition_point(|rule| chain_of(rule) <= "KUBE-SERVICES");
    rules.nat.insert(after, LAST_RULE.to_owned());
    rules.nat.iter().for_each(|rule| lines(&mut text, &[rule]));
    text.push_str("COMMIT\n");
    text
}

const FILTER_JUMPS: &[&str] = &[
    "INPUT -m conntrack --ctstate NEW -m comment --comment \"kubernetes load balancer firewall\" -j KUBE-PROXY-FIREWALL",
    "INPUT -m comment --comment \"kubernetes health check service ports\" -j KUBE-NODEPORTS",
    "INPUT -m conntrack --ctstate NEW -m comment --comment \"kubernetes externally-visible service portals\" -j KUBE-EXTERNAL-SERVICES",
    "FORWARD -m conntrack --ctstate NEW -m comment --comment \"kubernetes load balancer firewall\" -j KUBE-PROXY-FIREWALL",
    "FORWARD -m comment --comment \"kubernetes forwarding rules\" -j KUBE-FORWARD",
    "FORWARD -m conntrack --ctstate NEW -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES",
    "FORWARD -m conntrack --ctstate NEW -m comment --comment \"kubernetes externally-visible service portals\" -j KUBE-EXTERNAL-SERVICES",
    "OUTPUT -m conntrack --ctstate NEW -m comment --comment \"kubernetes load balancer firewall\" -j KUBE-PROXY-FIREWALL",
    "OUTPUT -m conntrack --ctstate NEW -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES",
];

const NAT_JUMPS: &[&str] = &[
    "PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES",
    "OUTPUT -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES",
    "POSTROUTING -m comment --comment \"kubernetes postrouting rules\" -j KUBE-POSTROUTING",
];

/// What follows a connection once it was let in.
const FORWARD: [&str; 3] = [
    "KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP",
    "KUBE-FORWARD -m comment --comment \"kubernetes forwarding rules\" -m mark --mark 0x4000/0x4000 -j ACCEPT",
    "KUBE-FORWARD -m comment --comment \"kubernetes forwarding conntrack rule\" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
];

/// How a connection leaves under the node's address.
const MASQUERADE: [&str; 4] = [
    "KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
    "KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
    "KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0",
    "KUBE-POSTROUTING -m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully",
];

const LAST_RULE: &str = "KUBE-SERVICES -m comment --comment \"kubernetes service nodeports; NOTE: this must be the last rule in this chain\" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS";

fn print(text: &mut String, table: &str, built_in: &[&str], chains: &BTreeSet<String>) {
    text.extend([format!("*{table}\n")]);
    text.extend(built_in.iter().map(|chain| format!(":{chain} ACCEPT [0:0]\n")));
    text.extend(chains.iter().map(|chain| format!(":{chain} - [0:0]\n")));
}

fn lines(text: &mut String, rules: &[&str]) {
    text.extend(rules.iter().map(|rule| format!("-A {rule}\n")));
}

fn chain_of(rule: &str) -> &str {
    rule.split(' ').next().unwrap_or_default()
}

/// What was written so far; a rule begins with its chain.
#[derive(Default)]
struct Rules {
    filter: Vec<String>,
    nat: Vec<String>,
    chains: BTreeSet<String>,
}

/// Writes the rules of one port of a Service.
struct Writer<'a> {
    rules: &'a mut Rules,
    name: &'a ServicePortName,
    entry: &'a Entry,
    pod_network: String,
}

/// Where a rule sends connections.
#[derive(Clone, Copy)]
enum Target<'a> {
    Chain(&'a str),
    Reject,
    Drop,
}

impl<'a> Writer<'a> {
    fn port(&self) -> &'a ServicePort {
        &self.entry.port
    }

    fn chain(&self, kind: &str) -> String {
        let hash = hash(&[&self.name.to_string(), self.port().protocol.as_str()]);
        format!("KUBE-{kind}-{hash}")
    }

    fn write(&mut self) {
        let usable = &self.entry.usable;
        let (internal, external) = (self.port().internal_local, self.port().external_local);
        let no_local = usable.local.is_empty();
        self.write_filter(internal && no_local, external && no_local);
        self.write_health_check();
        if !usable.anywhere {
            return;
        }
        let (cluster, local, outside) = (self.chain("SVC"), self.chain("SVL"), self.chain("EXT"));
        if !(internal && no_local) {
            let chain = if internal { &local } else { &cluster };
            self.match_address("KUBE-SERVICES", self.port().cluster_ip, "cluster IP", Target::Chain(chain));
            self.mark_from_outside(chain);
        }
        if self.port().externally_accessible() {
            self.write_entrances(&outside);
            self.write_outside(&outside, &cluster, &local, external && no_local);
        }
        if self.port().uses_cluster_endpoints() {
            self.write_choice(&cluster, &usable.cluster);
        }
        if self.port().uses_local_endpoints() && !no_local {
            self.write_choice(&local, &usable.local);
        }
        self.write_endpoints();
    }

    /// What gets no answer.
    fn write_filter(&mut self, no_internal: bool, no_external: bool) {
        let (internal, external) = match self.entry.usable.anywhere {
            false => (Some(("has no endpoints", Target::Reject)), Some(("has no endpoints", Target::Reject))),
            true => {
                let none = Some(("has no local endpoints", Target::Drop));
                (none.filter(|_| no_internal), none.filter(|_| no_external))
            }
        };
        if let Some((why, target)) = internal {
            self.match_address("KUBE-SERVICES", self.port().cluster_ip, why, target);
        }
        let Some((why, target)) = external else { return };
        let port = self.port();
        for ip in port.external_ips.iter().chain(&port.load_balancer_ips).copied() {
            self.match_address("KUBE-EXTERNAL-SERVICES", ip, why, target);
        }
        if let Some(node_port) = port.node_port {
            let (name, protocol) = (self.name, port.protocol.as_str());
            let local = format!(
                "KUBE-EXTERNAL-SERVICES -p {protocol} -m comment --comment \"{name} {why}\" -m addrtype --dst-type LOCAL -m {protocol} --dport {node_port} {}",
                jump(target)
            );
            self.rules.filter.push(local);
        }
    }

    fn write_health_check(&mut self) {
        if let Some(port) = self.port().health_check_node_port {
            let name = self.name;
            self.rules.filter.push(format!(
                "KUBE-NODEPORTS -p tcp -m comment --comment \"{name} health check node port\" -m tcp --dport {port} -j ACCEPT"
            ));
        }
    }

    /// A rule for one of the port's addresses; those that forward stand in `nat`.
    fn match_address(&mut self, chain: &str, ip: Ipv4Addr, what: &str, target: Target<'_>) {
        let (name, port, protocol) = (self.name, self.port().port, self.port().protocol.as_str());
        let rule = format!(
            "{chain} -d {ip}/32 -p {protocol} -m comment --comment \"{name} {what}\" -m {protocol} --dport {port} {}",
            jump(target)
        );
        match target {
            Target::Chain(_) => self.rules.nat.push(rule),
            Target::Reject | Target::Drop => self.rules.filter.push(rule),
        }
    }

    /// What comes to the cluster IP from no pod is to be answered by way of this node.
    fn mark_from_outside(&mut self, chain: &str) {
        let (name, pods, port) = (self.name, &self.pod_network, self.port());
        let (ip, number, protocol) = (port.cluster_ip, port.port, port.protocol.as_str());
        self.rules.nat.push(format!(
            "{chain} ! -s {pods} -d {ip}/32 -p {protocol} -m comment --comment \"{name} cluster IP\" -m {protocol} --dport {number} -j KUBE-MARK-MASQ"
        ));
    }

    /// The ways in from outside.
    fn write_entrances(&mut self, outside: &str) {
        let entry = self.entry;
        let (name, port) = (self.name, &entry.port);
        for ip in port.external_ips.iter().copied() {
            self.match_address("KUBE-SERVICES", ip, "external IP", Target::Chain(outside));
        }
        let firewall = self.chain("FW");
        let guarded = !port.source_ranges.is_empty() && !port.load_balancer_ips.is_empty();
        let behind = if guarded { firewall.as_str() } else { outside };
        for ip in port.load_balancer_ips.iter().copied() {
            self.match_address("KUBE-SERVICES", ip, "loadbalancer IP", Target::Chain(behind));
            if guarded {
                let what = "traffic not accepted by";
                let (protocol, number) = (port.protocol.as_str(), port.port);
                self.rules.filter.push(format!(
                    "KUBE-PROXY-FIREWALL -d {ip}/32 -p {protocol} -m comment --comment \"{name} {what} {firewall}\" -m {protocol} --dport {number} -j DROP"
                ));
            }
        }
        if guarded {
            self.rules.chains.insert(firewall.clone());
            for range in &port.source_ranges {
                let from = if range.is_everything() { String::new() } else { format!(" -s {range}") };
                self.rules.nat.push(format!(
                    "{firewall}{from} -m comment --comment \"{name} loadbalancer IP\" -j {outside}"
                ));
            }
            self.rules.nat.push(format!(
                "{firewall} -m comment --comment \"other traffic to {name} will be dropped by KUBE-PROXY-FIREWALL\""
            ));
        }
        if let Some(node_port) = port.node_port {
            let protocol = port.protocol.as_str();
            self.rules.nat.push(format!(
                "KUBE-NODEPORTS -p {protocol} -m comment --comment \"{name}\" -m {protocol} --dport {node_port} -j {outside}"
            ));
        }
    }

    /// What happens to connections from outside.
    fn write_outside(&mut self, outside: &str, cluster: &str, local: &str, no_external: bool) {
        let (name, pods) = (self.name, &self.pod_network);
        let what = format!("for {name} external destinations\"");
        let mut rules = match self.port().external_local {
            false => {
                vec![format!("{outside} -m comment --comment \"masquerade traffic {what} -j KUBE-MARK-MASQ")]
            }
            true => vec![
                format!("{outside} -s {pods} -m comment --comment \"pod traffic {what} -j {cluster}"),
                format!(
                    "{outside} -m comment --comment \"masquerade LOCAL traffic {what} -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ"
                ),
                format!(
                    "{outside} -m comment --comment \"route LOCAL traffic {what} -m addrtype --src-type LOCAL -j {cluster}"
                ),
            ],
        };
        if !no_external {
            let chain = if self.port().external_local { local } else { cluster };
            rules.push(format!("{outside} -j {chain}"));
        }
        self.rules.chains.insert(outside.to_owned());
        self.rules.nat.append(&mut rules);
    }

    /// The choice among endpoints: who was here before goes where he went, all others by lot.
    fn write_choice(&mut self, chain: &str, endpoints: &[Endpoint]) {
        let entry = self.entry;
        let (name, port) = (self.name, &entry.port);
        self.rules.chains.insert(chain.to_owned());
        let places: Vec<(String, SocketAddrV4)> =
            endpoints.iter().map(|at| (self.endpoint_chain(at.address), at.address)).collect();
        if let Some(limit) = port.affinity {
            let seconds = limit.as_secs();
            for (place, address) in &places {
                self.rules.nat.push(format!(
                    "{chain} -m comment --comment \"{name} -> {address}\" -m recent --rcheck --seconds {seconds} --reap --name {place} --mask 255.255.255.255 --rsource -j {place}"
                ));
            }
        }
        for (index, (place, address)) in places.iter().enumerate() {
            let lot = match places.len() - index {
                1 => String::new(),
                left => format!(" -m statistic --mode random --probability {}", probability(left)),
            };
            let rule = format!("{chain} -m comment --comment \"{name} -> {address}\"{lot} -j {place}");
            self.rules.nat.push(rule);
        }
    }

    fn write_endpoints(&mut self) {
        let entry = self.entry;
        let (name, protocol) = (self.name, entry.port.protocol.as_str());
        let both = entry.usable.cluster.iter().chain(&entry.usable.local);
        let addresses: BTreeSet<SocketAddrV4> = both.map(|endpoint| endpoint.address).collect();
        for address in addresses {
            let chain = self.endpoint_chain(address);
            let recent = match entry.port.affinity {
                Some(_) => format!(" -m recent --set --name {chain} --mask 255.255.255.255 --rsource"),
                None => String::new(),
            };
            self.rules.nat.push(format!(
                "{chain} -s {}/32 -m comment --comment \"{name}\" -j KUBE-MARK-MASQ",
                address.ip()
            ));
            self.rules.nat.push(format!(
                "{chain} -p {protocol} -m comment --comment \"{name}\"{recent} -m {protocol} -j DNAT --to-destination {address}"
            ));
            self.rules.chains.insert(chain);
        }
    }

    fn endpoint_chain(&self, address: SocketAddrV4) -> String {
        endpoint_chain(self.name, self.port().protocol, address)
    }
}

fn jump(target: Target<'_>) -> String {
    match target {
        Target::Chain(chain) => format!("-j {chain}"),
        Target::Reject => "-j REJECT --reject-with icmp-port-unreachable".into(),
        Target::Drop => "-j DROP".into(),
    }
}

fn endpoint_chain(name: &ServicePortName, protocol: Protocol, address: SocketAddrV4) -> String {
    format!("KUBE-SEP-{}", hash(&[&name.to_string(), protocol.as_str(), &address.to_string()]))
}

/// The lot of the first of `left` endpoints, in the steps of 2⁻³¹ in which the kernel keeps it.
fn probability(left: usize) -> String {
    const STEPS: f64 = 2_147_483_648.0;
    format!("{:.11}", (STEPS / left as f64).round() / STEPS)
}

/// What makes a chain's name its own: the first 16 characters of SHA-256 in base 32.
fn hash(parts: &[&str]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const CHARACTERS: usize = 16;
    let digest = Sha256::digest(parts.concat());
    let bit = |at: usize| digest[at / 8] >> (7 - at % 8) & 1;
    let character = |number: usize| {
        let value = (0..5).fold(0, |value, offset| value << 1 | bit(number * 5 + offset));
        char::from(ALPHABET[usize::from(value)])
    };
    (0..CHARACTERS).map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_should_bear_the_names_that_upstream_gives_them() {
        let name = |text: &str| {
            let (namespace, rest) = text.split_once('/').unwrap();
            let (service, port) = rest.split_once(':').unwrap();
            ServicePortName { namespace: namespace.into(), service: service.into(), port: port.into() }
        };
        let services = [
            ("default/kubernetes:https", Protocol::Tcp, "NPX46M4PTMTKRN6Y"),
            ("kube-system/kube-dns:dns", Protocol::Udp, "TCOU7JCQXEZGVUNU"),
            ("kube-system/kube-dns:dns-tcp", Protocol::Tcp, "ERIFXISQEP7F7OF4"),
            ("ns1/svc1:p80", Protocol::Tcp, "XPGD46QRK7WJZT7O"),
        ];
        for (service, protocol, expected) in services {
            assert_eq!(hash(&[&name(service).to_string(), protocol.as_str()]), expected, "{service}");
        }
        let endpoints = [
            ("kube-system/kube-dns:dns", Protocol::Udp, "10.244.0.2:53", "KUBE-SEP-YIL6JZP7A3QYXJU2"),
            ("kube-system/kube-dns:dns", Protocol::Udp, "10.244.0.4:53", "KUBE-SEP-WXWGHGKZOCNYRYI7"),
            ("ns1/svc1:p80", Protocol::Tcp, "10.180.0.1:80", "KUBE-SEP-SXIVWICOYRO3J4NJ"),
        ];
        for (service, protocol, address, expected) in endpoints {
            let found = endpoint_chain(&name(service), protocol, address.parse().unwrap());
            assert_eq!(found, expected, "{service} at {address}");
        }
    }

    #[test]
    fn probabilities_should_be_those_that_the_kernel_keeps() {
        assert_eq!([2, 3, 4].map(probability), ["0.50000000000", "0.33333333349", "0.25000000000"]);
    }
}
