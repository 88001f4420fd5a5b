//! `httpd.conf`: the directives of Apache's that a site needs, said in nginx's words.
//! Follows <https://httpd.apache.org/docs/2.4/mod/directives.html>.

use std::collections::BTreeSet;
use std::path::Path;

use crate::config::{Config, Fault, Lookup, of_http, read_embedded};

/// Directives without an effect on answers here. Sections are entered, whatever they ask.
const IDLE: [&str; 26] = [
    "serverroot",
    "serveradmin",
    "loadmodule",
    "user",
    "group",
    "errorlog",
    "loglevel",
    "customlog",
    "logformat",
    "options",
    "allowoverride",
    "require",
    "typesconfig",
    "addtype",
    "include",
    "includeoptional",
    "mimemagicfile",
    "enablemmap",
    "enablesendfile",
    "keepalive",
    "keepalivetimeout",
    "timeout",
    "servertokens",
    "serversignature",
    "proxypreservehost",
    "hostnamelookups",
];

/// What a file said so far.
struct Site {
    ports: BTreeSet<String>,
    /// What stands in the `server` block.
    lines: Vec<String>,
    root: String,
    index: String,
}

/// Reads an `httpd.conf`.
///
/// # Errors
/// The first fault, in Apache's words.
pub fn load(file: &Path, text: &str, lookup: Lookup<'_>) -> Result<Config, Fault> {
    let mut site = Site {
        ports: BTreeSet::new(),
        lines: Vec::new(),
        root: "/usr/local/apache2/htdocs".to_owned(),
        index: "index.html".to_owned(),
    };
    for (number, line) in text.lines().enumerate() {
        let words = words(line);
        if let Some((name, arguments)) = words.split_first().filter(|(name, _)| !name.starts_with(['#', '<']))
        {
            site.apply(name, arguments).map_err(|reason| {
                Fault(format!(
                    "AH00526: Syntax error on line {} of {}:\n{reason}",
                    number + 1,
                    file.display()
                ))
            })?;
        }
    }
    of_http(&site.text()?, &read_embedded, lookup)
}

/// Words, some in quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

impl Site {
    fn apply(&mut self, name: &str, arguments: &[String]) -> Result<(), String> {
        let argument = |at: usize| {
            arguments.get(at).map(String::as_str).ok_or_else(|| format!("{name} takes more arguments"))
        };
        match name.to_ascii_lowercase().as_str() {
            "listen" => {
                let port = argument(0)?.rsplit(':').next().unwrap_or_default();
                port.parse::<u16>().map_err(|_| "Port must be specified".to_owned())?;
                self.ports.insert(port.to_owned());
            }
            "documentroot" => self.root = argument(0)?.to_owned(),
            "directoryindex" => self.index = arguments.join(" "),
            "servername" | "serveralias" => {
                let host = argument(0)?.trim_start_matches("http://").split(':').next().unwrap_or_default();
                self.lines.push(format!("server_name {host};"));
            }
            "alias" => self.lines.push(format!("location {} {{ alias {:?}; }}", argument(0)?, argument(1)?)),
            "proxypass" if argument(1)? != "!" => {
                self.lines.push(format!(
                    "location {} {{ proxy_http_version 1.1; proxy_set_header X-Forwarded-For \
                     $proxy_add_x_forwarded_for; proxy_pass {}; }}",
                    argument(0)?,
                    argument(1)?
                ));
            }
            // What is passed on is turned back anyway.
            "proxypassreverse" => {}
            "redirect" | "redirectpermanent" => self.redirect(name, arguments)?,
            "errordocument" if argument(1)?.starts_with('/') => {
                self.lines.push(format!("error_page {} {};", argument(0)?, argument(1)?));
            }
            idle if IDLE.contains(&idle) => {}
            _ => {
                return Err(format!(
                    "Invalid command '{name}', perhaps misspelled or defined by a module not included in the \
                     server configuration"
                ));
            }
        }
        Ok(())
    }

    fn redirect(&mut self, name: &str, arguments: &[String]) -> Result<(), String> {
        let (status, rest) = match arguments {
            [status, rest @ ..] if rest.len() == 2 => (status.as_str(), rest),
            rest if name.len() > "redirect".len() => ("permanent", rest),
            rest => ("temp", rest),
        };
        let [from, to] = rest else { return Err(format!("{name} needs a path and a URL")) };
        let status = match status {
            "permanent" => "301",
            "temp" => "302",
            "seeother" => "303",
            number => number,
        };
        self.lines.push(format!("location {from} {{ return {status} {to:?}; }}"));
        Ok(())
    }

    fn text(&self) -> Result<String, Fault> {
        if self.ports.is_empty() {
            return Err(Fault("AH00015: no listening sockets available, shutting down".to_owned()));
        }
        let listens: String = self.ports.iter().map(|port| format!("listen {port}; ")).collect();
        Ok(format!(
            "include mime.types; default_type text/plain; log_format common '$remote_addr - $remote_user \
             [$time_local] \"$request\" $status $body_bytes_sent'; access_log /dev/stdout common; \
             keepalive_timeout 5; server {{ {listens} root {:?}; index {}; {} }}",
            self.root,
            self.index,
            self.lines.join(" ")
        ))
    }
}
