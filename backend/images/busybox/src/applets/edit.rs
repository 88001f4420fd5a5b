//! Lines changed one by one: `cut`, `sed`, `tr`.

use std::io;

use regex_lite::{Captures, Regex};

use super::flags::{Flags, open_or_complain};
use super::search::pattern;
use crate::shell::Shell;
use crate::stream::{CHUNK_BYTES, Lines};

/// Ranges of `cut -f 1,3-5,7-`, counted from 1.
fn ranges(list: &str) -> io::Result<Vec<(usize, usize)>> {
    let bound = |text: &str, open: usize| if text.is_empty() { Some(open) } else { text.parse().ok() };
    let range = |text: &str| match text.split_once('-') {
        Some((from, to)) => Some((bound(from, 1)?, bound(to, usize::MAX)?)),
        None => text.parse().ok().map(|one| (one, one)),
    };
    list.split(',')
        .map(range)
        .collect::<Option<_>>()
        .ok_or_else(|| io::Error::other(format!("invalid list '{list}'")))
}

pub(super) async fn cut(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "d:f:c:b:s")?;
    let separator = flags.value('d').unwrap_or("\t");
    let fields = flags.value('f').map(ranges).transpose()?;
    let letters = flags.value('c').or(flags.value('b')).map(ranges).transpose()?;
    let chosen =
        fields.as_ref().or(letters.as_ref()).ok_or_else(|| io::Error::other("-f or -c is needed"))?;
    let is_chosen = |index: usize| chosen.iter().any(|(from, to)| (*from..=*to).contains(&(index + 1)));
    let mut status = 0;
    for name in flags.inputs() {
        let Some(stream) = open_or_complain(shell, "cut", name, &mut status).await else { continue };
        let mut lines = Lines::new(stream);
        while let Some(line) = lines.next_text().await? {
            let kept = if fields.is_none() {
                line.chars()
                    .enumerate()
                    .filter(|(index, _)| is_chosen(*index))
                    .map(|(_, letter)| letter)
                    .collect()
            } else if line.contains(separator) {
                let kept = line.split(separator).enumerate().filter(|(index, _)| is_chosen(*index));
                kept.map(|(_, field)| field).collect::<Vec<_>>().join(separator)
            } else if flags.has('s') {
                continue;
            } else {
                line
            };
            shell.print(&format!("{kept}\n")).await?;
        }
    }
    Ok(status)
}

/// The letters of a set: ranges, escapes and classes.
fn set(text: &str) -> Vec<char> {
    let classes = [
        ("[:lower:]", "a-z"),
        ("[:upper:]", "A-Z"),
        ("[:digit:]", "0-9"),
        ("[:alpha:]", "A-Za-z"),
        ("[:alnum:]", "0-9A-Za-z"),
        ("[:space:]", " \\t\\n\\r"),
        ("[:blank:]", " \\t"),
        ("[:punct:]", "!-/:-@[-`{-~"),
    ];
    let text = classes.iter().fold(text.to_owned(), |text, (class, letters)| text.replace(class, letters));
    let mut letters = Vec::new();
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        letters.push(match letter {
            '\\' => match rest.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('0') => '\0',
                other => other.unwrap_or('\\'),
            },
            other => other,
        });
        let mut ahead = rest.clone();
        if ahead.next() == Some('-')
            && let (Some(to), Some(from)) = (ahead.next(), letters.pop())
        {
            letters.extend(from..=to);
            rest = ahead;
        }
    }
    letters
}

