//! The command lines of `nginx` and `httpd`.

use std::path::PathBuf;

/// What the arguments ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Serve, or only look whether one could.
    Serve(Options),
    /// Print a text on stderr, as nginx does, and end with a code.
    Print(String, u8),
}

/// Where the rules of the server are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// nginx's configuration, and what `-g` says before it.
    Nginx(PathBuf, String),
    /// Apache's configuration.
    Apache(PathBuf),
    /// A folder on a port.
    Folder(PathBuf, u16),
}

/// How to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where the rules are.
    pub source: Source,
    /// `-t`: read the configuration and end.
    pub is_test: bool,
    /// `-T`: show it too.
    pub shows_configuration: bool,
    /// What was asked for and is not done; shown at start.
    pub warnings: Vec<String>,
}

/// What is read from the command line before it is understood.
#[derive(Default)]
struct Words {
    is_apache: bool,
    file: Option<PathBuf>,
    globals: String,
    port: Option<u16>,
    root: Option<PathBuf>,
    is_test: bool,
    shows_configuration: bool,
    warnings: Vec<String>,
}

impl Options {
    /// Reads all arguments, the program's name first: under the name `httpd` it is Apache's command line.
    #[must_use]
    pub fn parse(arguments: &[String]) -> Command {
        let name = arguments.first().and_then(|name| name.rsplit('/').next()).unwrap_or_default();
        let mut words = Words { is_apache: name.starts_with("httpd"), ..Words::default() };
        let mut rest = arguments.iter().skip(1).map(String::as_str);
        while let Some(argument) = rest.next() {
            if let Some(end) = words.set(argument, &mut rest) {
                return end;
            }
        }
        Command::Serve(words.options())
    }
}

impl Words {
    fn set<'a>(&mut self, option: &str, rest: &mut impl Iterator<Item = &'a str>) -> Option<Command> {
        let program = if self.is_apache { "httpd" } else { "nginx" };
        let mut value = || {
            rest.next().ok_or_else(|| {
                Command::Print(format!("{program}: option \"{option}\" requires parameter"), 1)
            })
        };
        let given = match (option, self.is_apache) {
            ("-h" | "-?" | "--help", _) => return Some(Command::Print(HELP.to_owned(), 0)),
            ("-v" | "-V", _) => {
                return Some(Command::Print(format!("{program} version: {}", crate::SERVER), 0));
            }
            ("-t", _) => {
                self.is_test = true;
                Ok(())
            }
            ("-T", false) => {
                (self.is_test, self.shows_configuration) = (true, true);
                Ok(())
            }
            ("-s", false) | ("-k", true) => return Some(Command::Print(NO_SIGNALS.to_owned(), 1)),
            ("-q", false) | ("-DFOREGROUND" | "-X", true) => Ok(()),
            ("-g", false) => value().map(|text| self.globals.push_str(text)),
            ("-c", false) | ("-f", true) => value().map(|file| self.file = Some(file.into())),
            ("-D", true) => value().map(drop),
            ("-p" | "-e", false) | ("-d" | "-E" | "-C" | "-c", true) => value().map(|value| {
                self.warnings.push(format!("the option {option} {value} is not supported and has no effect"));
            }),
            ("--port", _) => match value().map(str::parse) {
                Ok(Ok(port)) => {
                    self.port = Some(port);
                    Ok(())
                }
                _ => return Some(Command::Print(format!("{program}: --port needs a number"), 1)),
            },
            ("--root", _) => value().map(|root| self.root = Some(root.into())),
            (other, _) => Err(Command::Print(format!("{program}: invalid option: \"{other}\""), 1)),
        };
        given.err()
    }

    fn options(self) -> Options {
        let (file, root) = match self.is_apache {
            true => ("/usr/local/apache2/conf/httpd.conf", "/usr/local/apache2/htdocs"),
            false => ("/etc/nginx/nginx.conf", "/usr/share/nginx/html"),
        };
        let source = match (self.port, self.root) {
            (None, None) if self.is_apache => Source::Apache(self.file.unwrap_or_else(|| file.into())),
            (None, None) => Source::Nginx(self.file.unwrap_or_else(|| file.into()), self.globals),
            (port, folder) => Source::Folder(folder.unwrap_or_else(|| root.into()), port.unwrap_or(80)),
        };
        Options {
            source,
            is_test: self.is_test,
            shows_configuration: self.shows_configuration,
            warnings: self.warnings,
        }
    }
}

const NO_SIGNALS: &str =
    "nginx: -s is not supported: a container here has no signals; delete the pod instead";

const HELP: &str = "\
A web server of Kijabi's own, written for WebAssembly, that stands where the nginx and httpd images would.
As nginx it reads /etc/nginx/nginx.conf in nginx's grammar, as httpd /usr/local/apache2/conf/httpd.conf.

Usage: nginx [-?hvVtTq] [-c filename] [-g directives] [--port N] [--root DIR]
       httpd [-hvt] [-f filename] [-D name] [--port N] [--root DIR]

Options:
  -?,-h, --help : this help
  -v, -V        : show version and exit
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -c filename   : set configuration file (default: /etc/nginx/nginx.conf)
  -f filename   : the same for httpd (default: /usr/local/apache2/conf/httpd.conf)
  -g directives : set global directives out of configuration file
  --port N      : read no configuration and listen on port N
  --root DIR    : read no configuration and serve the files of DIR

Served are files (root, alias, index, try_files, autoindex, error_page), texts (return), redirects (rewrite) and
other servers over HTTP (proxy_pass, upstream). TLS, FastCGI, caches and compression are not there: what changes
answers is refused, what does not is named at start.
When its stdin ends, the server finishes the running requests and ends.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> Command {
        Options::parse(&line.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    fn serve(source: Source) -> Command {
        Command::Serve(Options { source, is_test: false, shows_configuration: false, warnings: Vec::new() })
    }

    #[test]
    fn the_commands_of_the_images_should_read_their_configurations() {
        let nginx = |globals: &str| serve(Source::Nginx("/etc/nginx/nginx.conf".into(), globals.to_owned()));
        let cases: [(&[&str], Command); 5] = [
            (&["nginx", "-g", "daemon off;"], nginx("daemon off;")),
            (&["/usr/sbin/nginx"], nginx("")),
            (&["nginx", "-c", "/my.conf"], serve(Source::Nginx("/my.conf".into(), String::new()))),
            (&["httpd-foreground"], serve(Source::Apache("/usr/local/apache2/conf/httpd.conf".into()))),
            (&["nginx", "--port", "8080", "--root", "/srv"], serve(Source::Folder("/srv".into(), 8080))),
        ];
        for (line, expected) in cases {
            assert_eq!(parse(line), expected, "{line:?}");
        }
    }

    #[test]
    fn what_is_no_option_should_be_refused() {
        assert!(matches!(parse(&["nginx", "--nonsense"]), Command::Print(_, 1)));
        assert!(matches!(parse(&["nginx", "-c"]), Command::Print(_, 1)));
        assert!(
            matches!(parse(&["nginx", "-v"]), Command::Print(text, 0) if text.starts_with("nginx version: "))
        );
    }
}
