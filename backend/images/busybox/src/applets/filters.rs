//! `sort`, `uniq`, `tee`.

use std::cmp::Ordering;
use std::fs::OpenOptions;
use std::io;

use super::flags::{Flags, open, open_or_complain};
use crate::message;
use crate::shell::Shell;
use crate::stream::{CHUNK_BYTES, Lines};

pub(super) async fn sort(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "nrufbhk:t:")?;
    let key = flags.value('k').map(|text| text.split(['.', ',']).next().unwrap_or_default());
    let field: Option<usize> = key.and_then(|text| text.trim_end_matches(char::is_alphabetic).parse().ok());
    let numeric = flags.has('n') || flags.has('h') || flags.value('k').is_some_and(|text| text.contains('n'));
    let reversed = flags.has('r') || flags.value('k').is_some_and(|text| text.contains('r'));
    let mut lines = Vec::new();
    let mut status = 0;
    for name in flags.inputs() {
        let Some(stream) = open_or_complain(shell, "sort", name, &mut status).await else { continue };
        let mut reader = Lines::new(stream);
        while let Some(line) = reader.next_text().await? {
            lines.push(line);
        }
    }
    let compare_keys = |left: &String, right: &String| {
        let (left, right) =
            (self::key(left, field, flags.value('t')), self::key(right, field, flags.value('t')));
        match numeric {
            true => number(left).partial_cmp(&number(right)).unwrap_or(Ordering::Equal),
            false if flags.has('f') => left.to_lowercase().cmp(&right.to_lowercase()),
            false => left.cmp(right),
        }
    };
    lines.sort_by(|left, right| {
        let order = compare_keys(left, right);
        let order = if flags.has('u') { order } else { order.then_with(|| left.cmp(right)) };
        if reversed { order.reverse() } else { order }
    });
    if flags.has('u') {
        lines.dedup_by(|left, right| compare_keys(left, right) == Ordering::Equal);
    }
    shell.print(&lines.iter().map(|line| format!("{line}\n")).collect::<String>()).await?;
    Ok(status)
}

/// The part of a line from its n-th field on.
fn key<'a>(line: &'a str, field: Option<usize>, separator: Option<&str>) -> &'a str {
    let mut rest = line;
    for _ in 1..field.unwrap_or(1) {
        rest = match separator {
            Some(separator) => rest.split_once(separator).map_or("", |(_, rest)| rest),
            None => rest.trim_start().split_once(char::is_whitespace).map_or("", |(_, rest)| rest),
        };
    }
    if field.is_some() { rest.trim_start() } else { rest }
}

fn number(text: &str) -> f64 {
    let text = text.trim_start();
    let is_part = |(index, letter): (usize, char)| {
        !(letter.is_ascii_digit() || letter == '.' || (index == 0 && letter == '-'))
    };
    let length = text.char_indices().find(|part| is_part(*part)).map_or(text.len(), |(at, _)| at);
    text[..length].parse().unwrap_or_default()
}

pub(super) async fn uniq(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "cdu")?;
    let mut lines = Lines::new(open(shell, flags.inputs()[0])?);
    let mut current: Option<(String, usize)> = None;
    loop {
        let line = lines.next_text().await?;
        match (&mut current, &line) {
            (Some((text, count)), Some(line)) if text == line => *count += 1,
            _ => {
                if let Some((text, count)) = current.take() {
                    let is_shown = !(flags.has('d') && count == 1) && !(flags.has('u') && count > 1);
                    let count = if flags.has('c') { format!("{count:7} ") } else { String::new() };
                    if is_shown {
                        shell.print(&format!("{count}{text}\n")).await?;
                    }
                }
                match line {
                    Some(line) => current = Some((line, 1)),
                    None => return Ok(0),
                }
            }
        }
    }
}

pub(super) async fn tee(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "ai")?;
    let mut options = OpenOptions::new();
    options.create(true).append(flags.has('a')).write(true).truncate(!flags.has('a'));
    let mut outputs = vec![shell.streams.get(1)];
    let mut status = 0;
    for name in &flags.operands {
        match shell.open_path(name, &options) {
            Ok(stream) => outputs.push(stream),
            Err(error) => {
                shell.complain(&format!("tee: {name}: {}", message(&error))).await;
                status = 1;
            }
        }
    }
    let stdin = shell.stdin();
    loop {
        let chunk = stdin.read(CHUNK_BYTES).await?;
        if chunk.is_empty() {
            return Ok(status);
        }
        for output in &outputs {
            output.write(&chunk).await?;
        }
    }
}
