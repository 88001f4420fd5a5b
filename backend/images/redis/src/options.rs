//! The command line of `redis-server`: a file, and directives as options.

use crate::REDIS_VERSION;
use crate::config::{Config, Refusal};
use crate::resp::split_line;

/// What the arguments ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Serve.
    Serve(Box<Config>),
    /// Print a text and end with a code.
    Print(String, u8),
}

/// Reads the arguments behind the program's name. `read_file` gives the text of a configuration file.
pub fn parse(arguments: &[String], read_file: impl Fn(&str) -> Result<String, String>) -> Command {
    let first = arguments.first().map(String::as_str);
    match first {
        Some("-h" | "--help") => return Command::Print(help(), 0),
        Some("-v" | "--version") => return Command::Print(version(), 0),
        _ => {}
    }
    let file = first.filter(|first| !first.starts_with('-'));
    let mut lines = Vec::new();
    if let Some(file) = file {
        match read_file(file) {
            Ok(text) => lines.extend(text.lines().map(str::to_owned)),
            Err(error) => {
                return Command::Print(format!("Fatal error, can't open config file '{file}': {error}"), 1);
            }
        }
    }
    let mut words: Vec<Vec<String>> = Vec::new();
    for argument in &arguments[usize::from(file.is_some())..] {
        match (argument.strip_prefix("--"), words.last_mut()) {
            (Some(name), _) => words.push(vec![name.to_owned()]),
            (None, Some(line)) => line.push(argument.clone()),
            (None, None) => return Command::Print(format!("Invalid argument '{argument}'"), 1),
        }
    }
    configure(&lines, &words)
}

fn configure(lines: &[String], options: &[Vec<String>]) -> Command {
    let mut config = Config::default();
    let parsed = lines.iter().map(|line| line.trim()).enumerate();
    for (at, line) in parsed.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let Some(words) = split_line(line.as_bytes()) else {
            return fatal(at, line, "Unbalanced quotes in configuration line");
        };
        let words: Vec<String> =
            words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        if let Err(reason) = set(&mut config, &words) {
            return fatal(at, line, reason);
        }
    }
    for (at, words) in options.iter().enumerate() {
        if let Err(reason) = set(&mut config, words) {
            let quoted = words[1..].iter().map(|word| format!(" \"{word}\"")).collect::<String>();
            return fatal(lines.len() + at, &format!("{}{quoted}", words[0]), reason);
        }
    }
    Command::Serve(Box::new(config))
}

fn set(config: &mut Config, words: &[String]) -> Result<(), &'static str> {
    const UNKNOWN: &str = "Bad directive or wrong number of arguments";
    let value = words.get(1..).unwrap_or_default().join(" ");
    let name = words.first().map_or("", String::as_str);
    config.set(name, &value).map_err(|refusal| match refusal {
        Refusal::Value if words.len() > 1 => "argument couldn't be parsed, or this server cannot do it",
        _ => UNKNOWN,
    })
}

/// As Redis' `config.c` says it.
fn fatal(at: usize, line: &str, reason: &str) -> Command {
    let text = format!(
        "\n*** FATAL CONFIG FILE ERROR (Redis {REDIS_VERSION}) ***\nReading the configuration file, at line {}\n\
         >>> '{line}'\n{reason}",
        at + 1
    );
    Command::Print(text, 1)
}

fn version() -> String {
    format!("Redis server v={REDIS_VERSION} kijabi={}", env!("CARGO_PKG_VERSION"))
}

fn help() -> String {
    format!(
        "A server of Kijabi's own that speaks Redis' protocol, written for WebAssembly; it stands where the redis \
         image would.\n\nUsage: redis-server [FILE] [--DIRECTIVE VALUE]...\n       redis-server --version\n\n\
         Directives: {}\n\nCommands: {}\n\n\
         With --appendonly yes every change is written to the file appendonly.aof in --dir and read again at start.\n\
         There are no snapshots, scripts, streams, cluster or replicas. When its stdin ends, the server writes what \
         is left and ends.\n",
        crate::commands::directives(),
        crate::commands::COMMANDS.iter().map(|command| command.name).collect::<Vec<_>>().join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, file: &str) -> Command {
        let words: Vec<String> = split_line(line.as_bytes())
            .unwrap()
            .iter()
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        parse(&words, |name| match name {
            "/etc/redis.conf" => Ok(file.to_owned()),
            _ => Err("No such file or directory".to_owned()),
        })
    }

    #[test]
    fn options_and_files_should_configure() {
        let Command::Serve(config) = read(
            "/etc/redis.conf --port 6380 --requirepass secret --appendonly yes --save ''",
            "# The file of the documentation.\n\nmaxmemory 2mb\nmaxmemory-policy allkeys-lru\nport 1\n",
        ) else {
            panic!("does not serve")
        };
        assert_eq!((config.port, config.password.as_str(), config.append_only), (6380, "secret", true));
        assert_eq!(config.max_memory_bytes, 2 << 20);
    }

    #[test]
    fn what_is_not_known_should_be_fatal() {
        let cases = [
            ("--cluster-enabled yes", ">>> 'cluster-enabled \"yes\"'\nBad directive"),
            ("--port x", ">>> 'port \"x\"'\nargument couldn't be parsed"),
            ("--port", ">>> 'port'\nBad directive"),
            ("/etc/other.conf", "Fatal error, can't open config file '/etc/other.conf': No such file"),
            ("/etc/redis.conf", "at line 2\n>>> 'nonsense 1'\nBad directive"),
            ("-x", "Invalid argument '-x'"),
        ];
        for (line, expected) in cases {
            let Command::Print(text, code) = read(line, "port 1\nnonsense 1\n") else {
                panic!("{line} serves")
            };
            assert!(code == 1 && text.contains(expected), "{line}: {text}");
        }
    }
}
