//! The page's own document: its language, colours and title.

use web_sys::{Document, Element, HtmlElement, ScrollIntoViewOptions, ScrollLogicalPosition};

fn document() -> Option<Document> {
    web_sys::window()?.document()
}

/// Tells the browser and screen readers the language, `ko` or `en`.
pub fn set_language(language: &str) {
    set_root_attribute("lang", language);
}

/// Chooses the colours: `light`, `dark`, or `auto` for what the system says.
pub fn set_theme(theme: &str) {
    set_root_attribute("data-theme", theme);
}

fn set_root_attribute(name: &str, value: &str) {
    if let Some(root) = document().and_then(|document| document.document_element()) {
        // Fails on an invalid attribute name only.
        let _ = root.set_attribute(name, value);
    }
}

/// Names the page in tabs and histories.
pub fn set_title(title: &str) {
    if let Some(document) = document() {
        document.set_title(title);
    }
}

/// Gives the keyboard to an element.
pub fn focus(element: &HtmlElement) {
    // Fails on no element that is in the document.
    let _ = element.focus();
}

/// Whether nothing on the page has the keyboard, or something that cannot be seen any more.
pub fn has_lost_focus() -> bool {
    let Some(document) = document() else { return false };
    let Some(active) = document.active_element() else { return true };
    let is_body = document.body().is_some_and(|body| active.is_same_node(Some(&body)));
    is_body || active.get_client_rects().length() == 0
}

/// Whether a scrolled element shows its end.
pub fn is_at_end(element: &Element) -> bool {
    element.scroll_top() + element.client_height() + 8 >= element.scroll_height()
}

/// Scrolls an element to its end.
pub fn scroll_to_end(element: &Element) {
    element.set_scroll_top(element.scroll_height());
}

/// Scrolls as little as needed to show the whole element.
pub fn reveal(element: &Element) {
    let options = ScrollIntoViewOptions::new();
    options.set_block(ScrollLogicalPosition::Nearest);
    element.scroll_into_view_with_scroll_into_view_options(&options);
}

/// Puts a text on the clipboard.
pub fn copy(text: &str) {
    if let Some(window) = web_sys::window() {
        let _ = window.navigator().clipboard().write_text(text);
    }
}
