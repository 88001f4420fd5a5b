//! The command line.

use std::path::{Path, PathBuf};

/// What the arguments ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Serve.
    Serve(Options),
    /// Print a text on stderr, as nginx does, and end with a code.
    Print(String, u8),
}

/// How to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The TCP port.
    pub port: u16,
    /// The folder of the site.
    pub root: PathBuf,
    /// What was asked for and is not done; shown at start.
    pub warnings: Vec<String>,
}

impl Options {
    /// Reads all arguments, the program's name first: under the name `httpd` the site lies where the image `httpd`
    /// has it.
    #[must_use]
    pub fn parse(arguments: &[String]) -> Command {
        let name = arguments.first().map_or("nginx", String::as_str);
        let mut options = Self { port: 80, root: root_of(name), warnings: Vec::new() };
        let mut rest = arguments.iter().skip(1).map(String::as_str);
        while let Some(argument) = rest.next() {
            if let Some(end) = options.set(argument, &mut rest) {
                return end;
            }
        }
        Command::Serve(options)
    }

    fn set<'a>(&mut self, option: &str, rest: &mut impl Iterator<Item = &'a str>) -> Option<Command> {
        match option {
            "-h" | "-?" | "--help" => return Some(Command::Print(HELP.to_owned(), 0)),
            "-v" | "-V" => return Some(Command::Print(format!("nginx version: {}", crate::SERVER), 0)),
            "-t" | "-T" => return Some(Command::Print(NOTHING_TO_TEST.to_owned(), 0)),
            "-s" => return Some(Command::Print(NO_SIGNALS.to_owned(), 1)),
            "-q" | "-DFOREGROUND" => {}
            "-g" => self.directives(rest.next()?),
            "-c" | "-p" | "-e" | "-D" => {
                let value = rest.next().unwrap_or_default();
                self.warnings.push(format!("the option {option} {value} is not supported and has no effect"));
            }
            "--port" => match rest.next().and_then(|port| port.parse().ok()) {
                Some(port) => self.port = port,
                None => return Some(Command::Print("nginx: --port needs a number".to_owned(), 1)),
            },
            "--root" => self.root = rest.next()?.into(),
            other => return Some(Command::Print(format!("nginx: invalid option: \"{other}\""), 1)),
        }
        None
    }

    /// Global directives: that of the image's own command is the way this server works anyway.
    fn directives(&mut self, text: &str) {
        let unknown = |directive: &&str| !directive.is_empty() && *directive != "daemon off";
        for directive in text.split(';').map(str::trim).filter(unknown) {
            self.warnings.push(format!("the directive \"{directive}\" is not supported and has no effect"));
        }
    }

    /// Configuration that somebody mounted and that this server does not read, named so that nobody searches long.
    #[must_use]
    pub fn unread_configuration(etc: &Path) -> Vec<String> {
        let main = [etc.join("nginx.conf")].into_iter().filter(|file| file.is_file());
        let folder = std::fs::read_dir(etc.join("conf.d"));
        let parts = folder.into_iter().flatten().flatten().map(|entry| entry.path());
        let is_configuration = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "conf");
        let say = |file: PathBuf| {
            format!(
                "{} is not read: this image serves files only and has no configuration language",
                file.display()
            )
        };
        main.chain(parts.filter(is_configuration)).map(say).collect()
    }
}

fn root_of(name: &str) -> PathBuf {
    let program = name.rsplit('/').next().unwrap_or_default();
    let root =
        if program.starts_with("httpd") { "/usr/local/apache2/htdocs" } else { "/usr/share/nginx/html" };
    root.into()
}

const NOTHING_TO_TEST: &str = "nginx: there is no configuration to test: this image serves files only";
const NO_SIGNALS: &str =
    "nginx: -s is not supported: a container here has no signals; delete the pod instead";

const HELP: &str = "\
Serves the files of /usr/share/nginx/html over HTTP (of /usr/local/apache2/htdocs under the name httpd).
This is a web server of its own, written for WebAssembly, that stands where the nginx image would.

Usage: nginx [-hvt] [-g directives] [--port N] [--root DIR]

Options:
  -?,-h, --help : this help
  -v, -V        : show version and exit
  -t            : says that there is no configuration to test
  -g directives : accepted; only \"daemon off\" is known
  --port N      : listen on port N (default: 80)
  --root DIR    : serve the files of DIR

Configuration files are not read. Accesses are logged on stdout, errors on stderr.
When its stdin ends, the server finishes the running requests and ends.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> Command {
        Options::parse(&line.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    fn serve(root: &str, port: u16) -> Command {
        Command::Serve(Options { port, root: root.into(), warnings: Vec::new() })
    }

    #[test]
    fn the_commands_of_the_images_should_serve_their_folders() {
        let cases: [(&[&str], Command); 4] = [
            (&["nginx", "-g", "daemon off;"], serve("/usr/share/nginx/html", 80)),
            (&["/usr/sbin/nginx"], serve("/usr/share/nginx/html", 80)),
            (&["httpd-foreground"], serve("/usr/local/apache2/htdocs", 80)),
            (&["nginx", "--port", "8080", "--root", "/srv"], serve("/srv", 8080)),
        ];
        for (line, expected) in cases {
            assert_eq!(parse(line), expected, "{line:?}");
        }
    }

    #[test]
    fn what_has_no_effect_should_be_said() {
        let Command::Serve(options) = parse(&["nginx", "-g", "daemon off; worker_processes 4;"]) else {
            panic!("does not serve")
        };
        assert_eq!(
            options.warnings,
            ["the directive \"worker_processes 4\" is not supported and has no effect"]
        );
        assert!(matches!(parse(&["nginx", "--nonsense"]), Command::Print(_, 1)));
    }
}
