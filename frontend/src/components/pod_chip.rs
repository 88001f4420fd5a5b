//! One pod in the picture: name, state as icon, word and colour.

use std::rc::Rc;

use serde_json::Value;
use yew::prelude::*;

use super::icon::{Glyph, Icon};
use crate::hooks::{use_ui, use_words};
use crate::state::object::{ObjectKey, name, namespace};
use crate::state::pod::{PodState, status_word};
use crate::state::ui::{Selection, UiAction};

/// Properties of [`PodChip`].
#[derive(Properties, PartialEq)]
pub(super) struct PodChipProps {
    /// The pod.
    pub pod: Rc<Value>,
}

/// A pod that can be opened.
#[component]
pub(super) fn PodChip(props: &PodChipProps) -> Html {
    let ui = use_ui();
    let words = use_words();
    let pod = &*props.pod;
    let state = PodState::of(pod);
    let status = status_word(pod);
    let selection = Selection::Pod(ObjectKey::of(pod));
    let is_selected = ui.selection.as_ref() == Some(&selection);
    let onclick = move |_| ui.dispatch(UiAction::Select(selection.clone()));
    let label =
        words.fill("pod.label", &[("name", name(pod)), ("namespace", namespace(pod)), ("status", &status)]);
    let (head, tail) = cut(name(pod));
    html! {
        <button type="button" class={classes!("pod", format!("pod--{}", state.slug()))} aria-pressed={is_selected.to_string()}
            aria-label={label} title={name(pod).to_owned()} {onclick}>
            <span class="pod__icon"><Icon glyph={Glyph::of_pod(state)} /></span>
            <span class="pod__name"><span class="pod__head">{ head }</span><span class="pod__tail">{ tail }</span></span>
            <span class="pod__status">{ status }</span>
            if !matches!(namespace(pod), "default" | "kube-system") {
                <span class="pod__namespace">{ namespace(pod) }</span>
            }
        </button>
    }
}

/// A long name is cut in the middle: its end tells pods of one owner apart.
fn cut(name: &str) -> (&str, &str) {
    const TAIL: usize = 6;
    // Names are ASCII: the API server takes no others.
    match name.len().checked_sub(TAIL) {
        Some(middle) if name.len() > 16 && name.is_char_boundary(middle) => name.split_at(middle),
        _ => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn only_long_names_should_be_cut() {
        assert_eq!(cut("myapp-pod"), ("myapp-pod", ""));
        assert_eq!(cut("web-7f9c6bd5b4-x2x9q"), ("web-7f9c6bd5b4", "-x2x9q"));
    }
}
