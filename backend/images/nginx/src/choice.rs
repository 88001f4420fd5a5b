//! Which server and which location a request belongs to.

use std::rc::Rc;

use crate::config::{Location, Matcher, Name, Server};
use crate::exchange::Exchange;

impl Server {
    /// The first name, as the logs say it.
    #[must_use]
    pub fn first_name(&self) -> String {
        match self.names.first() {
            Some(Name::Exact(name)) => name.clone(),
            Some(Name::Suffix(name)) => format!("*{name}"),
            Some(Name::Prefix(name)) => format!("{name}*"),
            Some(Name::Pattern(pattern)) => format!("~{pattern}"),
            None => String::new(),
        }
    }

    /// How well a host fits: an exact name before a long suffix, that before a prefix, that before a pattern.
    #[must_use]
    pub fn fit(&self, host: &str) -> Option<(u8, usize)> {
        let fit = |name: &Name| match name {
            Name::Exact(name) => (name == host).then_some((3, 0)),
            Name::Suffix(end) => (host.ends_with(end.as_str()) || Some(host) == end.strip_prefix('.'))
                .then_some((2, end.len())),
            Name::Prefix(begin) => host.starts_with(begin.as_str()).then_some((1, begin.len())),
            Name::Pattern(pattern) => pattern.is_match(host).then_some((0, 0)),
        };
        self.names.iter().filter_map(fit).max()
    }

    /// A location by its name with `@`.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Rc<Location>> {
        let is_it =
            |location: &&Rc<Location>| matches!(&location.matcher, Matcher::Named(other) if other == name);
        self.locations.iter().find(is_it).cloned()
    }
}

/// Chooses the location for a request's path: exact, else the longest prefix unless a pattern matches first.
pub(crate) fn location(exchange: &mut Exchange) -> Rc<Location> {
    let config = Rc::clone(&exchange.config);
    let server = &config.servers[exchange.server];
    let uri = exchange.uri.clone();
    within(&server.locations, &uri, exchange).unwrap_or_else(|| Rc::clone(&server.fallback))
}

fn within(locations: &[Rc<Location>], uri: &str, exchange: &mut Exchange) -> Option<Rc<Location>> {
    let exact = |location: &&Rc<Location>| matches!(&location.matcher, Matcher::Exact(text) if text == uri);
    if let Some(exact) = locations.iter().find(exact) {
        return Some(Rc::clone(exact));
    }
    let length = |location: &&Rc<Location>| match &location.matcher {
        Matcher::Prefix(prefix, _) if uri.starts_with(prefix.as_str()) => Some(prefix.len()),
        _ => None,
    };
    let longest = locations.iter().filter(|location| length(location).is_some()).max_by_key(length);
    let nested = longest.and_then(|longest| within(&longest.nested, uri, exchange));
    if matches!(nested.as_ref().map(|nested| &nested.matcher), Some(Matcher::Exact(_) | Matcher::Pattern(_)))
    {
        return nested;
    }
    let keeps = |location: &Rc<Location>| matches!(location.matcher, Matcher::Prefix(_, true));
    let best = nested.or_else(|| longest.cloned());
    if best.as_ref().is_some_and(keeps) {
        return best;
    }
    let matching = |location: &&Rc<Location>| match &location.matcher {
        Matcher::Pattern(pattern) => exchange.matches(pattern, uri),
        _ => false,
    };
    match locations.iter().find(matching) {
        Some(found) => Some(within(&found.nested, uri, exchange).unwrap_or_else(|| Rc::clone(found))),
        None => best,
    }
}
