//! Patterns with `*`, `?` and `[…]`, for file names, `case` and `${name#pattern}`.

use std::path::Path;

/// A letter of a pattern or of a text, and whether it is taken literally.
pub(super) type Letter = (char, bool);

/// Whether the letters hold a pattern at all.
pub(super) fn is_pattern(letters: &[Letter]) -> bool {
    letters.iter().any(|(letter, quoted)| !quoted && matches!(letter, '*' | '?' | '['))
}

/// Whether the whole text matches.
pub(super) fn matches(pattern: &[Letter], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((('*', false), rest)) => (0..=text.len()).any(|skipped| matches(rest, &text[skipped..])),
        Some((('?', false), rest)) => !text.is_empty() && matches(rest, &text[1..]),
        Some((('[', false), rest)) => match (set(rest), text.split_first()) {
            (Some((members, after)), Some((first, text))) => members.contains(*first) && matches(after, text),
            (Some(_), None) => false,
            (None, _) => text.first() == Some(&'[') && matches(rest, &text[1..]),
        },
        Some(((letter, _), rest)) => text.first() == Some(letter) && matches(rest, &text[1..]),
    }
}

/// Whether a text matches a pattern in which nothing is quoted.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<Letter> = pattern.chars().map(|letter| (letter, false)).collect();
    matches(&pattern, &text.chars().collect::<Vec<_>>())
}

struct Set {
    negated: bool,
    ranges: Vec<(char, char)>,
    classes: Vec<fn(&char) -> bool>,
}

impl Set {
    fn contains(&self, letter: char) -> bool {
        let is_member = self.ranges.iter().any(|(from, to)| (*from..=*to).contains(&letter))
            || self.classes.iter().any(|class| class(&letter));
        is_member != self.negated
    }
}

/// The set behind `[`, and what follows its `]`.
fn set(letters: &[Letter]) -> Option<(Set, &[Letter])> {
    let negated = matches!(letters.first(), Some(('!' | '^', false)));
    let start = usize::from(negated);
    let mut rest = &letters[start..];
    let mut classes = Vec::new();
    let mut members = Vec::new();
    loop {
        if let Some((class, after)) = class(rest) {
            classes.push(class);
            rest = after;
            continue;
        }
        match rest.split_first()? {
            // A `]` that stands first is a member.
            ((']', false), after) if !members.is_empty() || !classes.is_empty() => {
                rest = after;
                break;
            }
            ((letter, _), after) => {
                members.push(*letter);
                rest = after;
            }
        }
    }
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(&from) = members.get(at) {
        let is_range = members.get(at + 1) == Some(&'-') && at + 2 < members.len();
        ranges.push((from, if is_range { members[at + 2] } else { from }));
        at += if is_range { 3 } else { 1 };
    }
    Some((Set { negated, ranges, classes }, rest))
}

/// Whether a character is of a class.
type IsOfClass = fn(&char) -> bool;

/// The class `[:name:]` that begins here, and what follows it.
fn class(letters: &[Letter]) -> Option<(IsOfClass, &[Letter])> {
    let text: String = letters.iter().take(10).map(|(letter, _)| *letter).collect();
    let name = text.strip_prefix("[:")?.split_once(":]")?.0;
    let class: fn(&char) -> bool = match name {
        "alnum" => char::is_ascii_alphanumeric,
        "alpha" => char::is_ascii_alphabetic,
        "blank" => |letter| matches!(letter, ' ' | '\t'),
        "cntrl" => char::is_ascii_control,
        "digit" => char::is_ascii_digit,
        "graph" => char::is_ascii_graphic,
        "lower" => char::is_ascii_lowercase,
        "print" => |letter| letter.is_ascii_graphic() || *letter == ' ',
        "punct" => char::is_ascii_punctuation,
        "space" => char::is_ascii_whitespace,
        "upper" => char::is_ascii_uppercase,
        "xdigit" => char::is_ascii_hexdigit,
        _ => return None,
    };
    Some((class, &letters[name.len() + 4..]))
}

/// The names of existing files that match, sorted; empty if there are none.
pub(super) fn files(pattern: &[Letter], directory: &Path) -> Vec<String> {
    let is_absolute = pattern.first().is_some_and(|(letter, _)| *letter == '/');
    let mut found = vec![if is_absolute { "/".to_owned() } else { String::new() }];
    for segment in pattern.split(|(letter, _)| *letter == '/').filter(|segment| !segment.is_empty()) {
        found = found.iter().flat_map(|parent| children(parent, segment, directory)).collect();
    }
    found.retain(|name| !name.is_empty());
    found.sort();
    found
}

fn children(parent: &str, segment: &[Letter], directory: &Path) -> Vec<String> {
    let join = |name: &str| match parent {
        "" | "/" => format!("{parent}{name}"),
        _ => format!("{parent}/{name}"),
    };
    if !is_pattern(segment) {
        let name = join(&segment.iter().map(|(letter, _)| *letter).collect::<String>());
        return if directory.join(&name).exists() { vec![name] } else { Vec::new() };
    }
    let shows_hidden = segment.first().is_some_and(|(letter, _)| *letter == '.');
    let entries = std::fs::read_dir(directory.join(parent));
    let names =
        entries.into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| shows_hidden || !name.starts_with('.'))
        .filter(|name| matches(segment, &name.chars().collect::<Vec<_>>()))
        .map(|name| join(&name))
        .collect()
}

/// Cuts a matching piece off the beginning or the end of a text.
pub(super) fn trim(text: &str, pattern: &[Letter], from_end: bool, longest: bool) -> String {
    let letters: Vec<char> = text.chars().collect();
    let fits = |length: &usize| match from_end {
        true => matches(pattern, &letters[letters.len() - length..]),
        false => matches(pattern, &letters[..*length]),
    };
    let cut = if longest { (0..=letters.len()).rev().find(fits) } else { (0..=letters.len()).find(fits) };
    let cut = cut.unwrap_or_default();
    let kept = if from_end { &letters[..letters.len() - cut] } else { &letters[cut..] };
    kept.iter().collect()
}

/// Puts `replacement` in the place of the longest matches, of the first one or of all.
pub(super) fn replace(text: &str, pattern: &[Letter], replacement: &str, all: bool) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut result = String::new();
    let mut at = 0;
    let mut may_replace = !pattern.is_empty();
    while at < letters.len() {
        let length =
            (1..=letters.len() - at).rev().find(|length| matches(pattern, &letters[at..at + length]));
        match length.filter(|_| may_replace) {
            Some(length) => {
                result.push_str(replacement);
                at += length;
                may_replace = all;
            }
            None => {
                result.push(letters[at]);
                at += 1;
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(pattern: &str) -> Vec<Letter> {
        pattern.chars().map(|letter| (letter, false)).collect()
    }

    #[test]
    fn patterns_should_match_whole_texts() {
        let cases = [
            ("*", "", true),
            ("*.txt", "a.txt", true),
            ("*.txt", "a.txt.gz", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[", "[", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(
                matches(&letters(pattern), &text.chars().collect::<Vec<_>>()),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