pub(super) async fn tr(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let flags = Flags::read(arguments, "dscC")?;
    let complement = flags.has('c') || flags.has('C');
    let first = set(super::files::operand(arguments, arguments.len() - flags.operands.len())?);
    let second = flags.operands.get(1).map(|text| set(text));
    let squeezed = second.clone().unwrap_or_else(|| first.clone());
    let place = |letter: char| match (first.iter().position(|member| *member == letter), complement) {
        (Some(at), false) => Some(at),
        (None, true) => Some(usize::MAX),
        _ => None,
    };
    let mut pending = Vec::new();
    let mut last = None;
    let stdin = shell.stdin();
    loop {
        let chunk = stdin.read(CHUNK_BYTES).await?;
        let at_end = chunk.is_empty();
        pending.extend(chunk);
        let (text, rest) = whole_letters(&pending, at_end);
        let mut output = String::new();
        for letter in text.chars() {
            let changed = match (place(letter), &second) {
                (Some(_), _) if flags.has('d') => continue,
                (Some(at), Some(second)) => second.get(at).or(second.last()).copied().unwrap_or(letter),
                _ => letter,
            };
            let squeezes = flags.has('s') && squeezed.contains(&changed) && last == Some(changed);
            if !squeezes {
                output.push(changed);
            }
            last = Some(changed);
        }
        shell.print(&output).await?;
        pending = rest;
        if at_end {
            return Ok(0);
        }
    }
}

/// Splits off a letter whose bytes have not all arrived.
fn whole_letters(bytes: &[u8], at_end: bool) -> (String, Vec<u8>) {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() && !at_end => {
            let (whole, rest) = bytes.split_at(error.valid_up_to());
            (String::from_utf8_lossy(whole).into_owned(), rest.to_vec())
        }
        _ => (String::from_utf8_lossy(bytes).into_owned(), Vec::new()),
    }
}

/// A command of `sed` and where it holds.
struct Edit {
    from: Option<Address>,
    to: Option<Address>,
    active: bool,
    action: Action,
}

enum Address {
    Line(usize),
    Last,
    Match(Regex),
}

enum Action {
    Substitute { pattern: Regex, replacement: String, all: bool, print: bool },
    Delete,
    Print,
    Quit,
}

pub(super) async fn sed(shell: &mut Shell, arguments: &[String]) -> io::Result<u8> {
    let mut flags = Flags::read(arguments, "nErs:e:")?;
    let script = match flags.value('e') {
        Some(script) => script,
        None if flags.operands.is_empty() => return Err(io::Error::other("a script is missing")),
        None => flags.operands.remove(0),
    };
    let mut edits = script_edits(script, flags.has('E') || flags.has('r'))?;
    let mut status = 0;
    for name in flags.inputs() {
        let Some(stream) = open_or_complain(shell, "sed", name, &mut status).await else { continue };
        let mut lines = Lines::new(stream);
        let mut next = lines.next_text().await?;
        let mut number = 0;
        while let Some(mut line) = next {
            // Looking ahead would hold back the lines of a stream that is still written.
            let needs_last = edits.iter().any(|edit| {
                matches!((&edit.from, &edit.to), (Some(Address::Last), _) | (_, Some(Address::Last)))
            });
            let ahead = if needs_last { lines.next_text().await? } else { None };
            number += 1;
            let (output, quits) =
                edit(&mut edits, &mut line, number, needs_last && ahead.is_none(), flags.has('n'));
            shell.print(&output).await?;
            if quits {
                return Ok(status);
            }
            next = if needs_last { ahead } else { lines.next_text().await? };
        }
    }
    Ok(status)
}

/// What a line becomes, and whether the editing ends.
fn edit(edits: &mut [Edit], line: &mut String, number: usize, is_last: bool, quiet: bool) -> (String, bool) {
    let mut output = String::new();
    let mut quits = false;
    for edit in edits {
        if !edit.holds(line, number, is_last) {
            continue;
        }
        match &edit.action {
            Action::Delete => return (output, false),
            Action::Print => output.push_str(&format!("{line}\n")),
            Action::Quit => quits = true,
            Action::Substitute { pattern, replacement, all, print } => {
                let found = pattern.is_match(line);
                let expand = |captures: &Captures<'_>| expand(replacement, captures);
                *line = if *all { pattern.replace_all(line, expand) } else { pattern.replace(line, expand) }
                    .into_owned();
                if found && *print {
                    output.push_str(&format!("{line}\n"));
                }
            }
        }
        if quits {
            break;
        }
    }
    if !quiet {
        output.push_str(&format!("{line}\n"));
    }
    (output, quits)
}

