//! Questions to the zone: from a name and a type to records.
//!
//! Follows `plugin/kubernetes/{parse,kubernetes,reverse,ns}.go` and `plugin/backend_lookup.go` of
//! coredns/coredns, with kubeadm's Corefile: `pods insecure`, `ttl 30`. Where that knows of no more than one
//! type at a name (`dns-version`, `ns.dns`), other types are answered without records instead of *no such name*.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::CLUSTER_DOMAIN;
use super::message::{Answer, QueryType, Record, RecordData, ResponseCode, Soa};
use super::name::Name;
use super::zone::{Port, Reached, Service, Zone};

/// How long a record may be remembered, as kubeadm's Corefile has it.
const TTL_SECONDS: u32 = 30;
/// How long the version of the schema may be remembered.
const VERSION_TTL_SECONDS: u32 = 28800;
/// The version of the specification.
const SCHEMA_VERSION: &str = "1.1.0";
/// How many names are followed from one to the next.
const MOST_ALIASES: usize = 8;

/// What a name stands for.
enum Meaning {
    /// Addresses with the names and ports that they have as targets.
    Addresses(Vec<Target>),
    /// Another name.
    Alias(String),
}

struct Target {
    name: String,
    address: IpAddr,
    port: Option<u16>,
}

/// Where a chain of names ended.
enum End {
    /// In records, or in none.
    Here,
    /// In a name that does not exist.
    NoName,
    /// In a name that others know.
    Outside(Name),
}

impl Zone {
    /// Answers a question.
    pub fn answer(&self, name: &Name, kind: QueryType) -> Answer {
        let domain = domain();
        if let Some(labels) = name.within(&domain) {
            return self.answer_cluster(name, &labels, kind, &domain);
        }
        if let Some(domain) = name.reverse_domain() {
            return self.answer_reverse(name, kind, &domain);
        }
        self.outside(name, kind, Vec::new())
    }

    /// What is no name of the cluster: known where containers may reach it, refused otherwise.
    fn outside(&self, name: &Name, kind: QueryType, mut answers: Vec<Record>) -> Answer {
        let Some(addresses) = self.beyond.get(name.to_string().trim_end_matches('.')) else {
            return outside(name, answers);
        };
        if kind == QueryType::A {
            answers.extend(addresses.iter().map(|address| record(name, RecordData::A(*address))));
        }
        Answer { answers, ..Answer::default() }
    }

    fn answer_cluster(&self, name: &Name, labels: &[String], kind: QueryType, domain: &Name) -> Answer {
        let mut answers = Vec::new();
        let mut additional = Vec::new();
        let is_apex = labels.is_empty();
        let end = match kind {
            QueryType::SOA if is_apex => {
                answers.push(self.start(domain));
                End::Here
            }
            QueryType::NS if is_apex => {
                (answers, additional) = self.name_servers(name);
                End::Here
            }
            QueryType::TXT if labels == ["dns-version"] => {
                let data = RecordData::Txt(SCHEMA_VERSION.to_owned());
                answers.push(Record { name: name.clone(), ttl_seconds: VERSION_TTL_SECONDS, data });
                End::Here
            }
            QueryType::SRV => self.services(name, labels, &mut answers, &mut additional),
            QueryType::CNAME => self.alias(name, labels, &mut answers),
            kind => self.addresses(name, labels, kind, &mut answers),
        };
        match end {
            End::Outside(target) => self.outside(&target, kind, answers),
            End::NoName => self.no_records(ResponseCode::NameError, domain),
            End::Here if answers.is_empty() => self.no_records(ResponseCode::NoError, domain),
            End::Here => Answer { is_authoritative: true, answers, additional, ..Answer::default() },
        }
    }

    /// The addresses of a name, by way of the names that it leads to. Types that no name has find nothing, but
    /// find out whether the name exists.
    fn addresses(&self, name: &Name, labels: &[String], kind: QueryType, records: &mut Vec<Record>) -> End {
        let (mut owner, mut labels) = (name.clone(), labels.to_vec());
        let mut aliases = Vec::new();
        while aliases.len() < MOST_ALIASES {
            match self.meaning(&labels) {
                None if aliases.is_empty() => return End::NoName,
                None => return End::Here,
                Some(Meaning::Addresses(targets)) => {
                    let found = address_records(&owner, kind, &targets);
                    if !found.is_empty() {
                        records.extend(aliases);
                        records.extend(found);
                    }
                    return End::Here;
                }
                Some(Meaning::Alias(_)) if !matches!(kind, QueryType::A | QueryType::AAAA) => {
                    return End::Here;
                }
                Some(Meaning::Alias(target)) => {
                    let Ok(target) = Name::parse(&target) else { return End::Here };
                    aliases.push(record(&owner, RecordData::Cname(target.clone())));
                    let Some(next) = target.within(&domain()) else {
                        records.extend(aliases);
                        return End::Outside(target);
                    };
                    (owner, labels) = (target, next);
                }
            }
        }
        End::Here
    }

