//! The page: a cluster seen live in one browser tab.
//!
//! It talks the Kubernetes API at its own origin and keeps what it hears in `state`; `client` is
//! the only room that knows the browser.

// expect() stands only where a context is missing, which is a fault of the page's own frame.
pub mod app;
pub mod client;
pub mod components;
pub mod hooks;
pub mod i18n;
pub mod pages;
pub mod route;
pub mod state;

use wasm_bindgen::prelude::wasm_bindgen;

/// Draws the page into the element `#app` of `static/index.html`.
#[wasm_bindgen(start)]
pub fn start() {
    let root = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id("app"));
    if let Some(root) = root {
        root.set_inner_html("");
        yew::Renderer::<app::App>::with_root(root).render();
    }
}
