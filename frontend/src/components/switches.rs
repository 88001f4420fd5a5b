//! Language and colours.

use yew::prelude::*;

use super::icon::{Glyph, Icon};
use crate::hooks::{Theme, use_preferences};
use crate::i18n::Language;

/// Switches between the languages; each is named in itself.
#[component]
pub(super) fn LanguageSwitch() -> Html {
    let preferences = use_preferences();
    let current = preferences.words.language;
    let button = |language: Language| {
        let onclick = preferences.set_language.reform(move |_| language);
        html! {
            <button type="button" lang={language.code()} aria-pressed={(language == current).to_string()} {onclick}>
                { language.own_name() }
            </button>
        }
    };
    html! {
        <div class="segmented" role="group" aria-label={preferences.words.say("header.language")}>
            { for Language::ALL.map(button) }
        </div>
    }
}

/// Switches between the system's, light and dark colours.
#[component]
pub(super) fn ThemeSwitch() -> Html {
    let preferences = use_preferences();
    let theme = preferences.theme;
    let glyph = match theme {
        Theme::Auto => Glyph::Contrast,
        Theme::Light => Glyph::Sun,
        Theme::Dark => Glyph::Moon,
    };
    let label = preferences
        .words
        .fill("header.theme", &[("theme", &preferences.words.member("theme", theme.slug()))]);
    let onclick = preferences.set_theme.reform(move |_| theme.next());
    html! {
        <button type="button" class="icon-button" aria-label={label.clone()} title={label} {onclick}><Icon {glyph} /></button>
    }
}
