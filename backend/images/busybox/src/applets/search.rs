//! `grep`.

use std::collections::VecDeque;
use std::io;

use regex_lite::{Regex, RegexBuilder};

use super::flags::{Flags, open_or_complain};
use crate::shell::Shell;
use crate::stream::Lines;

pub(super) async fn egrep(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    search(shell, arguments, true).await
}

pub(super) async fn grep(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    search(shell, arguments, false).await
}

/// What is printed of a file.
struct Report<'a> {
    flags: &'a Flags<'a>,
    pattern: Regex,
    names: bool,
    before: usize,
    after: usize,
}

async fn search(shell: &Shell, arguments: &[String], extended: bool) -> io::Result<u8> {
    let mut flags = Flags::read(arguments, "ivnclqowxEFhHrse:A:B:C:m:")?;
    let text = match flags.value('e') {
        Some(text) => text,
        None if flags.operands.is_empty() => return Err(io::Error::other("a pattern is missing")),
        None => flags.operands.remove(0),
    };
    let text = match (flags.has('x'), flags.has('w')) {
        _ if flags.has('F') => regex_lite::escape(text),
        _ => basic_to_extended(text, extended || flags.has('E')),
    };
    let text = match (flags.has('x'), flags.has('w')) {
        (true, _) => format!("^(?:{text})$"),
        (_, true) => format!(r"\b(?:{text})\b"),
        _ => text,
    };
    let pattern = build(&text, flags.has('i'))?;
    let files = files(shell, &flags);
    let around: usize = flags.number('C')?.unwrap_or(0);
    let report = Report {
        names: (files.len() > 1 || flags.has('H')) && !flags.has('h'),
        pattern,
        before: flags.number('B')?.unwrap_or(around),
        after: flags.number('A')?.unwrap_or(around),
        flags: &flags,
    };
    let mut status = 0;
    let mut found = false;
    for name in &files {
        let Some(stream) = open_or_complain(shell, "grep", name, &mut status).await else { continue };
        found |= report.file(shell, name, Lines::new(stream)).await?;
        if found && flags.has('q') {
            return Ok(0);
        }
    }
    Ok(if status != 0 { 2 } else { u8::from(!found) })
}

/// The files to search: with `-r` those below the directories.
fn files(shell: &Shell, flags: &Flags<'_>) -> Vec<String> {
    if !flags.has('r') {
        return flags.inputs().into_iter().map(str::to_owned).collect();
    }
    let mut found = Vec::new();
    let mut waiting: Vec<String> = match flags.operands.as_slice() {
        [] => vec![".".to_owned()],
        names => names.iter().map(|name| (*name).to_owned()).collect(),
    };
    while let Some(name) = waiting.pop() {
        match std::fs::read_dir(shell.path(&name)) {
            Ok(entries) => waiting.extend(entries.flatten().map(|entry| {
                format!("{}/{}", name.trim_end_matches('/'), entry.file_name().to_string_lossy())
            })),
            Err(_) => found.push(name),
        }
    }
    found.sort();
    found
}

impl Report<'_> {
    async fn file(&self, shell: &Shell, name: &str, mut lines: Lines) -> io::Result<bool> {
        let (mut number, mut count, mut follows) = (0_usize, 0_usize, 0_usize);
        let most: usize = self.flags.number('m')?.unwrap_or(usize::MAX);
        let mut earlier: VecDeque<(usize, String)> = VecDeque::new();
        while let Some(line) = lines.next_text().await? {
            number += 1;
            if self.pattern.is_match(&line) != self.flags.has('v') {
                count += 1;
                if self.flags.has('q') || self.flags.has('l') {
                    break;
                }
                if !self.flags.has('c') {
                    for (number, line) in earlier.drain(..) {
                        shell.print(&self.line(name, number, '-', &line)).await?;
                    }
                    shell.print(&self.found(name, number, &line)).await?;
                }
                follows = self.after;
                if count >= most {
                    break;
                }
            } else if follows > 0 && !self.flags.has('c') {
                follows -= 1;
                shell.print(&self.line(name, number, '-', &line)).await?;
            } else if self.before > 0 {
                earlier.push_back((number, line));
                earlier.drain(..earlier.len().saturating_sub(self.before));
            }
        }
        if self.flags.has('l') && count > 0 {
            shell.print(&format!("{name}\n")).await?;
        } else if self.flags.has('c') && !self.flags.has('q') {
            let prefix = if self.names { format!("{name}:") } else { String::new() };
            shell.print(&format!("{prefix}{count}\n")).await?;
        }
        Ok(count > 0)
    }

    fn found(&self, name: &str, number: usize, line: &str) -> String {
        match self.flags.has('o') {
            true => self
                .pattern
                .find_iter(line)
                .map(|found| self.line(name, number, ':', found.as_str()))
                .collect(),
            false => self.line(name, number, ':', line),
        }
    }

    fn line(&self, name: &str, number: usize, sign: char, line: &str) -> String {
        let name = if self.names { format!("{name}{sign}") } else { String::new() };
        let number = if self.flags.has('n') { format!("{number}{sign}") } else { String::new() };
        format!("{name}{number}{line}\n")
    }
}

/// A regular expression of grep or sed.
///
/// # Errors
/// When it is none.
pub(super) fn pattern(text: &str, extended: bool, literal: bool, ignores_case: bool) -> io::Result<Regex> {
    let text = if literal { regex_lite::escape(text) } else { basic_to_extended(text, extended) };
    build(&text, ignores_case)
}

fn build(text: &str, ignores_case: bool) -> io::Result<Regex> {
    let pattern = RegexBuilder::new(text).case_insensitive(ignores_case).build();
    pattern.map_err(|error| io::Error::other(format!("bad regex '{text}': {error}")))
}

/// In a basic expression `\(`, `\|`, `\{`, `\+` are operators, and the bare signs are letters.
fn basic_to_extended(text: &str, extended: bool) -> String {
    let mut result = String::new();
    let mut letters = text.chars();
    let mut in_set = false;
    while let Some(letter) = letters.next() {
        match letter {
            _ if in_set => {
                in_set = letter != ']' || result.ends_with('[') || result.ends_with("[^");
                // Within a set a bracket is a letter, unless it begins a class.
                let is_class = letter == '[' && letters.as_str().starts_with(':');
                if is_class {
                    let class: String = letters.by_ref().take_while(|letter| *letter != ']').collect();
                    result.push_str(&format!("[{class}]"));
                } else {
                    if letter == '[' || letter == '\\' {
                        result.push('\\');
                    }
                    result.push(letter);
                }
            }
            '[' => {
                in_set = true;
                result.push('[');
            }
            '\\' => match letters.next() {
                Some(sign) if !extended && "(){}|+?".contains(sign) => result.push(sign),
                Some('<' | '>') => result.push_str(r"\b"),
                Some(other) => result.extend(['\\', other]),
                None => result.push_str(r"\\"),
            },
            sign if !extended && "(){}|+?".contains(sign) => result.extend(['\\', sign]),
            '*' if !extended && result.is_empty() => result.push_str(r"\*"),
            other => result.push(other),
        }
    }
    result
}
