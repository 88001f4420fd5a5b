//! `upstream` blocks and `proxy_pass`: whom requests are passed to.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::build::Lookup;
use super::{Directive, Fault, Matcher};
use crate::script::Script;

/// A server of a group.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Where it is.
    pub address: SocketAddr,
    /// Its share.
    pub weight: i64,
    /// Asked only when no other can be.
    pub is_backup: bool,
    /// Never asked.
    pub is_down: bool,
    /// So many failures within [`Self::fail_timeout`] let it rest as long. 0 is never.
    pub max_fails: u32,
    /// How long it rests.
    pub fail_timeout: Duration,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// The weight of smooth weighted round robin.
    current: i64,
    fails: u32,
    failed: Option<Instant>,
}

/// A group of servers, asked in turn.
#[derive(Debug)]
pub struct Upstream {
    /// Its servers.
    pub peers: Vec<Peer>,
    states: RefCell<Vec<State>>,
}

/// `proxy_pass`.
#[derive(Debug)]
pub struct ProxyPass {
    /// Whom.
    pub target: Target,
    /// What stands for the location's beginning in URIs; `None` leaves them alone.
    pub uri: Option<String>,
    /// The host as written, with its port if there is one.
    pub host: String,
}

/// Whom a request is passed to.
#[derive(Debug)]
pub enum Target {
    /// A group, or one name's addresses.
    Group(Rc<Upstream>),
    /// A URL with variables.
    Dynamic(Script),
}

impl Upstream {
    /// A group of these.
    #[must_use]
    pub fn new(peers: Vec<Peer>) -> Self {
        let states = RefCell::new(vec![State::default(); peers.len()]);
        Self { peers, states }
    }

    /// Equal servers at these addresses.
    #[must_use]
    pub fn of(addresses: &[SocketAddr]) -> Self {
        let peer = |address: &SocketAddr| Peer {
            address: *address,
            weight: 1,
            is_backup: false,
            is_down: false,
            max_fails: 1,
            fail_timeout: Duration::from_secs(10),
        };
        Self::new(addresses.iter().map(peer).collect())
    }

    /// Who is asked next, by smooth weighted round robin, other than those already tried.
    #[must_use]
    pub fn next(&self, tried: &[usize]) -> Option<usize> {
        self.pick(tried, false).or_else(|| self.pick(tried, true))
    }

    fn pick(&self, tried: &[usize], backup: bool) -> Option<usize> {
        let mut states = self.states.borrow_mut();
        let mut total = 0;
        let mut best: Option<usize> = None;
        for (at, peer) in self.peers.iter().enumerate() {
            let rests = self.peers.len() > 1
                && peer.max_fails > 0
                && states[at].fails >= peer.max_fails
                && states[at].failed.is_some_and(|failed| failed.elapsed() < peer.fail_timeout);
            if tried.contains(&at) || peer.is_down || peer.is_backup != backup || rests {
                continue;
            }
            states[at].current += peer.weight;
            total += peer.weight;
            if best.is_none_or(|best| states[at].current > states[best].current) {
                best = Some(at);
            }
        }
        let best = best?;
        states[best].current -= total;
        Some(best)
    }

    /// Remembers whether a server could be reached.
    pub fn note(&self, peer: usize, works: bool) {
        let Some(state) = self.states.borrow_mut().get_mut(peer).map(|state| {
            if works {
                state.fails = 0;
            } else {
                state.fails += 1;
                state.failed = Some(Instant::now());
            }
        }) else {
            return;
        };
        state
    }
}

/// Reads an `upstream` block.
pub(super) fn upstream(directive: &Directive, lookup: Lookup<'_>) -> Result<Upstream, Fault> {
    let mut peers = Vec::new();
    for server in directive.block.iter().filter(|line| line.name == "server") {
        let name = server.argument(0);
        for address in addresses(server, name, lookup)? {
            let mut peer = Upstream::of(&[address]).peers.remove(0);
            server.arguments[1..].iter().try_for_each(|word| peer.set(server, word))?;
            peers.push(peer);
        }
    }
    if peers.is_empty() {
        return Err(directive.fault(&format!("no servers are inside upstream \"{}\"", directive.argument(0))));
    }
    Ok(Upstream::new(peers))
}

impl Peer {
    fn set(&mut self, server: &Directive, word: &str) -> Result<(), Fault> {
        let invalid = || server.fault(&format!("invalid parameter \"{word}\""));
        match word.split_once('=').unwrap_or((word, "")) {
            ("weight", value) => self.weight = value.parse().map_err(|_| invalid())?,
            ("max_fails", value) => self.max_fails = value.parse().map_err(|_| invalid())?,
            ("fail_timeout", value) => {
                let seconds = value.trim_end_matches('s').parse().map_err(|_| invalid())?;
                self.fail_timeout = Duration::from_secs(seconds);
            }
            ("backup", "") => self.is_backup = true,
            ("down", "") => self.is_down = true,
            ("max_conns" | "slow_start", _) | ("resolve", "") => {}
            _ => return Err(invalid()),
        }
        Ok(())
    }
}

fn addresses(directive: &Directive, authority: &str, lookup: Lookup<'_>) -> Result<Vec<SocketAddr>, Fault> {
    let invalid = || directive.fault(&format!("invalid port in upstream \"{authority}\""));
    let (host, port) = split_port(authority).ok_or_else(invalid)?;
    lookup(host, port)
        .filter(|found| !found.is_empty())
        .ok_or_else(|| directive.fault(&format!("host not found in upstream \"{authority}\"")))
}

/// Host and port, which is 80 where none is written.
#[must_use]
pub(crate) fn split_port(authority: &str) -> Option<(&str, u16)> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => Some((host, port.parse().ok()?)),
        _ => Some((authority, 80)),
    }
}

/// Reads a `proxy_pass` in a location.
pub(super) fn proxy_pass(
    directive: &Directive,
    matcher: &Matcher,
    find: &dyn Fn(&str) -> Option<Rc<Upstream>>,
    script: Script,
    lookup: Lookup<'_>,
) -> Result<ProxyPass, Fault> {
    let Some(url) = script.plain() else {
        return Ok(ProxyPass { target: Target::Dynamic(script), uri: None, host: String::new() });
    };
    let rest = match (url.strip_prefix("http://"), url.starts_with("https://")) {
        (Some(rest), _) => rest,
        (None, true) => return Err(directive.fault("https protocol requires SSL support")),
        (None, false) => return Err(directive.fault("invalid URL prefix")),
    };
    let (host, uri) = match rest.find('/') {
        Some(at) => (&rest[..at], Some(rest[at..].to_owned())),
        None => (rest, None),
    };
    if uri.is_some() && matches!(matcher, Matcher::Pattern(_) | Matcher::Named(_)) {
        return Err(directive.fault(
            "\"proxy_pass\" cannot have URI part in location given by regular expression, or inside named \
             location, or inside \"if\" statement, or inside \"limit_except\" block",
        ));
    }
    let group = match find(host) {
        Some(group) => group,
        None => Rc::new(Upstream::of(&addresses(directive, host, lookup)?)),
    };
    Ok(ProxyPass { target: Target::Group(group), uri, host: host.to_owned() })
}
