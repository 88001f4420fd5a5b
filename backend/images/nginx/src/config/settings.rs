//! What `http`, `server` and `location` blocks set, each inheriting from the one around it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use super::build::Builder;
use super::{Directive, Fault};
use crate::script::Script;

/// The settings that hold in a location.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `root`.
    pub root: Script,
    /// `index`.
    pub index: Vec<Script>,
    /// `autoindex`.
    pub lists_folders: bool,
    /// `error_page`.
    pub error_pages: Vec<ErrorPage>,
    /// `add_header`.
    pub headers: Vec<AddedHeader>,
    /// `default_type`.
    pub default_type: String,
    /// `types`: media types by the end of a file's name.
    pub types: Rc<BTreeMap<String, String>>,
    /// `access_log`.
    pub access_logs: Vec<AccessLog>,
    /// `client_max_body_size` in bytes; 0 is without limit.
    pub most_body_bytes: usize,
    /// `keepalive_timeout`.
    pub keepalive: Duration,
    /// `absolute_redirect`.
    pub absolute_redirect: bool,
    /// `port_in_redirect`.
    pub port_in_redirect: bool,
    /// `server_tokens`.
    pub server_tokens: bool,
    /// `log_not_found`.
    pub log_not_found: bool,
    /// `proxy_set_header`.
    pub proxy_headers: Vec<(String, Script)>,
    /// `proxy_http_version`: whether it is 1.1.
    pub proxy_keeps_version: bool,
    /// `proxy_connect_timeout`.
    pub proxy_connect_timeout: Duration,
    /// `proxy_read_timeout`.
    pub proxy_read_timeout: Duration,
    /// `proxy_intercept_errors`.
    pub intercepts_errors: bool,
    /// `proxy_redirect`.
    pub proxy_redirect: ProxyRedirect,
    /// `resolver`: names in `proxy_pass` with variables may be looked up.
    pub has_resolver: bool,
}

/// A page that stands for errors.
#[derive(Debug, Clone)]
pub struct ErrorPage {
    /// The statuses it stands for.
    pub statuses: Vec<u16>,
    /// `=200` is `Some(Some(200))`, `=` is `Some(None)`: the page's own.
    pub answer: Option<Option<u16>>,
    /// A URI, a named location or a URL.
    pub target: Script,
}

/// A header of answers.
#[derive(Debug, Clone)]
pub struct AddedHeader {
    /// Its name.
    pub name: String,
    /// Its value; without one it is left out.
    pub value: Script,
    /// Whether errors have it too.
    pub always: bool,
}

/// Where a log goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LogTarget {
    /// The container's stdout.
    Stdout,
    /// The container's stderr.
    #[default]
    Stderr,
    /// A file.
    File(PathBuf),
}

/// A log of requests.
#[derive(Debug, Clone)]
pub struct AccessLog {
    /// Where it goes.
    pub target: LogTarget,
    /// Its lines.
    pub format: Rc<Script>,
    /// `if=`: what must not be empty or 0.
    pub condition: Option<Script>,
}

/// What happens to the `Location` and `Refresh` headers of servers behind this one.
#[derive(Debug, Clone)]
pub enum ProxyRedirect {
    /// `default`: the `proxy_pass` becomes the location.
    Default,
    /// `off`.
    Off,
    /// A beginning and what stands in its place.
    Replace(Script, Script),
}

/// nginx's predefined `combined`.
pub(super) const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status \
                                   $body_bytes_sent \"$http_referer\" \"$http_user_agent\"";

impl Settings {
    /// What holds where nothing is set.
    pub(super) fn new(combined: Script) -> Self {
        let types = [("html", "text/html"), ("gif", "image/gif"), ("jpg", "image/jpeg")];
        let target = LogTarget::of("/var/log/nginx/access.log");
        Self {
            root: Script::text("/etc/nginx/html"),
            index: vec![Script::text("index.html")],
            lists_folders: false,
            error_pages: Vec::new(),
            headers: Vec::new(),
            default_type: "text/plain".to_owned(),
            types: Rc::new(types.map(|(end, kind)| (end.to_owned(), kind.to_owned())).into()),
            access_logs: vec![AccessLog { target, format: Rc::new(combined), condition: None }],
            most_body_bytes: 1 << 20,
            keepalive: Duration::from_secs(75),
            absolute_redirect: true,
            port_in_redirect: true,
            server_tokens: true,
            log_not_found: true,
            proxy_headers: Vec::new(),
            proxy_keeps_version: false,
            proxy_connect_timeout: Duration::from_secs(60),
            proxy_read_timeout: Duration::from_secs(60),
            intercepts_errors: false,
            proxy_redirect: ProxyRedirect::Default,
            has_resolver: false,
        }
    }

