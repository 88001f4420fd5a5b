//! `/etc/hosts`, read as `hosts(5)` says: an address and its names on each line, `#` begins a comment.

use std::net::IpAddr;

/// The names that a pod knows without asking anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// Addresses with their names in lower case, in the order of the file.
    lines: Vec<(IpAddr, Vec<String>)>,
}

impl Hosts {
    /// Reads the file; lines that do not begin with an address are skipped.
    pub fn parse(text: &str) -> Hosts {
        let lines = text.lines().filter_map(|line| {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let address = words.next()?.parse().ok()?;
            Some((address, words.map(str::to_ascii_lowercase).collect()))
        });
        Hosts { lines: lines.collect() }
    }

    /// The addresses of a name, in the order of the file.
    pub fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let lines = self.lines.iter().filter(|(_, names)| names.contains(&name));
        lines.map(|(address, _)| *address).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_should_know_every_name_of_a_line_and_no_comment() {
        let hosts = Hosts::parse(
            "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n\
             fe00::0\tip6-localnet\n10.244.1.2\tDB-0.db.default.svc.cluster.local\tdb-0\n\n\
             10.1.2.3\tfoo.remote\tbar.remote # baz.remote\nnonsense here\n",
        );
        for (name, expected) in [
            ("localhost", "[127.0.0.1, ::1]"),
            ("db-0", "[10.244.1.2]"),
            ("db-0.DB.default.svc.cluster.local.", "[10.244.1.2]"),
            ("bar.remote", "[10.1.2.3]"),
            ("baz.remote", "[]"),
            ("here", "[]"),
            ("db", "[]"),
        ] {
            assert_eq!(format!("{:?}", hosts.addresses(name)), expected, "{name}");
        }
    }
}
