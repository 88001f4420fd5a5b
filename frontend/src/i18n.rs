//! The page's words in Korean and English.
//!
//! Translations are `static/i18n/<language>.json`: flat maps from a key to a text with
//! `{placeholders}`. What the API server says stays as it says it.

use std::collections::BTreeMap;
use std::rc::Rc;

/// A language the page speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// 한국어.
    Korean,
    /// English.
    #[default]
    English,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 2] = [Language::Korean, Language::English];

    /// The language's code, `ko` or `en`.
    pub fn code(self) -> &'static str {
        match self {
            Language::Korean => "ko",
            Language::English => "en",
        }
    }

    /// The language's own name.
    pub fn own_name(self) -> &'static str {
        match self {
            Language::Korean => "한국어",
            Language::English => "English",
        }
    }

    /// The language of a tag, as `ko-KR`.
    pub fn from_tag(tag: &str) -> Option<Language> {
        let primary = tag.split('-').next().unwrap_or_default();
        Language::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(primary))
    }

    /// The first of the wanted languages that the page speaks, or English.
    pub fn choose<'a>(wanted: impl IntoIterator<Item = &'a str>) -> Language {
        wanted.into_iter().find_map(Language::from_tag).unwrap_or_default()
    }

    fn source(self) -> &'static str {
        match self {
            Language::Korean => include_str!("../../static/i18n/ko.json"),
            Language::English => include_str!("../../static/i18n/en.json"),
        }
    }
}

/// All texts of one language.
#[derive(Clone, Debug)]
pub struct Words {
    /// The language they are in.
    pub language: Language,
    texts: Rc<BTreeMap<String, String>>,
}

impl PartialEq for Words {
    fn eq(&self, other: &Words) -> bool {
        self.language == other.language
    }
}

impl Words {
    /// The texts of a language.
    pub fn of(language: Language) -> Words {
        // A test holds that the files are maps of texts.
        let texts = serde_json::from_str(language.source()).unwrap_or_default();
        Words { language, texts: Rc::new(texts) }
    }

    /// The text of a key; the key itself where there is none, so that a gap is seen.
    pub fn say(&self, key: &str) -> String {
        self.texts.get(key).cloned().unwrap_or_else(|| key.to_owned())
    }

    /// The text of a key with its placeholders filled in.
    pub fn fill(&self, key: &str, values: &[(&str, &str)]) -> String {
        let fill_one =
            |text: String, (name, value): &(&str, &str)| text.replace(&format!("{{{name}}}"), value);
        values.iter().fold(self.say(key), fill_one)
    }

    /// The text of `family.member`.
    pub fn member(&self, family: &str, member: &str) -> String {
        self.say(&format!("{family}.{member}"))
    }
}

#[cfg(test)]
mod tests;
