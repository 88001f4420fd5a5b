//! Domain names: compared without regard to case, written with the case they came in
//! (RFC 1035 section 2.3, RFC 4343).

use std::cmp::Ordering;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use simple_dns::Name as WireName;

/// The domain of the reverse names of IPv4.
const IN_ADDR: [&str; 2] = ["in-addr", "arpa"];
/// The domain of the reverse names of IPv6.
const IP6: [&str; 2] = ["ip6", "arpa"];

/// Longest name in bytes on the wire.
const MOST_BYTES: usize = 255;

/// A complete domain name.
#[derive(Clone, Debug)]
pub struct Name(WireName<'static>);

/// Why a text is no domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Two dots without anything between them, or a dot at the start.
    #[error("a label is empty")]
    EmptyLabel,
    /// A label of more than 63 bytes, a name of more than 255, or a broken escape.
    #[error("a label is longer than 63 bytes, or the name is longer than 255")]
    TooLong,
}

impl Name {
    /// Reads a name, which may end with a dot; `.` alone is the root.
    ///
    /// # Errors
    /// When a label is empty, or a limit is exceeded.
    pub fn parse(text: &str) -> Result<Name, NameError> {
        let complete = text.strip_suffix('.').unwrap_or(text);
        if text != "." && complete.split('.').any(str::is_empty) {
            return Err(NameError::EmptyLabel);
        }
        let name = WireName::new(complete).map_err(|_| NameError::TooLong)?.into_owned();
        let bytes = name.iter().map(|label| label.len() + 1).sum::<usize>() + 1;
        if bytes > MOST_BYTES { Err(NameError::TooLong) } else { Ok(Name(name)) }
    }

    /// The name under which a reverse lookup asks for an address.
    pub fn reverse(address: IpAddr) -> Name {
        let text = match address {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                format!("{d}.{c}.{b}.{a}.{}", IN_ADDR.join("."))
            }
            IpAddr::V6(address) => {
                let bytes = address.octets();
                let nibbles = bytes.iter().rev().map(|byte| format!("{:x}.{:x}.", byte & 15, byte >> 4));
                format!("{}{}", nibbles.collect::<String>(), IP6.join("."))
            }
        };
        Name::fixed(&text)
    }

    /// A name that is known to be within the limits.
    pub(super) fn fixed(text: &str) -> Name {
        Name(WireName::new_unchecked(text).into_owned())
    }

    /// The labels in lower case, the most special first. A label that is no text matches no other.
    pub fn labels(&self) -> Vec<String> {
        self.0.iter().map(|label| String::from_utf8_lossy(label.as_ref()).to_ascii_lowercase()).collect()
    }

    /// The labels that stand before `domain`, in lower case; `None` for a name outside of it.
    pub fn within(&self, domain: &Name) -> Option<Vec<String>> {
        let (mut labels, domain) = (self.labels(), domain.labels());
        let rest = labels.len().checked_sub(domain.len())?;
        if labels[rest..] != domain {
            return None;
        }
        labels.truncate(rest);
        Some(labels)
    }

    /// The address that a reverse name stands for.
    pub fn reverse_address(&self) -> Option<IpAddr> {
        let labels = self.labels();
        let (address, domain) = labels.split_at_checked(labels.len().checked_sub(2)?)?;
        let backwards = || address.iter().rev().map(String::as_str);
        if domain == IN_ADDR && address.len() == 4 {
            return backwards().collect::<Vec<_>>().join(".").parse::<Ipv4Addr>().ok().map(IpAddr::V4);
        }
        if domain == IP6 && address.len() == 32 && address.iter().all(|nibble| nibble.len() == 1) {
            let digits = backwards().collect::<String>();
            return u128::from_str_radix(&digits, 16).ok().map(|bits| Ipv6Addr::from_bits(bits).into());
        }
        None
    }

    /// Whether the name is one of a reverse domain, or such a domain itself; then that domain.
    pub(super) fn reverse_domain(&self) -> Option<Name> {
        let labels = self.labels();
        let found = [IN_ADDR, IP6]
            .into_iter()
            .find(|domain| labels.len().checked_sub(2).is_some_and(|start| labels[start..] == domain[..]))?;
        Some(Name::fixed(&found.join(".")))
    }

    /// The name as it goes over the wire.
    pub(super) fn wire(&self) -> WireName<'static> {
        self.0.clone()
    }

    /// A name that came over the wire.
    pub(super) fn of_wire(name: WireName<'_>) -> Name {
        Name(name.into_owned())
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Name) -> Ordering {
        let lower =
            |name: &Name| name.0.iter().map(|label| label.as_ref().to_ascii_lowercase()).collect::<Vec<_>>();
        lower(self).cmp(&lower(other))
    }
}

/// With the dot at the end, as zone files have it.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn name_should_be_read_within_the_limits_of_the_wire() {
        let label = "a".repeat(63);
        let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert_eq!(name("Web.Default.").to_string(), "Web.Default.");
        assert_eq!(name(".").to_string(), ".");
        assert_eq!(name(&longest).labels().len(), 4);
        for (text, expected) in [
            ("", NameError::EmptyLabel),
            ("a..b", NameError::EmptyLabel),
            (".a", NameError::EmptyLabel),
            ("a..", NameError::EmptyLabel),
            (&format!("{label}a"), NameError::TooLong),
            (&format!("{longest}a"), NameError::TooLong),
        ] {
            assert_eq!(Name::parse(text).unwrap_err(), expected, "{text:?}");
        }
    }

    #[test]
    fn name_should_be_compared_without_regard_to_case() {
        assert_eq!(name("WEB.default"), name("web.Default."));
        assert_eq!(name("a.Svc.Cluster.LOCAL").within(&name("cluster.local")).unwrap(), ["a", "svc"]);
        assert_eq!(name("cluster.local").within(&name("cluster.local")).unwrap().len(), 0);
        assert_eq!(name("mycluster.local").within(&name("cluster.local")), None);
        assert_eq!(name("local").within(&name("cluster.local")), None);
    }

    #[test]
    fn reverse_name_should_lead_back_to_its_address() {
        let v6 = "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.";
        for (address, expected) in [("10.96.0.1", "1.0.96.10.in-addr.arpa."), ("2001:db8::567:89ab", v6)] {
            let reverse = Name::reverse(address.parse().unwrap());
            assert_eq!(reverse.to_string(), expected);
            assert_eq!(reverse.reverse_address().unwrap().to_string(), address);
        }
        for text in
            ["0.96.10.in-addr.arpa", "a.0.96.10.in-addr.arpa", "1.1.0.96.10.in-addr.arpa", "arpa", "ip6.arpa"]
        {
            assert_eq!(name(text).reverse_address(), None, "{text}");
        }
    }
}
