//! The editor with everything that belongs to a text: examples, forecast, apply, delete, answers.

use std::rc::Rc;

use serde_json::Value;
use yew::prelude::*;

use super::code_editor::{CodeEditor, Source};
use super::example_picker::ExamplePicker;
use super::forecast_strip::ForecastStrip;
use super::icon::{Glyph, Icon};
use super::outcome_list::OutcomeList;
use super::problem_list::ProblemList;
use crate::hooks::{Sending, use_draft, use_sender, use_ui, use_words};
use crate::state::examples::Example;
use crate::state::object::{ObjectKey, text};
use crate::state::ui::{Selection, UiAction};

/// The editor's pane.
#[component]
pub fn EditorPane() -> Html {
    let words = use_words();
    let ui = use_ui();
    let draft = use_draft();
    let source = use_state(|| Source { number: 0, text: draft.text.clone() });
    let reveal = use_state(|| None::<(u32, usize, usize)>);
    let sender = use_sender(Callback::from(move |objects: Vec<Value>| {
        if let Some(pod) = objects.iter().find(|object| text(object, "/kind") == "Pod") {
            ui.dispatch(UiAction::Applied(Selection::Pod(ObjectKey::of(pod))));
        }
    }));
    let send = |sending: Sending| {
        let (send, documents) = (sender.send.clone(), Rc::new(draft.content.values()));
        let is_ready = draft.content.is_ready() && !sender.busy;
        Callback::from(move |()| {
            if is_ready {
                send.emit((sending, (*documents).clone()));
            }
        })
    };
    let (apply, delete) = (send(Sending::Apply), send(Sending::Delete));
    let on_pick = {
        let (source, set_text) = (source.clone(), draft.set_text.clone());
        Callback::from(move |example: Example| {
            set_text.emit(example.text.to_owned());
            source.set(Source { number: source.number + 1, text: example.text.to_owned() });
        })
    };
    let on_reveal = {
        let reveal = reveal.clone();
        Callback::from(move |(line, column)| {
            reveal.set(Some((reveal.map_or(0, |(wish, ..)| wish + 1), line, column)))
        })
    };
    let is_disabled = !draft.content.is_ready() || sender.busy;
    html! {
        <div class="editor">
            <div class="editor__tools">
                <ExamplePicker {on_pick} />
                <span class="editor__buttons">
                    <button type="button" class="button button--quiet" disabled={is_disabled} onclick={delete.reform(|_| ())}>
                        <Icon glyph={Glyph::Trash} />{ words.say("editor.delete") }
                    </button>
                    <button type="button" class="button button--primary" disabled={is_disabled} onclick={apply.reform(|_| ())} title={words.say("editor.apply-keys")}>
                        <Icon glyph={Glyph::Send} />{ words.say(if sender.busy { "editor.applying" } else { "editor.apply" }) }
                    </button>
                </span>
            </div>
            <CodeEditor key={words.language.code()} text={draft.text.clone()} source={(*source).clone()} problems={draft.content.problems.clone()} reveal={*reveal} on_change={draft.set_text.clone()} on_apply={apply} />
            <div class="editor__foot">
                <ProblemList problems={draft.content.problems.clone()} {on_reveal} />
                <OutcomeList outcomes={sender.outcomes.clone()} />
                <ForecastStrip pod={draft.content.pod().filter(|_| draft.content.is_ready()).cloned()} />
            </div>
        </div>
    }
}