impl Edit {
    fn holds(&mut self, line: &str, number: usize, is_last: bool) -> bool {
        let fits = |address: &Address| match address {
            Address::Line(wanted) => *wanted == number,
            Address::Last => is_last,
            Address::Match(pattern) => pattern.is_match(line),
        };
        let Some(from) = &self.from else { return true };
        let Some(to) = &self.to else { return fits(from) };
        if self.active {
            self.active = !fits(to);
            return true;
        }
        let begins = fits(from);
        self.active = begins && !matches!(to, Address::Line(end) if *end <= number);
        begins
    }
}

/// `&` and `\1` stand for what was found.
fn expand(replacement: &str, captures: &Captures<'_>) -> String {
    let group = |number: usize| captures.get(number).map_or("", |found| found.as_str());
    let mut result = String::new();
    let mut letters = replacement.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '&' => result.push_str(group(0)),
            '\\' => match letters.next() {
                Some('n') => result.push('\n'),
                Some(digit) if digit.is_ascii_digit() => {
                    result.push_str(group(digit as usize - '0' as usize))
                }
                Some(other) => result.push(other),
                None => {}
            },
            other => result.push(other),
        }
    }
    result
}

fn script_edits(script: &str, extended: bool) -> io::Result<Vec<Edit>> {
    let mut edits = Vec::new();
    let mut rest = script.trim_start_matches([' ', ';', '\n']);
    while !rest.is_empty() {
        let from = address(&mut rest, extended)?;
        let to = match rest.strip_prefix(',') {
            Some(after) => {
                rest = after;
                address(&mut rest, extended)?
            }
            None => None,
        };
        edits.push(Edit { from, to, active: false, action: action(&mut rest, extended)? });
        rest = rest.trim_start_matches([' ', ';', '\n']);
    }
    Ok(edits)
}

fn address(rest: &mut &str, extended: bool) -> io::Result<Option<Address>> {
    if let Some(after) = rest.strip_prefix('$') {
        *rest = after;
        return Ok(Some(Address::Last));
    }
    if let Some(after) = rest.strip_prefix('/') {
        *rest = after;
        let text = delimited(rest, '/')?;
        return Ok(Some(Address::Match(pattern(&text, extended, false, false)?)));
    }
    let length = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(length);
    *rest = after;
    Ok(digits.parse().ok().map(Address::Line))
}

fn action(rest: &mut &str, extended: bool) -> io::Result<Action> {
    let mut letters = rest.trim_start().chars();
    let letter = letters.next().unwrap_or(' ');
    *rest = letters.as_str();
    Ok(match letter {
        'd' => Action::Delete,
        'p' => Action::Print,
        'q' => Action::Quit,
        's' => {
            let separator =
                letters.next().ok_or_else(|| io::Error::other("bad option in substitution expression"))?;
            *rest = letters.as_str();
            let text = delimited(rest, separator)?;
            let replacement = delimited(rest, separator)?;
            let length = rest.find([' ', ';', '\n']).unwrap_or(rest.len());
            let (options, after) = rest.split_at(length);
            *rest = after;
            let ignores_case = options.contains(['i', 'I']);
            let (all, print) = (options.contains('g'), options.contains('p'));
            Action::Substitute {
                pattern: pattern(&text, extended, false, ignores_case)?,
                replacement,
                all,
                print,
            }
        }
        other => return Err(io::Error::other(format!("unsupported command {other}"))),
    })
}

/// The text up to a separator that no backslash precedes.
fn delimited(rest: &mut &str, separator: char) -> io::Result<String> {
    let mut text = String::new();
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(next) if next == separator => text.push(next),
                Some(next) => text.extend(['\\', next]),
                None => text.push('\\'),
            },
            _ if letter == separator => {
                *rest = letters.as_str();
                return Ok(text);
            }
            _ => text.push(letter),
        }
    }
    Err(io::Error::other("unmatched separator"))
}
