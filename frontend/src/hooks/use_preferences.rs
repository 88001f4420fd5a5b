//! Language and colours: chosen by the browser, switched by the user, remembered.

use yew::prelude::*;

use crate::client::document;
use crate::client::preferences::{Preference, wanted_languages};
use crate::i18n::{Language, Words};

/// The colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system says.
    #[default]
    Auto,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// The name in style sheets and translations.
    pub fn slug(self) -> &'static str {
        match self {
            Theme::Auto => "auto",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    /// The one that a press of the switch leads to.
    pub fn next(self) -> Theme {
        match self {
            Theme::Auto => Theme::Light,
            Theme::Light => Theme::Dark,
            Theme::Dark => Theme::Auto,
        }
    }

    fn from_slug(slug: &str) -> Option<Theme> {
        [Theme::Auto, Theme::Light, Theme::Dark].into_iter().find(|theme| theme.slug() == slug)
    }
}

/// The choices and the way to change them.
#[derive(Clone, PartialEq)]
pub struct PreferencesContext {
    /// The page's words.
    pub words: Words,
    /// The colours.
    pub theme: Theme,
    /// Speaks another language from now on.
    pub set_language: Callback<Language>,
    /// Shows other colours from now on.
    pub set_theme: Callback<Theme>,
}

/// Properties of [`PreferencesProvider`].
#[derive(Properties, PartialEq)]
pub struct PreferencesProviderProps {
    /// Who speaks.
    pub children: Children,
}

/// Holds language and colours for its children.
#[component]
pub fn PreferencesProvider(props: &PreferencesProviderProps) -> Html {
    let words = use_state(|| Words::of(initial_language()));
    let theme = use_state(initial_theme);
    use_effect_with(words.language, |language| document::set_language(language.code()));
    use_effect_with(*theme, |theme| document::set_theme(theme.slug()));
    let title = words.say("page.title");
    use_effect_with(title, |title| document::set_title(title));
    let set_language = use_callback(words.setter(), |language: Language, words| {
        Preference::Language.write(language.code());
        words.set(Words::of(language));
    });
    let set_theme = use_callback(theme.setter(), |chosen: Theme, theme| {
        Preference::Theme.write(chosen.slug());
        theme.set(chosen);
    });
    let context = PreferencesContext { words: (*words).clone(), theme: *theme, set_language, set_theme };
    html! { <ContextProvider<PreferencesContext> {context}>{ props.children.clone() }</ContextProvider<PreferencesContext>> }
}

fn initial_language() -> Language {
    let remembered = Preference::Language.read().and_then(|code| Language::from_tag(&code));
    remembered.unwrap_or_else(|| Language::choose(wanted_languages().iter().map(String::as_str)))
}

fn initial_theme() -> Theme {
    Preference::Theme.read().and_then(|slug| Theme::from_slug(&slug)).unwrap_or_default()
}

/// Language and colours.
#[hook]
pub fn use_preferences() -> PreferencesContext {
    use_context().expect("inside PreferencesProvider")
}

/// The page's words.
#[hook]
pub fn use_words() -> Words {
    use_preferences().words
}