    fn alias(&self, name: &Name, labels: &[String], records: &mut Vec<Record>) -> End {
        match self.meaning(labels) {
            None => return End::NoName,
            Some(Meaning::Addresses(_)) => {}
            Some(Meaning::Alias(target)) => {
                records
                    .extend(Name::parse(&target).ok().map(|target| record(name, RecordData::Cname(target))));
            }
        }
        End::Here
    }

    /// Where ports are served, each target with its addresses.
    fn services(
        &self,
        name: &Name,
        labels: &[String],
        answers: &mut Vec<Record>,
        additional: &mut Vec<Record>,
    ) -> End {
        let targets = match self.meaning(labels) {
            None => return End::NoName,
            Some(Meaning::Alias(_)) => return End::Here,
            Some(Meaning::Addresses(targets)) => targets,
        };
        let weight = u16::try_from(100 / targets.len().max(1)).unwrap_or(1).max(1);
        let (mut places, mut hosts) = (BTreeSet::new(), BTreeSet::new());
        for target in &targets {
            let (Some(port), Ok(host)) = (target.port, Name::parse(&target.name)) else { continue };
            if hosts.insert((&target.name, target.address)) {
                additional.push(record(&host, RecordData::address(target.address)));
            }
            if places.insert((&target.name, port)) {
                answers.push(record(name, RecordData::Srv { priority: 0, weight, port, target: host }));
            }
        }
        End::Here
    }

    /// What a name of the cluster stands for; `None` where there is no such name.
    fn meaning(&self, labels: &[String]) -> Option<Meaning> {
        let nothing = || Some(Meaning::Addresses(Vec::new()));
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let (kind, rest) = match labels.as_slice() {
            [] | ["dns-version" | "dns"] => return nothing(),
            ["ns", "dns"] => return Some(Meaning::Addresses(self.own_targets())),
            [rest @ .., kind @ ("svc" | "pod")] => (*kind, rest),
            _ => return None,
        };
        let Some((namespace, rest)) = rest.split_last() else { return nothing() };
        if !self.namespaces.contains(*namespace) {
            return None;
        }
        match (kind, rest) {
            (_, []) => nothing(),
            ("pod", [address]) => pod(address, namespace),
            ("pod", _) => None,
            (_, [service]) => self.service_meaning(namespace, service, None, ["", ""]),
            (_, [endpoint, service]) => self.service_meaning(namespace, service, Some(endpoint), ["", ""]),
            (_, [port, protocol, service]) => {
                let bare = |label: &str| label.strip_prefix('_').unwrap_or(label).to_owned();
                self.service_meaning(namespace, service, None, [&bare(port), &bare(protocol)])
            }
            _ => None,
        }
    }

    /// A Service, one of its endpoints, or one of its ports.
    fn service_meaning(
        &self,
        namespace: &str,
        name: &str,
        endpoint: Option<&str>,
        wanted: [&str; 2],
    ) -> Option<Meaning> {
        let service = self.service(namespace, name)?;
        let targets = match (&service.reached, endpoint) {
            (Reached::Elsewhere(_), Some(_)) => return None,
            (Reached::Elsewhere(target), None) => {
                let is_name = !target.is_empty() && target.parse::<IpAddr>().is_err();
                return is_name.then(|| Meaning::Alias(target.clone()));
            }
            (Reached::Addresses(addresses), None) => {
                own_addresses(namespace, name, service, addresses, wanted)
            }
            (Reached::Addresses(_) | Reached::Headless, _) => {
                self.endpoint_targets(namespace, name, endpoint, wanted)
            }
        };
        (!targets.is_empty()).then_some(Meaning::Addresses(targets))
    }

    fn endpoint_targets(
        &self,
        namespace: &str,
        service: &str,
        endpoint: Option<&str>,
        wanted: [&str; 2],
    ) -> Vec<Target> {
        let mut targets = Vec::new();
        for slice in self.slices(namespace, service) {
            let meant =
                slice.endpoints.iter().filter(|found| endpoint.is_none_or(|label| found.label == label));
            for found in meant {
                let name = service_name(namespace, &format!("{}.{service}", found.label));
                let ports = slice.ports.iter().filter(|port| is_wanted(port, wanted));
                targets.extend(ports.map(|port| Target {
                    name: name.clone(),
                    address: found.address,
                    port: port.number,
                }));
            }
        }
        targets
    }

    fn answer_reverse(&self, name: &Name, kind: QueryType, domain: &Name) -> Answer {
        if name == domain {
            let mut answer = self.no_records(ResponseCode::NoError, domain);
            if kind == QueryType::SOA {
                answer.answers = std::mem::take(&mut answer.authority);
            }
            return answer;
        }
        let address = name.reverse_address();
        let names = address.map(|address| self.names_of(address)).unwrap_or_default();
        if names.is_empty() {
            return match address {
                Some(address) if !is_private(address) => outside(name, Vec::new()),
                _ => self.no_records(ResponseCode::NameError, domain),
            };
        }
        if kind != QueryType::PTR {
            return self.no_records(ResponseCode::NoError, domain);
        }
        let names = names.iter().filter_map(|text| Name::parse(text).ok());
        let answers = names.map(|target| record(name, RecordData::Ptr(target))).collect();
        Answer { is_authoritative: true, answers, ..Answer::default() }
    }

