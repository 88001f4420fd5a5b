//! Both languages say the same things, and everything the page says.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

fn texts(language: Language) -> BTreeMap<String, String> {
    serde_json::from_str(language.source()).unwrap()
}

fn placeholders(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect()
}

#[test]
fn both_languages_should_have_the_same_keys_and_placeholders() {
    let (korean, english) = (texts(Language::Korean), texts(Language::English));
    assert_eq!(korean.keys().collect::<Vec<_>>(), english.keys().collect::<Vec<_>>());
    for (key, text) in &english {
        assert_eq!(placeholders(text), placeholders(&korean[key]), "{key}");
    }
}

#[test]
fn every_key_in_the_sources_should_have_a_text() {
    let english = texts(Language::English);
    let families: BTreeSet<&str> = english.keys().filter_map(|key| Some(key.split_once('.')?.0)).collect();
    let is_key = |text: &str| match text.split_once('.') {
        Some((family, rest)) => {
            families.contains(family) && rest.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        }
        None => false,
    };
    let literals = literals();
    let missing: Vec<_> =
        literals.iter().filter(|text| is_key(text) && !english.contains_key(*text)).collect();
    assert_eq!(missing, Vec::<&String>::new());
}

#[test]
fn every_text_should_be_said_somewhere() {
    let literals = literals();
    // A member of a family is named by the member alone, as in `member("state", "running")`.
    let is_member = |key: &str| {
        key.split_once('.')
            .is_some_and(|(family, member)| literals.contains(family) && literals.contains(member))
    };
    // Or within a pattern, as in `format!("step.{}.title", step.slug)`.
    let patterns: Vec<_> = literals.iter().filter_map(|text| text.split_once("{}")).collect();
    let is_made = |key: &str| {
        patterns.iter().any(|(before, after)| {
            let middle = key.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            !before.is_empty() && middle.is_some_and(|middle| literals.contains(middle))
        })
    };
    let is_said = |key: &String| literals.contains(key) || is_member(key) || is_made(key);
    let english = texts(Language::English);
    let unsaid: Vec<_> = english.keys().filter(|key| !is_said(key)).collect();
    assert_eq!(unsaid, Vec::<&String>::new());
}

/// What stands between quotes in the sources.
fn literals() -> BTreeSet<String> {
    let sources = sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")));
    let lines = sources.iter().flat_map(|source| source.lines());
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).map(str::to_owned).collect()
}

fn sources(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| match path.is_dir() {
        true => sources(&path),
        false if path.ends_with("i18n/tests.rs") => Vec::new(),
        false => vec![std::fs::read_to_string(path).unwrap()],
    };
    entries.flat_map(read).collect()
}

#[test]
fn the_first_wanted_language_that_the_page_speaks_should_be_chosen() {
    let table = [
        (&["ko-KR", "en"][..], Language::Korean),
        (&["de", "ko", "en"], Language::Korean),
        (&["en-GB", "ko"], Language::English),
        (&["de"], Language::English),
        (&[], Language::English),
    ];
    for (wanted, language) in table {
        assert_eq!(Language::choose(wanted.iter().copied()), language, "{wanted:?}");
    }
}
