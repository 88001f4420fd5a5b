//! What the server says: accesses and errors, where the configuration wants them.

use std::fs::OpenOptions;
use std::io::Write;

use jiff::Timestamp;

use crate::config::LogTarget;
use crate::exchange::Exchange;

/// The levels of the error log, the gravest first.
pub const LEVELS: [&str; 7] = ["emerg", "alert", "crit", "error", "warn", "notice", "info"];

/// Where lines go.
pub trait Log {
    /// Writes a line.
    fn write(&mut self, target: &LogTarget, line: &str);
}

/// The container's streams and files.
#[derive(Debug, Default)]
pub struct StandardStreams;

impl Log for StandardStreams {
    fn write(&mut self, target: &LogTarget, line: &str) {
        match target {
            LogTarget::Stdout => println!("{line}"),
            LogTarget::Stderr => eprintln!("{line}"),
            LogTarget::File(path) => {
                let file = OpenOptions::new().append(true).create(true).open(path);
                // A log that cannot be written is no reason not to serve.
                let _ = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
            }
        }
    }
}

/// Logs an answered request.
pub(crate) fn access(exchange: &Exchange, log: &mut dyn Log) {
    for access_log in &exchange.location.settings.access_logs {
        let wanted = access_log.condition.as_ref().map(|condition| condition.value(exchange));
        if wanted.is_none_or(|value| !matches!(value.as_str(), "" | "0")) {
            log.write(&access_log.target, &access_log.format.value_with(exchange, &escaped));
        }
    }
}

/// A line of the error log, whose levels are nginx's: `notice`, `warn`, `error`.
#[must_use]
pub fn error(now: Timestamp, level: &str, text: &str) -> String {
    format!("{} [{level}] 1#1: {text}", now.strftime("%Y/%m/%d %H:%M:%S"))
}

/// So that a request cannot write lines of its own into the log.
fn escaped(text: String) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    let escape = |letter: char| match letter {
        '"' | '\\' => format!("\\x{:02X}", u32::from(letter)),
        other if other.is_control() => format!("\\x{:02X}", u32::from(other)),
        other => other.to_string(),
    };
    text.chars().map(escape).collect()
}
