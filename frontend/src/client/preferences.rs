//! What the browser remembers: language, colours, the text in the editor.

use gloo::storage::{LocalStorage, Storage};

/// The names of what is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// `ko` or `en`.
    Language,
    /// `light`, `dark`, or `auto`.
    Theme,
    /// The text in the editor.
    Draft,
}

impl Preference {
    fn key(self) -> &'static str {
        match self {
            Preference::Language => "kijabi.language",
            Preference::Theme => "kijabi.theme",
            Preference::Draft => "kijabi.draft",
        }
    }

    /// What is remembered, if anything is.
    pub fn read(self) -> Option<String> {
        LocalStorage::get(self.key()).ok()
    }

    /// Remembers; a browser that refuses to (a private window) forgets with the page.
    pub fn write(self, value: &str) {
        let _ = LocalStorage::set(self.key(), value);
    }
}

/// The languages the user asks the browser for, the most wanted first.
pub fn wanted_languages() -> Vec<String> {
    let Some(window) = web_sys::window() else { return Vec::new() };
    window.navigator().languages().iter().filter_map(|language| language.as_string()).collect()
}
