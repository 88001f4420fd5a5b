//! `nslookup`, as busybox has it without its own DNS client: it asks as every program asks, so that the search
//! list of `/etc/resolv.conf` holds.

use std::fs;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};

use crate::shell::Shell;

pub(super) async fn nslookup(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let [name] = &arguments[1..] else {
        return Err(io::Error::other("one name is looked up, at the server of /etc/resolv.conf; see --help"));
    };
    let found = (name.as_str(), 0).to_socket_addrs();
    let settings = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let out = shell.streams.get(1);
    out.write(server(&settings).as_bytes()).await?;
    match found {
        Ok(addresses) => {
            let addresses: Vec<IpAddr> = addresses.map(|address| address.ip()).collect();
            out.write(told(name, &addresses).as_bytes()).await?;
            Ok(0)
        }
        Err(_) => Err(io::Error::other(format!("can't resolve '{name}'"))),
    }
}

/// Who is asked.
fn server(settings: &str) -> String {
    let mut lines = settings.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    match lines.next().map(str::trim) {
        Some(server) => format!("Server:    {server}\nAddress 1: {server}\n\n"),
        None => String::new(),
    }
}

fn told(name: &str, addresses: &[IpAddr]) -> String {
    let numbered = addresses.iter().enumerate();
    let lines = numbered.map(|(index, address)| format!("Address {}: {address}\n", index + 1));
    format!("Name:      {name}\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookup_should_be_told_as_busybox_tells_it() {
        let settings = "search default.svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n";
        assert_eq!(server(settings), "Server:    10.96.0.10\nAddress 1: 10.96.0.10\n\n");
        assert_eq!(server(""), "");
        let addresses = ["10.244.1.2".parse().unwrap(), "10.244.1.3".parse().unwrap()];
        assert_eq!(told("db", &addresses), "Name:      db\nAddress 1: 10.244.1.2\nAddress 2: 10.244.1.3\n");
    }
}
