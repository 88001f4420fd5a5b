//! A program in a container, at a terminal: what `kubectl exec -it` and `kubectl attach -it` are.

use std::rc::Rc;

use serde_json::Value;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use super::container_picker::ContainerPicker;
use super::icon::{Glyph, Icon};
use crate::hooks::{Phase, TerminalState, use_terminal, use_words};
use crate::i18n::Words;
use crate::state::containers::{PodContainer, containers, meant};
use crate::state::object::{name, namespace};
use crate::state::session::{Action, End, SessionRequest, words as split};

/// What is offered to run; any image with a shell has the first.
const PROGRAMS: [&str; 4] = ["sh", "ls -l /", "env", "cat /etc/hosts"];

/// Properties of [`TerminalTab`].
#[derive(Properties, PartialEq)]
pub(super) struct TerminalTabProps {
    /// The pod.
    pub pod: Rc<Value>,
    /// Whether the pod is deleted.
    pub is_gone: bool,
    /// Whether it is in sight; a session goes on while it is not.
    pub is_shown: bool,
}

/// The terminal of a pod.
#[component]
pub(super) fn TerminalTab(props: &TerminalTabProps) -> Html {
    let words = use_words();
    let place = use_node_ref();
    let terminal = use_terminal(place.clone());
    let chosen = use_state(|| None::<String>);
    let program = use_state(|| PROGRAMS[0].to_owned());
    let attaches = use_state(|| false);
    let containers = containers(&props.pod);
    let Some(container) = meant(&props.pod, &containers, chosen.as_deref()).cloned() else {
        return Html::default();
    };
    let action = match (*attaches && container.is_attachable(), split(&program)) {
        (true, _) => Some(Action::Attach { stdin: container.stdin, tty: container.tty }),
        (false, command) => command.map(Action::Run),
    };
    let request = action.map(|action| SessionRequest {
        namespace: namespace(&props.pod).to_owned(),
        pod: name(&props.pod).to_owned(),
        container: container.name.clone(),
        action,
    });
    let on_choose = {
        let chosen = chosen.setter();
        Callback::from(move |name| chosen.set(Some(name)))
    };
    let is_idle = terminal.phase == Phase::Idle;
    html! {
        <div class="terminal" hidden={!props.is_shown}>
            <form class="logs__tools" onsubmit={on_submit(&terminal, request.clone())}>
                <ContainerPicker current={container.name.clone()} {containers} {on_choose} />
                { what_to_do(&words, &container, &attaches, &program) }
                { button(&words, &terminal, request.is_some() && !props.is_gone) }
                if !is_idle {
                    <button type="button" class="button button--quiet" onclick={terminal.copy.reform(|_| ())}><Icon glyph={Glyph::Copy} />{ words.say("yaml.copy") }</button>
                }
                { state(&words, &terminal.phase) }
            </form>
            { refusal(&words, &terminal.phase, &program) }
            if is_idle {
                <p class="empty">{ words.say("terminal.hint") }</p>
            }
            <div class="terminal__screen" hidden={is_idle}><div class="terminal__place" ref={place}></div></div>
        </div>
    }
}

/// Begins a session, or ends the one that goes on.
fn on_submit(terminal: &TerminalState, request: Option<SessionRequest>) -> Callback<SubmitEvent> {
    let terminal = terminal.clone();
    Callback::from(move |event: SubmitEvent| {
        event.prevent_default();
        match (&terminal.phase, &request) {
            (Phase::Connecting | Phase::Open, _) => terminal.disconnect.emit(()),
            (_, Some(request)) => terminal.connect.emit(request.clone()),
            _ => {}
        }
    })
}

/// Run a program, or go to the container's own where that takes keys.
fn what_to_do(
    words: &Words,
    container: &PodContainer,
    attaches: &UseStateHandle<bool>,
    program: &UseStateHandle<String>,
) -> Html {
    let on_way = {
        let attaches = attaches.setter();
        Callback::from(move |event: Event| {
            let select = event.target_dyn_into::<HtmlSelectElement>();
            attaches.set(select.is_some_and(|select| select.value() == "attach"));
        })
    };
    let oninput = {
        let program = program.setter();
        Callback::from(move |event: InputEvent| {
            program.set(event.target_unchecked_into::<HtmlInputElement>().value());
        })
    };
    let is_attached = **attaches && container.is_attachable();
    html! {
        <>
            if container.is_attachable() {
                <select class="select terminal__way" aria-label={words.say("terminal.way")} onchange={on_way}>
                    <option value="run" selected={!is_attached}>{ words.say("terminal.run") }</option>
                    <option value="attach" selected={is_attached}>{ words.say("terminal.attach") }</option>
                </select>
            }
            if !is_attached {
                <label class="field">
                    <span class="field__label">{ words.say("terminal.program") }</span>
                    <input class="input terminal__program" list="terminal-programs" autocapitalize="off" autocomplete="off" spellcheck="false" value={(**program).clone()} {oninput} />
                </label>
                <datalist id="terminal-programs">{ for PROGRAMS.map(|program| html! { <option value={program} /> }) }</datalist>
            }
        </>
    }
}

fn button(words: &Words, terminal: &TerminalState, can_begin: bool) -> Html {
    let (text, class, is_disabled) = match terminal.phase {
        Phase::Connecting | Phase::Open => ("terminal.disconnect", "button--quiet", false),
        Phase::Idle => ("terminal.connect", "button--primary", !can_begin),
        Phase::Ended(_) => ("terminal.again", "button--primary", !can_begin),
    };
    html! { <button type="submit" class={classes!("button", class, "terminal__connect")} disabled={is_disabled}>{ words.say(text) }</button> }
}

fn state(words: &Words, phase: &Phase) -> Html {
    let text = match phase {
        Phase::Idle | Phase::Ended(End::Refused(..)) => return Html::default(),
        Phase::Connecting => words.say("connection.connecting"),
        Phase::Open => words.say("terminal.open"),
        Phase::Ended(End::Exited(code)) => words.fill("terminal.exited", &[("code", &code.to_string())]),
        Phase::Ended(End::Disconnected) => words.say("terminal.disconnected"),
    };
    let live = (*phase == Phase::Open).then_some("logs__state--live");
    html! { <span class={classes!("logs__state", "terminal__state", live)} role="status">{ text }</span> }
}

/// Why nothing was started: first in the page's words, then in the server's.
fn refusal(words: &Words, phase: &Phase, program: &str) -> Html {
    let Phase::Ended(End::Refused(why, message)) = phase else { return Html::default() };
    let explained = words.member("terminal", why.slug()).replace("{program}", program);
    html! {
        <div class="note note--warning terminal__refusal" role="alert">
            <p>{ explained }</p>
            <p class="terminal__message">{ message }</p>
        </div>
    }
}