    /// The settings of a block within the one of these.
    pub(super) fn within(&self, block: &[Directive], builder: &Builder<'_>) -> Result<Self, Fault> {
        let mut inner = self.clone();
        // A list that is begun in a block takes the place of the inherited one.
        let begins = |name: &str| block.iter().any(|directive| directive.name == name);
        for (name, clear) in LISTS {
            if begins(name) {
                clear(&mut inner);
            }
        }
        block.iter().try_for_each(|directive| inner.apply(directive, builder))?;
        Ok(inner)
    }

    fn apply(&mut self, directive: &Directive, builder: &Builder<'_>) -> Result<(), Fault> {
        let script = |at: usize| builder.script(directive, directive.argument(at));
        match directive.name.as_str() {
            "root" => self.root = script(0)?,
            "index" => {
                for at in 0..directive.arguments.len() {
                    self.index.push(script(at)?);
                }
            }
            "autoindex" => self.lists_folders = switch(directive)?,
            "error_page" => self.error_pages.push(error_page(directive, builder)?),
            "add_header" => self.headers.push(added_header(directive, builder)?),
            "default_type" => self.default_type = directive.argument(0).to_owned(),
            "types" => self.types = Rc::new(types(directive)),
            "access_log" => self.access_logs.extend(access_log(directive, builder)?),
            "client_max_body_size" => self.most_body_bytes = size(directive)?,
            "keepalive_timeout" => self.keepalive = time(directive)?,
            "absolute_redirect" => self.absolute_redirect = switch(directive)?,
            "port_in_redirect" => self.port_in_redirect = switch(directive)?,
            "server_tokens" => self.server_tokens = directive.argument(0) != "off",
            "log_not_found" => self.log_not_found = switch(directive)?,
            "proxy_set_header" => self.proxy_headers.push((directive.argument(0).to_owned(), script(1)?)),
            "proxy_http_version" => {
                self.proxy_keeps_version = match directive.argument(0) {
                    "1.0" => false,
                    "1.1" => true,
                    other => return Err(directive.fault(&format!("invalid value \"{other}\""))),
                }
            }
            "proxy_connect_timeout" => self.proxy_connect_timeout = time(directive)?,
            "proxy_read_timeout" => self.proxy_read_timeout = time(directive)?,
            "proxy_intercept_errors" => self.intercepts_errors = switch(directive)?,
            "proxy_redirect" => self.proxy_redirect = proxy_redirect(directive, builder)?,
            "resolver" => self.has_resolver = true,
            _ => {}
        }
        Ok(())
    }
}

/// A directive's name, and how its list is emptied.
type List = (&'static str, fn(&mut Settings));

/// The directives whose lists are inherited as a whole.
const LISTS: [List; 5] = [
    ("index", |settings| settings.index.clear()),
    ("error_page", |settings| settings.error_pages.clear()),
    ("add_header", |settings| settings.headers.clear()),
    ("access_log", |settings| settings.access_logs.clear()),
    ("proxy_set_header", |settings| settings.proxy_headers.clear()),
];

impl LogTarget {
    /// In the nginx image the usual files are links to the container's streams, unless a volume hides them.
    pub(super) fn of(path: &str) -> Self {
        match path {
            "/dev/stdout" | "/proc/self/fd/1" => Self::Stdout,
            "/dev/stderr" | "stderr" | "/proc/self/fd/2" => Self::Stderr,
            "/var/log/nginx/access.log" | "logs/access.log" if !is_folder("/var/log/nginx") => Self::Stdout,
            "/var/log/nginx/error.log" | "logs/error.log" if !is_folder("/var/log/nginx") => Self::Stderr,
            other => Self::File(std::path::Path::new("/etc/nginx").join(other)),
        }
    }
}

fn is_folder(path: &str) -> bool {
    std::path::Path::new(path).is_dir()
}

pub(super) fn switch(directive: &Directive) -> Result<bool, Fault> {
    let Directive { name, .. } = directive;
    match directive.argument(0) {
        "on" => Ok(true),
        "off" => Ok(false),
        other => {
            let text =
                format!("invalid value \"{other}\" in \"{name}\" directive, it must be \"on\" or \"off\"");
            Err(directive.fault(&text))
        }
    }
}

fn size(directive: &Directive) -> Result<usize, Fault> {
    let text = directive.argument(0);
    let unit = |letter| match letter {
        'k' | 'K' => Some(1 << 10),
        'm' | 'M' => Some(1 << 20),
        'g' | 'G' => Some(1 << 30),
        _ => None,
    };
    let factor = text.chars().last().and_then(unit);
    let digits = if factor.is_some() { &text[..text.len() - 1] } else { text };
    let number: Option<usize> = digits.parse().ok();
    number
        .map(|number| number.saturating_mul(factor.unwrap_or(1)))
        .ok_or_else(|| directive.fault(&format!("\"{}\" directive invalid value", directive.name)))
}

/// `65`, `65s`, `1m30s`, `500ms`.
fn time(directive: &Directive) -> Result<Duration, Fault> {
    let invalid = || directive.fault(&format!("\"{}\" directive invalid value", directive.name));
    let mut rest = directive.argument(0);
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let length = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let number: u32 = rest[..length].parse().map_err(|_| invalid())?;
        rest = &rest[length..];
        let end = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match rest[..end].trim() {
            "ms" => Duration::from_millis(1),
            "" | "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            "d" => Duration::from_secs(86400),
            _ => return Err(invalid()),
        };
        rest = &rest[end..];
        total += unit * number;
    }
    Ok(total)
}

