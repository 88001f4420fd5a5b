//! The CodeMirror editor.
//!
//! Its other side is `frontend/editor/src/editor.js`. `static/boot.js` provides `kijabiLoadEditor`, which
//! waits until the page has drawn its first picture and the browser has nothing else to do.

use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise, Reflect};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use web_sys::HtmlElement;

use super::openapi::{OpenApi, description};
use crate::i18n::Words;
use crate::state::completion::{Suggestion, complete};

#[wasm_bindgen]
extern "C" {
    /// Loads the editor's module.
    #[wasm_bindgen(js_name = kijabiLoadEditor, catch)]
    async fn load_editor() -> Result<JsValue, JsValue>;

    /// What `create` of the editor's module returns.
    #[derive(Clone)]
    type Handle;
    #[wasm_bindgen(method)]
    fn replace(this: &Handle, text: &str);
    #[wasm_bindgen(method)]
    fn show(this: &Handle, problems: &JsValue);
    #[wasm_bindgen(method)]
    fn reveal(this: &Handle, line: u32, column: u32);
    #[wasm_bindgen(method)]
    fn focus(this: &Handle, offset: u32);
    #[wasm_bindgen(method)]
    fn destroy(this: &Handle);
}

/// A mark in the text. Lines and columns count from 1; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// Where it begins.
    pub line: u32,
    /// Where it begins.
    pub column: u32,
    /// Where it ends.
    pub end_line: u32,
    /// The first column behind it.
    pub end_column: u32,
    /// `error`, `warning` or `info`.
    pub severity: &'static str,
    /// What it says.
    pub message: String,
}

/// What the editor asks and tells.
pub struct Listener {
    /// The text changed.
    pub on_change: Box<dyn Fn(String)>,
    /// Ctrl+Enter or Cmd+Enter.
    pub on_apply: Box<dyn Fn()>,
}

/// A live editor; it is taken down when this is dropped.
pub struct Editor {
    handle: Handle,
    _on_change: Closure<dyn Fn(String)>,
    _on_apply: Closure<dyn Fn()>,
    _complete: Closure<dyn Fn(String, u32) -> Promise>,
}

impl PartialEq for Editor {
    /// An editor equals itself only.
    fn eq(&self, other: &Editor) -> bool {
        std::ptr::eq(self, other)
    }
}

/// The editor's module, loaded.
pub struct EditorModule(Function);

impl EditorModule {
    /// Loads the module.
    pub async fn load() -> Result<EditorModule, JsValue> {
        let module = load_editor().await?;
        Ok(EditorModule(Reflect::get(&module, &"create".into())?.dyn_into()?))
    }

    /// Puts an editor into `parent`.
    pub fn open(
        &self,
        parent: &HtmlElement,
        doc: &str,
        words: &Words,
        listener: Listener,
    ) -> Result<Rc<Editor>, JsValue> {
        let on_change = Closure::new(listener.on_change);
        let on_apply = Closure::new(listener.on_apply);
        let openapi = Rc::new(OpenApi::default());
        let complete = Closure::new(move |text: String, offset: u32| {
            future_to_promise(suggest(openapi.clone(), text, offset))
        });
        let options = Object::new();
        let parts: [(&str, &JsValue); 6] = [
            ("doc", &doc.into()),
            ("label", &words.say("editor.label").into()),
            ("phrases", &phrases(words)?),
            ("onChange", on_change.as_ref()),
            ("onApply", on_apply.as_ref()),
            ("complete", complete.as_ref()),
        ];
        for (name, part) in parts {
            Reflect::set(&options, &name.into(), part)?;
        }
        let handle = self.0.call2(&JsValue::NULL, parent, &options)?.unchecked_into();
        Ok(Rc::new(Editor { handle, _on_change: on_change, _on_apply: on_apply, _complete: complete }))
    }
}

/// What CodeMirror itself says, in the page's language.
fn phrases(words: &Words) -> Result<JsValue, JsValue> {
    let phrases = Object::new();
    for (english, key) in [
        ("Fold line", "editor.fold"),
        ("Unfold line", "editor.unfold"),
        ("unfold", "editor.unfold"),
        ("folded code", "editor.folded"),
        ("Completions", "editor.completions"),
    ] {
        Reflect::set(&phrases, &english.into(), &words.say(key).into())?;
    }
    Ok(phrases.into())
}

impl Editor {
    /// Puts another text into the editor.
    pub fn replace(&self, text: &str) {
        self.handle.replace(text);
    }

    /// Shows these marks and no others.
    pub fn show(&self, marks: &[Mark]) {
        let marks: Array = marks.iter().filter_map(|mark| to_js(mark).ok()).collect();
        self.handle.show(&marks);
    }

    /// Puts the cursor at a place and shows it.
    pub fn reveal(&self, line: u32, column: u32) {
        self.handle.reveal(line, column);
    }

    /// Takes the keyboard, with the cursor behind so many UTF-16 units.
    pub fn focus(&self, offset: u32) {
        self.handle.focus(offset);
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        self.handle.destroy();
    }
}

/// What the editor offers.
#[derive(Serialize)]
struct Offers {
    length: usize,
    items: Vec<Offer>,
}

/// One line of the editor's list.
#[derive(Serialize)]
struct Offer {
    label: String,
    detail: String,
    info: String,
    insert: String,
}

async fn suggest(openapi: Rc<OpenApi>, text: String, offset: u32) -> Result<JsValue, JsValue> {
    let completion = complete(&text, offset as usize);
    let schemas = openapi.schemas(&completion.api_version).await;
    let offer = |suggestion: Suggestion| {
        let info =
            suggestion.property.as_ref().map(|(ty, field)| description(&schemas, ty, field).to_owned());
        Offer {
            label: suggestion.label,
            detail: suggestion.detail,
            info: info.unwrap_or_default(),
            insert: suggestion.insert,
        }
    };
    let items = completion.suggestions.into_iter().map(offer).collect();
    to_js(&Offers { length: completion.length, items })
}

fn to_js(value: &impl Serialize) -> Result<JsValue, JsValue> {
    let json = serde_json::to_string(value).map_err(|error| JsValue::from_str(&error.to_string()))?;
    js_sys::JSON::parse(&json)
}
