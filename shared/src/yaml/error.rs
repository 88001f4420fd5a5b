//! What is wrong with a text, in the words that `kubectl` would print.
//!
//! kubectl's reader is a port of libyaml, whose complaints have a context ("while parsing a block
//! mapping") and a problem ("did not find expected key"); it prints the problem only. The event
//! parser used here words a few problems differently, so they are translated (see [`problem`]).
//! Two things are kept better than upstream's: the line is counted in the whole text, where kubectl
//! counts in the document, and it is always the line of the problem, where libyaml's parser errors
//! name the line before. Like upstream's, a message about the first line names no line.

use saphyr_parser::ScanError;

use super::position::{Position, TextIndex};

/// Why a text is not YAML, or not YAML that can become JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct YamlError {
    /// The message as `kubectl` prints it after the file's name.
    pub message: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl YamlError {
    /// A complaint of the YAML reader, placed at `position`.
    pub(super) fn at(position: Position, problem: &str) -> Self {
        let place = if position.line > 1 { format!("line {}: ", position.line) } else { String::new() };
        Self::converting(position, &format!("yaml: {place}{problem}"))
    }

    /// A complaint of the step from YAML to JSON, which upstream does not place.
    pub(super) fn converting(position: Position, problem: &str) -> Self {
        YamlError {
            message: format!("error converting YAML to JSON: {problem}"),
            line: position.line,
            column: position.column,
        }
    }

    /// The event parser's complaint about the part of `text` that starts at character `base`.
    pub(super) fn from_scan(error: &ScanError, text: &str, base: usize, index: &TextIndex) -> Self {
        let at = error.marker().index();
        Self::at(index.position(base + at), &problem(error.info(), text, at))
    }
}

/// The event parser's words and libyaml's for the same problem.
const TRANSLATIONS: [(&str, &str); 14] = [
    ("simple key expect", "could not find expected ':'"),
    ("illegal placement of ':'", "mapping values are not allowed in this context"),
    ("':' may not precede", "mapping values are not allowed in this context"),
    ("while scanning a plain scalar, found a tab", "found a tab character that violates indentation"),
    ("tab cannot be used", "found character that cannot start any token"),
    ("tabs disallowed", "found character that cannot start any token"),
    (
        "a block scalar content cannot start with a tab",
        "found a tab character where an indentation space is expected",
    ),
    ("unexpected character", "found character that cannot start any token"),
    ("plain scalar cannot start", "block sequence entries are not allowed in this context"),
    ("expected ',' or ']'", "did not find expected ',' or ']'"),
    ("invalid indentation in quoted scalar", "found unexpected end of stream"),
    ("misplaced bracket", "did not find expected node content"),
    ("invalid trailing content after", "did not find expected key"),
    ("recursion limit exceeded", "exceeded max depth of 255"),
];

/// What libyaml calls the problem; the parser's own words where libyaml knows no such problem.
fn problem(info: &str, text: &str, at: usize) -> String {
    if info.contains("found unknown anchor") {
        return format!("unknown anchor '{}' referenced", alias_name(text, at));
    }
    let known = TRANSLATIONS.iter().find(|(ours, _)| info.contains(ours));
    known.map_or_else(|| without_context(info).to_owned(), |(_, theirs)| (*theirs).to_owned())
}

/// Drops "while parsing something, ".
fn without_context(info: &str) -> &str {
    match info.split_once(", ") {
        Some((context, problem)) if context.starts_with("while ") => problem,
        _ => info,
    }
}

/// The name after the `*` at character `at`.
fn alias_name(text: &str, at: usize) -> String {
    let ends = |character: &char| character.is_whitespace() || ",[]{}".contains(*character);
    text.chars().skip(at).skip_while(|character| *character == '*').take_while(|c| !ends(c)).collect()
}
