//! `resolv.conf`: whom a pod asks for names, and where it looks for them, read and written as `resolv.conf(5)`
//! of glibc says.

use std::net::IpAddr;

/// Most that `ndots` can be, as glibc's `RES_MAXNDOTS`.
const MOST_DOTS: usize = 15;
/// Most attempts, as glibc's `RES_MAXRETRY`.
const MOST_ATTEMPTS: u32 = 5;
/// Longest wait for one answer, as glibc's `RES_MAXRETRANS`.
const LONGEST_TIMEOUT_SECONDS: u64 = 30;

/// A resolver's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvConf {
    /// Addresses of the name servers, in the order they are asked.
    pub nameservers: Vec<String>,
    /// Domains that a short name is looked for in, in order.
    pub searches: Vec<String>,
    /// `name` or `name:value` each.
    pub options: Vec<String>,
}

impl ResolvConf {
    /// Reads the file: `nameserver` lines add up; of `search` (or `domain`) and `options` the last one counts.
    pub fn parse(text: &str) -> ResolvConf {
        let mut conf = ResolvConf::default();
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
            let mut words = line.split_whitespace().map(str::to_owned);
            match words.next().as_deref() {
                Some("nameserver") => conf.nameservers.extend(words.next()),
                Some("search" | "domain") => conf.searches = words.collect(),
                Some("options") => conf.options = words.collect(),
                _ => {}
            }
        }
        conf
    }

    /// The file as containerd writes it for the kubelet (`internal/cri/server/sandbox_run_linux.go` of
    /// containerd/containerd).
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        if !self.searches.is_empty() {
            text.push_str(&format!("search {}\n", self.searches.join(" ")));
        }
        for server in &self.nameservers {
            text.push_str(&format!("nameserver {server}\n"));
        }
        if !self.options.is_empty() {
            text.push_str(&format!("options {}\n", self.options.join(" ")));
        }
        text
    }

    /// Addresses of the name servers, those that are none left out.
    pub fn servers(&self) -> Vec<IpAddr> {
        self.nameservers.iter().filter_map(|server| server.parse().ok()).collect()
    }

    /// How many dots a name needs to be tried as it is before the search list is.
    pub fn ndots(&self) -> usize {
        self.option("ndots").map_or(1, |dots: usize| dots.min(MOST_DOTS))
    }

    /// How often each server is asked.
    pub fn attempts(&self) -> u32 {
        self.option("attempts").map_or(2, |attempts: u32| attempts.clamp(1, MOST_ATTEMPTS))
    }

    /// How long an answer is waited for, in seconds.
    pub fn timeout_seconds(&self) -> u64 {
        self.option("timeout").map_or(5, |timeout: u64| timeout.clamp(1, LONGEST_TIMEOUT_SECONDS))
    }

    fn option<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        let mut pairs = self.options.iter().filter_map(|option| option.split_once(':'));
        pairs.find(|(option, _)| *option == name).and_then(|(_, value)| value.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str = "search default.svc.cluster.local svc.cluster.local cluster.local\n\
                       nameserver 10.96.0.10\noptions ndots:5\n";

    #[test]
    fn resolv_conf_should_be_written_as_it_is_read() {
        let conf = ResolvConf::parse(POD);
        assert_eq!(conf.searches.len(), 3);
        assert_eq!((conf.ndots(), conf.attempts(), conf.timeout_seconds()), (5, 2, 5));
        assert_eq!(conf.to_text(), POD);
    }

    #[test]
    fn resolv_conf_should_keep_within_the_bounds_of_a_resolver() {
        let text = "# comment\nnameserver 8.8.8.8\nnameserver x\nsearch a b\nsearch c\n\
                    options ndots:99 attempts:0 timeout:1000 edns0\n; other comment\n";
        let conf = ResolvConf::parse(text);
        assert_eq!(conf.searches, ["c"]);
        assert_eq!(conf.servers().len(), 1);
        assert_eq!((conf.ndots(), conf.attempts(), conf.timeout_seconds()), (15, 1, 30));
        let bare = ResolvConf::default();
        assert_eq!((bare.ndots(), bare.attempts(), bare.timeout_seconds()), (1, 2, 5));
    }
}
