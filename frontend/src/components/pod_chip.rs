//! One pod in the picture: name, and its state as icon, word and colour.

use shared::topology::PodView;
use yew::prelude::*;

use super::icon::{Glyph, Icon};
use crate::hooks::{LedTo, use_ui, use_words};
use crate::state::object::ObjectKey;
use crate::state::pod::state_slug;
use crate::state::ui::{Selection, UiAction};

/// Properties of [`PodChip`].
#[derive(Properties, PartialEq)]
pub(super) struct PodChipProps {
    /// The pod.
    pub pod: PodView,
    /// The node it is on, empty for none.
    pub node: AttrValue,
}

/// A pod that can be opened.
#[component]
pub(super) fn PodChip(props: &PodChipProps) -> Html {
    let ui = use_ui();
    let words = use_words();
    // Nothing leads to pods that wait.
    let is_led_to = use_context::<LedTo>().is_some_and(|pods| pods.contains(&props.pod.uid));
    let PodView { namespace, name, status, state, .. } = &props.pod;
    let selection = Selection::Pod(ObjectKey::new(namespace, name));
    let is_selected = ui.selection.as_ref() == Some(&selection);
    let onclick = move |_| ui.dispatch(UiAction::Select(selection.clone()));
    let label = words.fill("pod.label", &[("name", name), ("namespace", namespace), ("status", status)]);
    let (head, tail) = cut(short_name(name, &props.node));
    html! {
        <button type="button" class={classes!("pod", format!("pod--{}", state_slug(*state)), is_led_to.then_some("pod--led-to"))} aria-pressed={is_selected.to_string()}
            aria-label={label} title={name.clone()} {onclick}>
            <span class="pod__icon"><Icon glyph={Glyph::of_pod(*state)} /></span>
            <span class="pod__name"><span class="pod__head">{ head }</span><span class="pod__tail">{ tail }</span></span>
            <span class="pod__status">{ status }</span>
            if !matches!(namespace.as_str(), "default" | "kube-system") {
                <span class="pod__namespace">{ namespace }</span>
            }
        </button>
    }
}

/// A mirror pod's name ends with that of its node, which is written above it already.
fn short_name<'a>(name: &'a str, node: &str) -> &'a str {
    let component = name.strip_suffix(node).and_then(|rest| rest.strip_suffix('-'));
    component.filter(|component| !node.is_empty() && !component.is_empty()).unwrap_or(name)
}

/// A long name is cut in the middle: its end tells pods of one owner apart.
fn cut(name: &str) -> (&str, &str) {
    const TAIL: usize = 6;
    // Names are ASCII: the API server takes no others.
    match name.len().checked_sub(TAIL) {
        Some(middle) if name.len() > 24 && name.is_char_boundary(middle) => name.split_at(middle),
        _ => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::{cut, short_name};

    #[test]
    fn only_long_names_should_be_cut() {
        assert_eq!(cut("myapp-pod"), ("myapp-pod", ""));
        assert_eq!(cut("front-end-web-7f9c6bd5b4-x2x9q"), ("front-end-web-7f9c6bd5b4", "-x2x9q"));
    }

    #[test]
    fn a_mirror_pod_should_be_named_after_its_component() {
        let table = [
            ("kube-scheduler-control-plane", "control-plane", "kube-scheduler"),
            ("web", "node-1", "web"),
            ("web", "", "web"),
            ("node-1", "node-1", "node-1"),
        ];
        for (name, node, short) in table {
            assert_eq!(short_name(name, node), short);
        }
    }
}
