//! The address bar.

use gloo::events::EventListener;
use wasm_bindgen::JsValue;

use crate::route::Route;

/// Where the address bar points.
pub fn route() -> Route {
    let hash = web_sys::window().and_then(|window| window.location().hash().ok());
    Route::parse(&hash.unwrap_or_default())
}

/// Makes the address bar point there, without a new entry in the history of each click.
pub fn show(route: &Route) {
    let Some(history) = web_sys::window().and_then(|window| window.history().ok()) else { return };
    // A browser that refuses (a page in a sandbox) loses the link and nothing else.
    let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&route.hash()));
}

/// Tells when the user changes the address; ends when the listener is dropped.
pub fn on_change(tell: impl Fn(Route) + 'static) -> Option<EventListener> {
    let window = web_sys::window()?;
    Some(EventListener::new(&window, "hashchange", move |_| tell(route())))
}

/// The host by which the page was opened, as `127.0.0.1:8080`.
pub fn host() -> String {
    web_sys::window().and_then(|window| window.location().host().ok()).unwrap_or_default()
}
