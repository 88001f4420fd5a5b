//! From directives to a [`Config`].

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;

use super::directives::{self, Context};
use super::settings::COMBINED;
use super::syntax::{self, ReadFile};
use super::{
    Config, Directive, Fault, Location, LogTarget, Map, MapKey, Matcher, Name, ProxyPass, Server, Settings,
    Upstream, listen, locations, rules, upstreams,
};
use crate::access_log;
use crate::script::Script;

/// Finds the addresses of a name.
pub type Lookup<'a> = &'a dyn Fn(&str, u16) -> Option<Vec<SocketAddr>>;

/// Knows what the blocks refer to.
pub(super) struct Builder<'a> {
    /// The variables that `set`, `map` and patterns make.
    own: BTreeSet<String>,
    formats: BTreeMap<String, Rc<Script>>,
    upstreams: BTreeMap<String, Rc<Upstream>>,
    lookup: Lookup<'a>,
    notices: RefCell<Vec<String>>,
}

/// Reads a configuration, with what `-g` says before it.
///
/// # Errors
/// The first fault.
pub fn load(file: &Path, globals: &str, read: ReadFile<'_>, lookup: Lookup<'_>) -> Result<Config, Fault> {
    let command_line = Path::new("command line");
    let mut tree = syntax::parse_text(globals, command_line, read, Context::Main)
        .map_err(|fault| Fault(fault.0.replace(" in command line:1", " in command line")))?;
    tree.extend(syntax::parse(file, read)?);
    if !tree.iter().any(|directive| directive.name == "events") {
        return Err(Fault("no \"events\" section in configuration".to_owned()));
    }
    let mut config = Config::default();
    if let Some(log) = tree.iter().rfind(|directive| directive.name == "error_log") {
        config.set_error_log(log)?;
    }
    for http in tree.iter().filter(|directive| directive.name == "http") {
        config = config.with_http(&http.block, lookup)?;
    }
    config.notices.extend(idle(&tree));
    Ok(config)
}

/// Reads the inside of an `http` block.
///
/// # Errors
/// The first fault.
pub fn of_http(text: &str, read: ReadFile<'_>, lookup: Lookup<'_>) -> Result<Config, Fault> {
    let block = syntax::parse_text(text, Path::new("nginx.conf"), read, Context::Http)?;
    Config::default().with_http(&block, lookup)
}