    /// The names of an address: the Service's that has it, or else those of the endpoints that have it.
    fn names_of(&self, address: IpAddr) -> Vec<String> {
        if let Some((namespace, service)) = self.service_at(address) {
            return vec![service_name(namespace, service)];
        }
        let mut names = Vec::new();
        for ((namespace, service), endpoint) in self.endpoints_at(address) {
            push_new(&mut names, service_name(namespace, &format!("{}.{service}", endpoint.label)));
        }
        names
    }

    /// The names and addresses of this server: its Service's, or its own where no Service leads to it.
    fn own_targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for ((namespace, name), endpoint) in self.endpoints_at(self.own.into()) {
            let (found, addresses) = match self.service(namespace, name).map(|service| &service.reached) {
                Some(Reached::Addresses(addresses)) => (service_name(namespace, name), addresses.clone()),
                Some(Reached::Headless) => {
                    let label = format!("{}.{name}", endpoint.label);
                    (service_name(namespace, &label), vec![endpoint.address])
                }
                _ => continue,
            };
            let found = |address| Target { name: found.clone(), address, port: None };
            targets.extend(addresses.into_iter().map(found));
        }
        if targets.is_empty() {
            targets.push(Target {
                name: format!("ns.dns.{CLUSTER_DOMAIN}"),
                address: self.own.into(),
                port: None,
            });
        }
        targets
    }

    fn name_servers(&self, zone: &Name) -> (Vec<Record>, Vec<Record>) {
        let (mut servers, mut addresses) = (Vec::new(), Vec::new());
        for target in self.own_targets() {
            let Ok(name) = Name::parse(&target.name) else { continue };
            push_new(&mut addresses, record(&name, RecordData::address(target.address)));
            push_new(&mut servers, record(zone, RecordData::Ns(name)));
        }
        (servers, addresses)
    }

    fn no_records(&self, code: ResponseCode, zone: &Name) -> Answer {
        Answer { code, is_authoritative: true, authority: vec![self.start(zone)], ..Answer::default() }
    }

    fn start(&self, zone: &Name) -> Record {
        let below = |label: &str| Name::parse(&format!("{label}.{zone}")).unwrap_or_else(|_| zone.clone());
        let soa = Soa {
            server: below("ns.dns"),
            mailbox: below("hostmaster"),
            serial: self.serial,
            minimum_seconds: TTL_SECONDS,
        };
        record(zone, RecordData::Soa(soa))
    }
}

fn domain() -> Name {
    Name::fixed(CLUSTER_DOMAIN)
}

/// `a-b-c-d` is `a.b.c.d`, whether there is such a pod or not.
fn pod(label: &str, namespace: &str) -> Option<Meaning> {
    let is_v4 = label.matches('-').count() == 3 && !label.contains("--");
    let text = label.replace('-', if is_v4 { "." } else { ":" });
    let address = text.parse().ok()?;
    let name = format!("{label}.{namespace}.pod.{CLUSTER_DOMAIN}");
    Some(Meaning::Addresses(vec![Target { name, address, port: None }]))
}

fn own_addresses(
    namespace: &str,
    name: &str,
    service: &Service,
    addresses: &[IpAddr],
    wanted: [&str; 2],
) -> Vec<Target> {
    let ports = service.ports.iter().filter(|port| is_wanted(port, wanted));
    let targets = ports.flat_map(|port| {
        addresses.iter().map(|address| Target {
            name: service_name(namespace, name),
            address: *address,
            port: port.number,
        })
    });
    targets.collect()
}

/// Whether a port has the name and the protocol that are asked for; nobody asks for an empty one.
fn is_wanted(port: &Port, [name, protocol]: [&str; 2]) -> bool {
    (name.is_empty() || port.name == name) && (protocol.is_empty() || port.protocol == protocol)
}

fn service_name(namespace: &str, name: &str) -> String {
    format!("{name}.{namespace}.svc.{CLUSTER_DOMAIN}")
}

fn address_records(owner: &Name, kind: QueryType, targets: &[Target]) -> Vec<Record> {
    let mut seen = BTreeSet::new();
    let meant = targets.iter().map(|target| target.address);
    let meant = meant.filter(|address| QueryType::of_address(*address) == kind && seen.insert(*address));
    meant.map(|address| record(owner, RecordData::address(address))).collect()
}

fn push_new<T: PartialEq>(items: &mut Vec<T>, item: T) {
    if !items.contains(&item) {
        items.push(item);
    }
}

fn record(name: &Name, data: RecordData) -> Record {
    Record { name: name.clone(), ttl_seconds: TTL_SECONDS, data }
}

/// Addresses that every network uses for itself, of which no other server would know (RFC 6303).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_unique_local() || address.is_loopback() || address.is_unicast_link_local()
        }
    }
}

/// What others would have to be asked for.
fn outside(name: &Name, answers: Vec<Record>) -> Answer {
    let reason = format!(
        "{name} is not a name of this cluster, and this DNS asks no other server: containers have no way out \
         of the cluster"
    );
    Answer { code: ResponseCode::Refused, answers, reason: Some(reason), ..Answer::default() }
}
