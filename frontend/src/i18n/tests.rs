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
    let missing: Vec<_> = sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")))
        .iter()
        .flat_map(|source| keys_said(source))
        .filter(|key| !english.contains_key(key))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

fn keys_said(source: &str) -> Vec<String> {
    let after = |call: &'static str| source.split(call).skip(1).filter_map(|rest| rest.split('"').next());
    after("say(\"").chain(after("fill(\"")).map(str::to_owned).collect()
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
