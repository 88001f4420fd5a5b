//! What containers may reach beyond the cluster: nothing, or what a list allows.
//!
//! An entry is `HOST:PORT`, where HOST is a name, an address or a block of addresses (`192.0.2.0/24`) and PORT a
//! number or `*`. Only IPv4 and TCP leave the cluster. A name is what the machine resolves it to, without the
//! addresses that stand for the machine itself or its link, so that nobody who owns a name gets in there.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::str::FromStr;

use crate::cidr::Cidr;
use crate::validation::names;

/// The addresses that names stand for.
pub type Resolved = BTreeMap<String, Vec<Ipv4Addr>>;

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    host: Host,
    /// Absent for every port.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Name(String),
    Block(Cidr),
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Allowed, String> {
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| format!("{text:?} names no port: write HOST:PORT, or HOST:* for all ports"))?;
        let port = match port {
            "*" => None,
            port => match port.parse() {
                Ok(port) if port != 0 => Some(port),
                _ => return Err(format!("{port:?} is no port: write a number from 1 to 65535, or *")),
            },
        };
        let block = if host.contains('/') { host.to_owned() } else { format!("{host}/32") };
        let host = match block.parse() {
            Ok(block) => Host::Block(block),
            Err(error) if host.contains('/') => return Err(error),
            Err(_) if !names::dns_1123_subdomain(host).is_empty() => {
                return Err(format!(
                    "{host:?} is no name, no IPv4 address and no block such as 192.0.2.0/24"
                ));
            }
            Err(_) => Host::Name(host.to_owned()),
        };
        Ok(Allowed { host, port })
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => formatter.write_str(name)?,
            Host::Block(block) => write!(formatter, "{block}")?,
        }
        match self.port {
            Some(port) => write!(formatter, ":{port}"),
            None => formatter.write_str(":*"),
        }
    }
}

/// The names that a list has.
pub fn names_of(list: &[Allowed]) -> impl Iterator<Item = &str> {
    list.iter().filter_map(|allowed| match &allowed.host {
        Host::Name(name) => Some(name.as_str()),
        Host::Block(_) => None,
    })
}

/// Whether a connection may leave the cluster.
pub fn may_leave(list: &[Allowed], resolved: &Resolved, target: SocketAddrV4) -> bool {
    list.iter().any(|allowed| {
        let here = match &allowed.host {
            Host::Block(block) => block.contains(*target.ip()),
            Host::Name(name) => resolved.get(name).is_some_and(|all| all.contains(target.ip())),
        };
        here && allowed.port.is_none_or(|port| port == target.port())
    })
}

/// Whether a name may stand for an address: the machine itself, its link and groups are nobody's.
pub fn may_stand_for(address: Ipv4Addr) -> bool {
    !(address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_broadcast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_should_be_names_addresses_or_blocks_with_a_port() {
        for text in ["db.example.com:5432", "192.0.2.0/24:443", "localhost:*"] {
            assert_eq!(text.parse::<Allowed>().unwrap().to_string(), text);
        }
        assert_eq!("192.0.2.7:443".parse::<Allowed>().unwrap().to_string(), "192.0.2.7/32:443");
        let rows = [
            ("example.com", "\"example.com\" names no port: write HOST:PORT, or HOST:* for all ports"),
            ("example.com:0", "\"0\" is no port: write a number from 1 to 65535, or *"),
            ("192.0.2.0/33:1", "\"192.0.2.0/33\" is not an IPv4 network such as 10.244.0.0/16"),
            ("a b:1", "\"a b\" is no name, no IPv4 address and no block such as 192.0.2.0/24"),
            ("*:1", "\"*\" is no name, no IPv4 address and no block such as 192.0.2.0/24"),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse::<Allowed>().unwrap_err(), expected);
        }
    }

    #[test]
    fn only_what_the_list_allows_should_leave() {
        let list: Vec<Allowed> = ["db.example.com:5432", "192.0.2.0/24:443", "198.51.100.7:*"]
            .map(|text| text.parse().unwrap())
            .into();
        let resolved = Resolved::from([("db.example.com".to_owned(), vec![Ipv4Addr::new(203, 0, 113, 5)])]);
        let rows = [
            ("203.0.113.5:5432", true),
            ("203.0.113.5:22", false),
            ("203.0.113.6:5432", false),
            ("192.0.2.9:443", true),
            ("192.0.2.9:80", false),
            ("198.51.100.7:1", true),
            ("169.254.169.254:80", false),
        ];
        for (target, expected) in rows {
            assert_eq!(may_leave(&list, &resolved, target.parse().unwrap()), expected, "{target}");
            assert!(!may_leave(&[], &resolved, target.parse().unwrap()), "nothing leaves by default");
        }
        assert_eq!(names_of(&list).collect::<Vec<_>>(), ["db.example.com"]);
        assert!(!may_stand_for(Ipv4Addr::LOCALHOST) && !may_stand_for([169, 254, 169, 254].into()));
    }
}
