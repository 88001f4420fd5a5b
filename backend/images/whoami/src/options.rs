//! The command line, in the manner of Go's `flag`.

/// What the arguments ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Serve.
    Serve(Options),
    /// Print a text and end with a code.
    Print(String, u8),
}

/// How to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The TCP port.
    pub port: u16,
    /// The name that answers begin with; none if empty.
    pub name: String,
}

impl Options {
    /// Reads the arguments behind the program's name. `variable` gives environment variables.
    pub fn parse(arguments: &[String], variable: impl Fn(&str) -> Option<String>) -> Command {
        let mut port =
            variable("WHOAMI_PORT_NUMBER").filter(|port| !port.is_empty()).unwrap_or("80".to_owned());
        let mut name = variable("WHOAMI_NAME").unwrap_or_default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let flag = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'));
            let (flag, value) = match flag.map(|flag| flag.split_once('=').unwrap_or((flag, ""))) {
                Some((flag, "")) if matches!(flag, "port" | "name") => (flag, rest.next().cloned()),
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => continue,
            };
            match (flag, value) {
                ("help" | "h", _) => return Command::Print(HELP.to_owned(), 0),
                ("port", Some(value)) => port = value,
                ("name", Some(value)) => name = value,
                ("port" | "name", None) => {
                    return Command::Print(format!("flag needs an argument: -{flag}\n{HELP}"), 2);
                }
                ("cert" | "key" | "cacert", _) => {
                    return Command::Print(format!("-{flag} is not supported: there is no TLS here"), 2);
                }
                _ => {
                    let refusal = format!("flag provided but not defined: -{flag}\n{HELP}");
                    return Command::Print(refusal, 2);
                }
            }
        }
        match port.parse() {
            Ok(port) => Command::Serve(Self { port, name }),
            Err(_) => Command::Print(format!("listen tcp: lookup tcp/{port}: unknown port"), 1),
        }
    }
}

const HELP: &str = "\
A web server of Kijabi's own that stands where traefik/whoami would: it tells who it is and what it was asked.

Usage of whoami:
  -name string   give me a name (WHOAMI_NAME)
  -port string   give me a port number (WHOAMI_PORT_NUMBER) (default \"80\")

Paths: / and /api (?env=true), /health (POST a status code to change it), /data?size=N&unit=KB, /bench.
Not here: /echo (WebSocket), ?wait=, TLS.";