/// The files that this program has in it.
pub(crate) fn read_embedded(path: &Path) -> io::Result<String> {
    match path.file_name().and_then(|name| name.to_str()) {
        Some("mime.types") => Ok(include_str!("../../root/etc/nginx/mime.types").to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

/// What has no effect, each directive once.
fn idle(tree: &[Directive]) -> Vec<String> {
    let mut notices: Vec<String> = Vec::new();
    for directive in tree {
        let is_off = directive.argument(0) == "off";
        if directives::has_no_effect(&directive.name) && !is_off {
            notices.push(directive.fault(&format!("the directive \"{}\" has no effect", directive.name)).0);
        }
        notices.extend(idle(&directive.block));
    }
    notices
}

impl Config {
    fn set_error_log(&mut self, directive: &Directive) -> Result<(), Fault> {
        self.error_log = LogTarget::of(directive.argument(0));
        let level = directive.arguments.get(1).map_or("error", String::as_str);
        let found = access_log::LEVELS.iter().position(|known| *known == level);
        self.error_level = match (found, level.starts_with("debug")) {
            (Some(at), _) => at,
            (None, true) => access_log::LEVELS.len(),
            (None, false) => return Err(directive.fault(&format!("invalid log level \"{level}\""))),
        };
        Ok(())
    }

    fn with_http(mut self, block: &[Directive], lookup: Lookup<'_>) -> Result<Self, Fault> {
        let named = |name: &'static str| block.iter().filter(move |directive| directive.name == name);
        let mut own = BTreeSet::new();
        collect_variables(block, &mut own);
        let combined = Script::parse(COMBINED, &own).map_err(Fault)?;
        let mut builder = Builder {
            own,
            formats: [("combined".to_owned(), Rc::new(combined.clone()))].into(),
            upstreams: BTreeMap::new(),
            lookup,
            notices: RefCell::default(),
        };
        for directive in named("log_format") {
            builder.add_format(directive)?;
        }
        for directive in named("upstream") {
            builder.add_upstream(directive)?;
        }
        for directive in named("map") {
            let name = directive.argument(1).trim_start_matches('$').to_owned();
            self.maps.insert(name, builder.map(directive)?);
        }
        if let Some(directive) = named("error_log").next_back() {
            self.set_error_log(directive)?;
        }
        let settings = Settings::new(combined).within(block, &builder)?;
        for directive in named("server") {
            let server = builder.server(directive, &settings)?;
            self.add_server(directive, server)?;
        }
        self.notices.extend(builder.notices.into_inner());
        self.upstreams = builder.upstreams;
        Ok(self)
    }

    fn add_server(&mut self, directive: &Directive, server: Server) -> Result<(), Fault> {
        for (port, _) in server.listens.iter().filter(|(_, is_default)| *is_default) {
            if self.servers.iter().any(|other| other.listens.contains(&(*port, true))) {
                return Err(directive.fault(&format!("a duplicate default server for 0.0.0.0:{port}")));
            }
        }
        let conflicts = server.listens.iter().flat_map(|(port, _)| {
            let shares = |other: &&Server| other.listens.iter().any(|(taken, _)| taken == port);
            let taken: Vec<&Server> = self.servers.iter().filter(shares).collect();
            let is_taken = |name: &&Name| match name {
                Name::Exact(name) => taken.iter().any(|other| other.has_name(name)),
                _ => false,
            };
            let say = |name: &Name| match name {
                Name::Exact(name) => format!("conflicting server name \"{name}\" on 0.0.0.0:{port}, ignored"),
                _ => String::new(),
            };
            server.names.iter().filter(is_taken).map(say).collect::<Vec<_>>()
        });
        let conflicts: Vec<String> = conflicts.collect();
        self.notices.extend(conflicts);
        self.servers.push(server);
        Ok(())
    }
}

impl Server {
    fn has_name(&self, text: &str) -> bool {
        self.names.iter().any(|name| matches!(name, Name::Exact(other) if other == text))
    }
}

/// The names of variables that a configuration makes itself.
fn collect_variables(block: &[Directive], own: &mut BTreeSet<String>) {
    for directive in block {
        let made = match directive.name.as_str() {
            "set" => Some(directive.argument(0)),
            "map" => Some(directive.argument(1)),
            _ => None,
        };
        own.extend(made.map(|name| name.trim_start_matches('$').to_owned()));
        if matches!(directive.name.as_str(), "location" | "rewrite" | "if" | "server_name" | "map") {
            let texts = directive.arguments.iter().chain(directive.block.iter().map(|line| &line.name));
            own.extend(texts.flat_map(|text| group_names(text)));
        }
        collect_variables(&directive.block, own);
    }
}

/// `(?<name>…)`.
fn group_names(pattern: &str) -> Vec<String> {
    let after = pattern.split("(?<").skip(1).chain(pattern.split("(?P<").skip(1));
    after.filter_map(|rest| rest.split_once('>')).map(|(name, _)| name.to_owned()).collect()
}

impl Builder<'_> {
    /// A text with variables, which must be there.
    pub(super) fn script(&self, directive: &Directive, text: &str) -> Result<Script, Fault> {
        Script::parse(text, &self.own).map_err(|error| match error.starts_with("unknown") {
            // nginx finds these when all is read, and names no place.
            true => Fault(error),
            false => directive.fault(&error),
        })
    }

    pub(super) fn format(&self, directive: &Directive, name: &str) -> Result<Rc<Script>, Fault> {
        let format = self.formats.get(name).cloned();
        format.ok_or_else(|| directive.fault(&format!("unknown log format \"{name}\"")))
    }

    pub(super) fn proxy_pass(&self, directive: &Directive, matcher: &Matcher) -> Result<ProxyPass, Fault> {
        let script = self.script(directive, directive.argument(0))?;
        let find = |name: &str| self.upstreams.get(name).cloned();
        upstreams::proxy_pass(directive, matcher, &find, script, self.lookup)
    }

    fn add_format(&mut self, directive: &Directive) -> Result<(), Fault> {
        let name = directive.argument(0);
        let mut texts = directive.arguments[1..].to_vec();
        texts.retain(|text| !text.starts_with("escape="));
        let format = Rc::new(self.script(directive, &texts.concat())?);
        match self.formats.insert(name.to_owned(), format) {
            Some(_) => Err(directive.fault(&format!("duplicate \"log_format\" name \"{name}\""))),
            None => Ok(()),
        }
    }

    fn add_upstream(&mut self, directive: &Directive) -> Result<(), Fault> {
        let name = directive.argument(0).to_owned();
        let upstream = Rc::new(upstreams::upstream(directive, self.lookup)?);
        match self.upstreams.insert(name.clone(), upstream) {
            Some(_) => Err(directive.fault(&format!("duplicate upstream \"{name}\""))),
            None => Ok(()),
        }
    }

    fn map(&self, directive: &Directive) -> Result<Map, Fault> {
        let source = self.script(directive, directive.argument(0))?;
        let mut map = Map { source, cases: Vec::new(), otherwise: Script::default() };
        for line in &directive.block {
            let value = self.script(line, line.argument(0))?;
            let key = match line.name.as_str() {
                "default" => {
                    map.otherwise = value;
                    continue;
                }
                "hostnames" | "volatile" => continue,
                name => match name.strip_prefix('~') {
                    Some(text) => {
                        let ignores_case = text.starts_with('*');
                        MapKey::Pattern(rules::pattern(line, text.trim_start_matches('*'), ignores_case)?)
                    }
                    None => MapKey::Text(name.to_owned()),
                },
            };
            map.cases.push((key, value));
        }
        Ok(map)
    }

    fn server(&self, directive: &Directive, outer: &Settings) -> Result<Server, Fault> {
        let block = &directive.block;
        let mut listens: Vec<(u16, bool)> = Vec::new();
        for line in block.iter().filter(|line| line.name == "listen") {
            let (port, is_default, notice) = listen::listen(line)?;
            self.notices.borrow_mut().extend(notice);
            match listens.iter_mut().find(|(other, _)| *other == port) {
                Some((_, default)) => *default |= is_default,
                None => listens.push((port, is_default)),
            }
        }
        if listens.is_empty() {
            listens.push((80, false));
        }
        let mut names = Vec::new();
        for line in block.iter().filter(|line| line.name == "server_name") {
            for text in &line.arguments {
                names.push(listen::name(line, text)?);
            }
        }
        let settings = outer.within(block, self)?;
        let mut fallback: Location =
            locations::content(block, Matcher::Prefix(String::new(), false), outer, self)?;
        fallback.rules.clear();
        Ok(Server {
            listens,
            names,
            rules: rules::rules(block, self)?,
            locations: locations::locations(block, &settings, self)?,
            fallback: Rc::new(fallback),
        })
    }
}
