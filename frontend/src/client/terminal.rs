//! The terminal, which is xterm.js.
//!
//! Its other side is `frontend/editor/src/terminal.js`. `static/boot.js` provides `kijabiLoadTerminal`; nothing of it
//! is loaded before somebody opens a session.

use js_sys::{Function, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;

use crate::i18n::Words;

#[wasm_bindgen]
extern "C" {
    /// Loads the terminal's module.
    #[wasm_bindgen(js_name = kijabiLoadTerminal, catch)]
    async fn load_terminal() -> Result<JsValue, JsValue>;

    /// What `create` of the terminal's module returns.
    type Handle;
    #[wasm_bindgen(method)]
    fn write(this: &Handle, bytes: &Uint8Array);
    #[wasm_bindgen(method)]
    fn columns(this: &Handle) -> u32;
    #[wasm_bindgen(method)]
    fn rows(this: &Handle) -> u32;
    #[wasm_bindgen(method)]
    fn text(this: &Handle) -> String;
    #[wasm_bindgen(method)]
    fn focus(this: &Handle);
    #[wasm_bindgen(method)]
    fn destroy(this: &Handle);
}

/// A live terminal; it is taken down when this is dropped.
pub struct Terminal {
    handle: Handle,
    _on_data: Closure<dyn Fn(String)>,
    _on_resize: Closure<dyn Fn(u32, u32)>,
}

impl Terminal {
    /// Loads the module and puts a terminal into `parent`, which tells what is typed and its size in characters.
    pub async fn open(
        parent: &HtmlElement,
        words: &Words,
        on_data: impl Fn(String) + 'static,
        on_resize: impl Fn(u32, u32) + 'static,
    ) -> Result<Terminal, JsValue> {
        let create: Function = Reflect::get(&load_terminal().await?, &"create".into())?.dyn_into()?;
        let (on_data, on_resize) = (Closure::new(on_data), Closure::new(on_resize));
        let options = Object::new();
        let parts: [(&str, &JsValue); 4] = [
            ("label", &words.say("terminal.keys").into()),
            ("skipped", &words.say("terminal.skipped").into()),
            ("onData", AsRef::<JsValue>::as_ref(&on_data)),
            ("onResize", AsRef::<JsValue>::as_ref(&on_resize)),
        ];
        for (name, part) in parts {
            Reflect::set(&options, &name.into(), part)?;
        }
        let handle = create.call2(&JsValue::NULL, parent, &options)?.unchecked_into();
        Ok(Terminal { handle, _on_data: on_data, _on_resize: on_resize })
    }

    /// Shows what a program printed.
    pub fn write(&self, bytes: &[u8]) {
        self.handle.write(&Uint8Array::from(bytes));
    }

    /// Columns and rows.
    pub fn size(&self) -> (u32, u32) {
        (self.handle.columns(), self.handle.rows())
    }

    /// What is selected, or all of it.
    pub fn text(&self) -> String {
        self.handle.text()
    }

    /// Takes the keyboard.
    pub fn focus(&self) {
        self.handle.focus();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.handle.destroy();
    }
}
