//! The object itself, as `kubectl get -o yaml` prints it.

use std::rc::Rc;

use serde_json::Value;
use yew::prelude::*;

use super::icon::{Glyph, Icon};
use crate::client::document;
use crate::hooks::use_words;

/// Properties of [`YamlTab`].
#[derive(Properties, PartialEq)]
pub(super) struct YamlTabProps {
    /// The object.
    pub object: Rc<Value>,
}

/// An object as YAML.
#[component]
pub(super) fn YamlTab(props: &YamlTabProps) -> Html {
    let words = use_words();
    let text = shared::yaml::write(&without_managed_fields(&props.object));
    let onclick = {
        let text = text.clone();
        Callback::from(move |_: MouseEvent| document::copy(&text))
    };
    html! {
        <div class="yaml">
            <button type="button" class="button button--quiet yaml__copy" {onclick}><Icon glyph={Glyph::Copy} />{ words.say("yaml.copy") }</button>
            <pre class="log" tabindex="0" aria-label={words.say("yaml.label")}>{ text }</pre>
        </div>
    }
}

/// kubectl leaves out `metadata.managedFields` unless asked.
fn without_managed_fields(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("managedFields");
    }
    object
}
