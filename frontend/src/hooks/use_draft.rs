//! The text in the editor, read as it is typed and remembered.

use std::rc::Rc;

use yew::prelude::*;

use crate::client::preferences::Preference;
use crate::state::draft::Draft;
use crate::state::examples;

/// The text and what it says.
#[derive(Clone, PartialEq)]
pub struct DraftState {
    /// The text.
    pub text: String,
    /// What it says.
    pub content: Rc<Draft>,
    /// Another text.
    pub set_text: Callback<String>,
}

/// The text the user left here, or the first example.
#[hook]
pub fn use_draft() -> DraftState {
    let text = use_state(|| Preference::Draft.read().unwrap_or_else(|| examples::ALL[0].text.to_owned()));
    let content = use_memo((*text).clone(), |text| Draft::read(text));
    let set_text = use_callback(text.setter(), |new: String, text| {
        Preference::Draft.write(&new);
        text.set(new);
    });
    DraftState { text: (*text).clone(), content, set_text }
}
