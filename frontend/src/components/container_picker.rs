//! The choice of one of a pod's containers.

use web_sys::HtmlSelectElement;
use yew::prelude::*;

use crate::hooks::use_words;
use crate::state::containers::{PodContainer, role_slug};
use shared::api::pod_containers::Role;

/// Properties of [`ContainerPicker`].
#[derive(Properties, PartialEq)]
pub(super) struct ContainerPickerProps {
    /// The pod's containers.
    pub containers: Vec<PodContainer>,
    /// The name of the one that is chosen.
    pub current: String,
    /// Another was chosen.
    pub on_choose: Callback<String>,
}

/// The containers with what they are for, in the order in which they start.
#[component]
pub(super) fn ContainerPicker(props: &ContainerPickerProps) -> Html {
    let words = use_words();
    let onchange = props.on_choose.reform(|event: Event| {
        event.target_dyn_into::<HtmlSelectElement>().map(|select| select.value()).unwrap_or_default()
    });
    let option = |container: &PodContainer| {
        let name = &container.name;
        let label = match container.role {
            Role::Main => name.clone(),
            role => format!("{name} ({})", words.member("role", role_slug(role))),
        };
        html! { <option value={name.clone()} selected={*name == props.current}>{ label }</option> }
    };
    html! {
        <label class="field">
            <span class="field__label">{ words.say("logs.container") }</span>
            <select class="select" {onchange}>{ for props.containers.iter().map(option) }</select>
        </label>
    }
}