fn error_page(directive: &Directive, builder: &Builder<'_>) -> Result<ErrorPage, Fault> {
    let words = &directive.arguments;
    let mut statuses = &words[..words.len() - 1];
    let answer = statuses.last().and_then(|word| word.strip_prefix('=')).map(str::to_owned);
    if answer.is_some() {
        statuses = &statuses[..statuses.len() - 1];
    }
    let invalid = |word: &str| directive.fault(&format!("invalid value \"{word}\""));
    let status = |word: &String| word.parse::<u16>().map_err(|_| invalid(word));
    let answer = match answer.as_deref() {
        Some("") => Some(None),
        Some(number) => Some(Some(number.parse().map_err(|_| invalid(number))?)),
        None => None,
    };
    let statuses = statuses.iter().map(status).collect::<Result<Vec<u16>, _>>()?;
    if let Some(wrong) = statuses.iter().find(|status| !(300..=599).contains(*status) || **status == 499) {
        let text = format!("value \"{wrong}\" must be between 300 and 599");
        return Err(directive.fault(&text));
    }
    Ok(ErrorPage {
        statuses,
        answer,
        target: builder.script(directive, directive.argument(words.len() - 1))?,
    })
}

fn added_header(directive: &Directive, builder: &Builder<'_>) -> Result<AddedHeader, Fault> {
    let always = match directive.arguments.get(2).map(String::as_str) {
        None => false,
        Some("always") => true,
        Some(other) => return Err(directive.fault(&format!("invalid parameter \"{other}\""))),
    };
    let value = builder.script(directive, directive.argument(1))?;
    Ok(AddedHeader { name: directive.argument(0).to_owned(), value, always })
}

fn types(directive: &Directive) -> BTreeMap<String, String> {
    let line = |line: &Directive| {
        let kind = line.name.clone();
        line.arguments.iter().map(move |end| (end.to_ascii_lowercase(), kind.clone())).collect::<Vec<_>>()
    };
    directive.block.iter().flat_map(line).collect()
}

fn access_log(directive: &Directive, builder: &Builder<'_>) -> Result<Option<AccessLog>, Fault> {
    let path = directive.argument(0);
    if path == "off" {
        return Ok(None);
    }
    let mut words = directive.arguments[1..].iter().peekable();
    let format = match words.next_if(|word| !word.contains('=') && *word != "gzip") {
        Some(name) => builder.format(directive, name)?,
        None => builder.format(directive, "combined")?,
    };
    let condition = words.find_map(|word| word.strip_prefix("if="));
    let condition = condition.map(|text| builder.script(directive, text)).transpose()?;
    Ok(Some(AccessLog { target: LogTarget::of(path), format, condition }))
}

fn proxy_redirect(directive: &Directive, builder: &Builder<'_>) -> Result<ProxyRedirect, Fault> {
    match (directive.argument(0), directive.arguments.len()) {
        ("off", 1) => Ok(ProxyRedirect::Off),
        ("default", 1) => Ok(ProxyRedirect::Default),
        (from, 2) if !from.starts_with('~') => Ok(ProxyRedirect::Replace(
            builder.script(directive, from)?,
            builder.script(directive, directive.argument(1))?,
        )),
        (other, _) => Err(directive.fault(&format!("invalid parameter \"{other}\""))),
    }
}
