//! `date` and `sleep`.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::flags::invalid_number;
use crate::shell::Shell;

pub(super) async fn date(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let mut zone = shell.variable("TZ").and_then(|name| TimeZone::posix(&name).ok()).unwrap_or(TimeZone::UTC);
    let mut format = "%a %b %e %H:%M:%S %Z %Y".to_owned();
    for argument in &arguments[1..] {
        match argument.as_str() {
            "-u" | "--utc" => zone = TimeZone::UTC,
            "-I" | "-Idate" => "%Y-%m-%d".clone_into(&mut format),
            "-Is" | "-Iseconds" => "%Y-%m-%dT%H:%M:%S%:z".clone_into(&mut format),
            "-R" => "%a, %d %b %Y %H:%M:%S %z".clone_into(&mut format),
            other => match other.strip_prefix('+') {
                Some(wanted) => wanted.clone_into(&mut format),
                None if other.starts_with('-') => {
                    return Err(io::Error::other(format!("invalid option '{other}'")));
                }
                None => {
                    return Err(io::Error::other("the clock of a cluster cannot be set from a container"));
                }
            },
        }
    }
    let now = Timestamp::now().to_zoned(zone);
    let text = jiff::fmt::strtime::format(&format, &now)
        .map_err(|_| io::Error::other(format!("invalid format '{format}'")))?;
    shell.print(&format!("{text}\n")).await?;
    Ok(0)
}

pub(super) async fn sleep(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    if arguments.len() < 2 {
        return Err(io::Error::other("a time is missing"));
    }
    let mut total = Duration::ZERO;
    for argument in &arguments[1..] {
        total = total.saturating_add(duration(argument)?);
    }
    shell.reactor.sleep(total).await;
    Ok(0)
}

/// A number with one of the suffixes `s`, `m`, `h`, `d`, or `infinity`.
///
/// # Errors
/// When it is none.
pub(super) fn duration(text: &str) -> io::Result<Duration> {
    if matches!(text, "inf" | "infinity") {
        return Ok(Duration::MAX);
    }
    let (digits, scale) = match text.chars().last() {
        Some('s') => (&text[..text.len() - 1], 1.0),
        Some('m') => (&text[..text.len() - 1], 60.0),
        Some('h') => (&text[..text.len() - 1], 3600.0),
        Some('d') => (&text[..text.len() - 1], 86_400.0),
        _ => (text, 1.0),
    };
    let seconds: f64 = digits.parse().map_err(|_| invalid_number(text))?;
    Duration::try_from_secs_f64(seconds * scale).map_err(|_| invalid_number(text))
}
