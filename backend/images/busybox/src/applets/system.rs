//! What a container says about itself: `hostname`, `id`, `uname`, and what it cannot do.

use std::io;
use std::net::ToSocketAddrs;

use super::flags::Flags;
use crate::shell::Shell;

/// The pod's name, as the kubelet says it.
fn name(shell: &Shell) -> String {
    let file = std::fs::read_to_string("/etc/hostname").ok().map(|text| text.trim().to_owned());
    let variable = || shell.variable("HOSTNAME");
    file.filter(|text| !text.is_empty()).or_else(variable).unwrap_or_else(|| "localhost".to_owned())
}

/// The first name of the line of `/etc/hosts` that knows a name: with its domain, if it has one.
fn whole_name(hosts: &str, name: &str) -> String {
    let lines = hosts.lines().filter(|line| !line.starts_with('#'));
    let mut names = lines.map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>());
    let line = names.find(|names| names.contains(&name));
    line.and_then(|names| names.first().copied()).unwrap_or(name).to_owned()
}

pub(super) async fn hostname(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "isf")?;
    let name = name(shell);
    let text = match flags.has('i') {
        true => (name.as_str(), 0_u16).to_socket_addrs()?.next().map(|address| address.ip().to_string()),
        false if flags.has('f') => {
            Some(whole_name(&std::fs::read_to_string("/etc/hosts").unwrap_or_default(), &name))
        }
        false if flags.has('s') => name.split('.').next().map(str::to_owned),
        false => Some(name),
    };
    shell.print(&format!("{}\n", text.unwrap_or_default())).await?;
    Ok(0)
}

pub(super) async fn id(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "ugnG")?;
    let text = match (flags.has('n'), flags.has('u') || flags.has('g') || flags.has('G')) {
        (true, true) => "root",
        (_, true) => "0",
        _ => "uid=0(root) gid=0(root) groups=0(root)",
    };
    shell.print(&format!("{text}\n")).await?;
    Ok(0)
}

pub(super) async fn whoami(shell: &mut Shell, _: &[String]) -> io::Result<u8> {
    shell.print("root\n").await?;
    Ok(0)
}

pub(super) async fn nproc(shell: &mut Shell, _: &[String]) -> io::Result<u8> {
    shell.print("1\n").await?;
    Ok(0)
}

pub(super) async fn uname(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "asnrvmo")?;
    let node = name(shell);
    let parts = [
        ('s', "WASI"),
        ('n', node.as_str()),
        ('r', "0.2"),
        ('v', concat!("Kijabi-", env!("CARGO_PKG_VERSION"))),
        ('m', std::env::consts::ARCH),
    ];
    let nothing_asked = !"asnrvmo".chars().any(|letter| flags.has(letter));
    let is_shown = |letter: char| flags.has('a') || flags.has(letter) || (nothing_asked && letter == 's');
    let shown: Vec<&str> =
        parts.iter().filter(|(letter, _)| is_shown(*letter)).map(|(_, text)| *text).collect();
    shell.print(&format!("{}\n", shown.join(" "))).await?;
    Ok(0)
}

pub(super) async fn uptime(shell: &mut Shell, _: &[String]) -> io::Result<u8> {
    refuse(shell, "uptime", "a WebAssembly program does not see how long its machine has been running").await
}

pub(super) async fn kill(shell: &mut Shell, _: &[String]) -> io::Result<u8> {
    refuse(shell, "kill", "a WebAssembly container has one process and no signals; to end it, delete its pod")
        .await
}

pub(super) async fn ps(shell: &mut Shell, _: &[String]) -> io::Result<u8> {
    refuse(shell, "ps", "a WebAssembly container has one process, the one that says this").await
}

async fn refuse(shell: &Shell, tool: &str, reason: &str) -> io::Result<u8> {
    shell.complain(&format!("{tool}: {reason}")).await;
    Ok(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_name_should_be_told_with_its_domain_where_it_has_one() {
        let hosts = "# web\n127.0.0.1\tlocalhost\n10.244.1.2\tweb.webs.default.svc.cluster.local\tweb\n";
        assert_eq!(whole_name(hosts, "web"), "web.webs.default.svc.cluster.local");
        assert_eq!(whole_name(hosts, "localhost"), "localhost");
        assert_eq!(whole_name(hosts, "db"), "db");
    }
}
