//! The two things that JSON may say and YAML may not, said in YAML's words.
//!
//! `kubectl` reads a text that starts with a brace as JSON. Here it is read as YAML too, for the places
//! of its fields, so every replacement has as many characters as what it replaces.

use std::borrow::Cow;

use serde::de::IgnoredAny;

/// `text` as it is, or, if it is JSON and needs it, with tabs between tokens as spaces and pairs of
/// escaped surrogates as one escape.
pub(super) fn in_yaml_words(text: &str) -> Cow<'_, str> {
    let differs = text.contains('\t') || text.contains("\\ud") || text.contains("\\uD");
    if differs && text.trim_start().starts_with(['{', '[']) && is_json(text) {
        Cow::Owned(join_surrogates(&text.replace('\t', " ")))
    } else {
        Cow::Borrowed(text)
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn join_surrogates(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        joined.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match surrogate_pair(rest) {
            Some(character) => {
                // Twelve characters, as the pair: a line end that YAML drops, and the escape.
                joined.push_str(&format!("\\\n\\U{:08x}", u32::from(character)));
                PAIR_LENGTH
            }
            None => {
                joined.push_str(&rest[..2]);
                2
            }
        };
        rest = &rest[length..];
    }
    joined + rest
}

/// Bytes of `\ud83d\ude00`.
const PAIR_LENGTH: usize = 12;

/// The character that the two escapes at the start of `text` stand for.
fn surrogate_pair(text: &str) -> Option<char> {
    let pair = text.get(..PAIR_LENGTH)?;
    let unit = |escape: &str| u16::from_str_radix(escape.strip_prefix("\\u")?, 16).ok();
    let units = [unit(&pair[..6])?, unit(&pair[6..])?];
    let mut characters = char::decode_utf16(units);
    characters.next()?.ok().filter(|_| characters.next().is_none())
}
