//! Tabs as the ARIA authoring practices describe them: one tab stop, arrow keys between tabs.

use web_sys::HtmlElement;
use yew::prelude::*;

/// One tab.
#[derive(Clone, PartialEq)]
pub(super) struct TabItem {
    /// Its name in ids.
    pub slug: &'static str,
    /// Its text.
    pub label: String,
}

/// Properties of [`TabList`].
#[derive(Properties, PartialEq)]
pub(super) struct TabListProps {
    /// What the tabs choose between.
    pub label: String,
    /// The beginning of the ids of tabs and panels: `<prefix>-tab-<slug>`, `<prefix>-panel`.
    pub prefix: &'static str,
    /// The tabs.
    pub items: Vec<TabItem>,
    /// The open one.
    pub current: &'static str,
    /// Another was chosen.
    pub on_choose: Callback<&'static str>,
}

/// A row of tabs.
#[component]
pub(super) fn TabList(props: &TabListProps) -> Html {
    let list = use_node_ref();
    let onkeydown = on_arrow(props, list.clone());
    let tab = |item: &TabItem| {
        let is_current = item.slug == props.current;
        let slug = item.slug;
        html! {
            <button type="button" role="tab" key={slug} id={format!("{}-tab-{slug}", props.prefix)}
                aria-selected={is_current.to_string()} aria-controls={format!("{}-panel", props.prefix)}
                tabindex={if is_current { "0" } else { "-1" }} onclick={props.on_choose.reform(move |_| slug)}>
                { &item.label }
            </button>
        }
    };
    html! {
        <div class="tabs" role="tablist" aria-label={props.label.clone()} ref={list} {onkeydown}>
            { for props.items.iter().map(tab) }
        </div>
    }
}

fn on_arrow(props: &TabListProps, list: NodeRef) -> Callback<KeyboardEvent> {
    let slugs: Vec<_> = props.items.iter().map(|item| item.slug).collect();
    let current = slugs.iter().position(|slug| *slug == props.current).unwrap_or_default();
    let on_choose = props.on_choose.clone();
    Callback::from(move |event: KeyboardEvent| {
        let Some(next) = target(&event.key(), current, slugs.len()) else { return };
        event.prevent_default();
        on_choose.emit(slugs[next]);
        let tab = list.cast::<HtmlElement>().and_then(|list| list.children().item(next as u32));
        if let Some(tab) = tab.and_then(|tab| wasm_bindgen::JsCast::dyn_into::<HtmlElement>(tab).ok()) {
            // Focus fails on an element that is not drawn only.
            let _ = tab.focus();
        }
    })
}

/// The tab a key leads to.
fn target(key: &str, current: usize, count: usize) -> Option<usize> {
    match key {
        "ArrowRight" => Some((current + 1) % count),
        "ArrowLeft" => Some((current + count - 1) % count),
        "Home" => Some(0),
        "End" => Some(count - 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn arrow_keys_should_go_around_the_tabs() {
        let table = [
            ("ArrowRight", 2, Some(0)),
            ("ArrowLeft", 0, Some(2)),
            ("Home", 1, Some(0)),
            ("End", 0, Some(2)),
            ("a", 0, None),
        ];
        for (key, current, next) in table {
            assert_eq!(target(key, current, 3), next);
        }
    }
}
