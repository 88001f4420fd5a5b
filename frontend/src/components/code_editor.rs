//! The place where CodeMirror lives; until it is loaded, and if it cannot be, a plain text field.

use std::rc::Rc;

use web_sys::{HtmlElement, HtmlTextAreaElement};
use yew::prelude::*;

use crate::client::editor::{Editor, EditorModule, Listener, Mark};
use crate::client::task::Task;
use crate::hooks::use_words;
use crate::state::draft::{Problem, Severity};

/// A text that comes from outside the editor; a new number puts it in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    /// Which text this is.
    pub number: u32,
    /// The text.
    pub text: String,
}

/// Properties of [`CodeEditor`].
#[derive(Clone, Properties, PartialEq)]
pub(super) struct CodeEditorProps {
    /// The text as it is now.
    pub text: String,
    /// What was last put in from outside.
    pub source: Source,
    /// What to mark.
    pub problems: Vec<Problem>,
    /// Where to put the cursor: a number that changes with each wish, line and column.
    pub reveal: Option<(u32, usize, usize)>,
    /// The text changed.
    pub on_change: Callback<String>,
    /// The user asks to apply.
    pub on_apply: Callback<()>,
}

/// The editor.
#[component]
pub(super) fn CodeEditor(props: &CodeEditorProps) -> Html {
    let words = use_words();
    let place = use_node_ref();
    let editor = use_state(|| None::<Rc<Editor>>);
    // The editor outlives the render that made it, so it asks for the newest properties.
    let newest = use_mut_ref(|| props.clone());
    *newest.borrow_mut() = props.clone();
    let plain = use_node_ref();
    {
        let (place, plain, setter, words) = (place.clone(), plain.clone(), editor.setter(), words.clone());
        use_effect_with((), move |()| {
            let task = Task::spawn(async move {
                // Without the module the plain text field stays.
                let Ok(module) = EditorModule::load().await else { return };
                let Some(parent) = place.cast::<HtmlElement>() else { return };
                let (changed, applied, text) = (newest.clone(), newest.clone(), newest.borrow().text.clone());
                let listener = Listener {
                    on_change: Box::new(move |text| {
                        let on_change = changed.borrow().on_change.clone();
                        on_change.emit(text);
                    }),
                    on_apply: Box::new(move || {
                        let on_apply = applied.borrow().on_apply.clone();
                        on_apply.emit(());
                    }),
                };
                let opened = module.open(&parent, &text, &words, listener).ok();
                let cursor = plain.cast::<HtmlTextAreaElement>().and_then(|field| cursor_in(&field));
                if let (Some(editor), Some(cursor)) = (&opened, cursor) {
                    editor.focus(cursor);
                }
                setter.set(opened);
            });
            move || drop(task)
        });
    }
    use_effect_with((editor.clone(), props.source.clone()), |(editor, source)| {
        if let Some(editor) = &**editor {
            editor.replace(&source.text);
        }
    });
    use_effect_with((editor.clone(), props.problems.clone()), |(editor, problems)| {
        if let Some(editor) = &**editor {
            editor.show(&problems.iter().map(mark).collect::<Vec<_>>());
        }
    });
    use_effect_with((editor.clone(), props.reveal), |(editor, reveal)| {
        if let (Some(editor), Some((_, line, column))) = (&**editor, reveal) {
            editor.reveal(*line as u32, *column as u32);
        }
    });
    let on_apply = props.on_apply.clone();
    let onkeydown = Callback::from(move |event: KeyboardEvent| {
        if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
            event.prevent_default();
            on_apply.emit(());
        }
    });
    let oninput = props
        .on_change
        .reform(|event: InputEvent| event.target_unchecked_into::<HtmlTextAreaElement>().value());
    html! {
        <div class="code">
            <div class="code__mirror" ref={place} hidden={editor.is_none()}></div>
            if editor.is_none() {
                <textarea class="code__plain" ref={plain} spellcheck="false" aria-label={words.say("editor.label")} value={props.text.clone()} {oninput} {onkeydown} />
            }
        </div>
    }
}

/// Where the cursor is, in UTF-16 units, if the field has it.
fn cursor_in(field: &HtmlTextAreaElement) -> Option<u32> {
    let active = field.owner_document()?.active_element()?;
    let is_active = active.is_same_node(Some(field));
    field.selection_start().ok().flatten().filter(|_| is_active)
}

fn mark(problem: &Problem) -> Mark {
    Mark {
        line: problem.from.0 as u32,
        column: problem.from.1 as u32,
        end_line: problem.to.0 as u32,
        end_column: problem.to.1 as u32,
        severity: if problem.severity == Severity::Error { "error" } else { "warning" },
        message: problem.message.clone(),
    }
}
