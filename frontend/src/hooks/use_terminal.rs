//! A terminal with a session in a container. What was printed stays as long as the terminal is there.

use std::cell::RefCell;
use std::rc::Rc;

use futures::channel::mpsc::{self, UnboundedSender};
use shared::kubelet::line_discipline::{LineDiscipline, on_output};
use web_sys::HtmlElement;
use yew::prelude::*;

use super::use_words;
use crate::client::document;
use crate::client::session;
use crate::client::task::Task;
use crate::client::terminal::Terminal;
use crate::i18n::Words;
use crate::state::line_keys::LineKeys;
use crate::state::session::{End, Input, SessionRequest};

/// How far a session is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Phase {
    /// None was asked for.
    #[default]
    Idle,
    /// The server has not answered yet.
    Connecting,
    /// Keys reach the program.
    Open,
    /// It is over.
    Ended(End),
}

/// A terminal and what can be done with it.
#[derive(Clone, PartialEq)]
pub struct TerminalState {
    /// How far its session is.
    pub phase: Phase,
    /// Begins another session.
    pub connect: Callback<SessionRequest>,
    /// Ends the session.
    pub disconnect: Callback<()>,
    /// Copies what is selected, or all of it.
    pub copy: Callback<()>,
}

/// What a terminal is made of while it lives. Nothing of it stays borrowed while the browser is called, which may
/// call back at once.
#[derive(Default)]
struct Desk {
    terminal: Option<Rc<Terminal>>,
    input: Option<UnboundedSender<Input>>,
    keys: LineKeys,
    /// The line that is being typed, where the program has no terminal of its own.
    line: Option<LineDiscipline>,
    task: Option<Task>,
}

type SharedDesk = Rc<RefCell<Desk>>;

/// A terminal below the element of `place`.
#[hook]
pub fn use_terminal(place: NodeRef) -> TerminalState {
    let words = use_words();
    let desk: SharedDesk = use_mut_ref(Desk::default);
    let phase = use_state(Phase::default);
    {
        let desk = desk.clone();
        use_effect_with((), move |()| move || drop(desk.take()));
    }
    let connect = {
        let (desk, phase) = (desk.clone(), phase.setter());
        Callback::from(move |request: SessionRequest| {
            let (own, phase, place, words) = (desk.clone(), phase.clone(), place.clone(), words.clone());
            let task = Task::spawn(async move {
                phase.set(Phase::Connecting);
                let end = match terminal(&own, &place, &words).await {
                    Some(terminal) => serve(&own, &terminal, &request, || phase.set(Phase::Open)).await,
                    None => End::Disconnected,
                };
                own.borrow_mut().input = None;
                phase.set(Phase::Ended(end));
            });
            desk.borrow_mut().task = Some(task);
        })
    };
    let disconnect = {
        let desk = desk.clone();
        Callback::from(move |()| desk.borrow_mut().input = None)
    };
    let copy = Callback::from(move |()| {
        let terminal = desk.borrow().terminal.clone();
        if let Some(terminal) = terminal {
            document::copy(&terminal.text());
        }
    });
    TerminalState { phase: (*phase).clone(), connect, disconnect, copy }
}

/// The terminal, which is made for the first session.
async fn terminal(desk: &SharedDesk, place: &NodeRef, words: &Words) -> Option<Rc<Terminal>> {
    let known = desk.borrow().terminal.clone();
    if known.is_some() {
        return known;
    }
    let (keys, sizes) = (desk.clone(), desk.clone());
    let on_data = move |text: String| type_in(&keys, text);
    let on_resize = move |columns, rows| send(&sizes, Input::Size(columns, rows));
    let made = Terminal::open(&place.cast::<HtmlElement>()?, words, on_data, on_resize).await.ok()?;
    let made = Rc::new(made);
    desk.borrow_mut().terminal = Some(made.clone());
    Some(made)
}

async fn serve(desk: &SharedDesk, terminal: &Terminal, request: &SessionRequest, opened: impl Fn()) -> End {
    let (input, received) = mpsc::unbounded();
    let has_terminal = request.has_terminal();
    {
        let mut desk = desk.borrow_mut();
        desk.input = Some(input);
        desk.line = (!has_terminal).then(LineDiscipline::default);
    }
    let (columns, rows) = terminal.size();
    send(desk, Input::Size(columns, rows));
    // In a line of its own, whatever was printed last, and dimmed.
    terminal.write(format!("\r\x1b[K\x1b[0;2m$ {}\x1b[0m\r\n", request.kubectl()).as_bytes());
    terminal.focus();
    let show = |bytes: &[u8]| match has_terminal {
        true => terminal.write(bytes),
        false => terminal.write(&on_output(bytes)),
    };
    let end = session::run(request, received, opened, show).await;
    terminal.write(b"\x1b[0m\r\n");
    end
}

fn send(desk: &SharedDesk, input: Input) {
    if let Some(session) = &desk.borrow().input {
        // A session that ended takes nothing any more.
        let _ = session.unbounded_send(input);
    }
}

/// Hands keys to the program; where it has no terminal of its own, the page makes lines of them as one would.
fn type_in(desk: &SharedDesk, text: String) {
    let text = desk.borrow_mut().keys.on_typed(&text);
    let typed = desk.borrow_mut().line.as_mut().map(|line| line.on_typed(text.as_bytes()));
    let Some(typed) = typed else { return send(desk, Input::Keys(text)) };
    if !typed.input.is_empty() {
        send(desk, Input::Keys(String::from_utf8_lossy(&typed.input).into_owned()));
    }
    if !typed.ends.is_empty() {
        send(desk, Input::End);
    }
    let terminal = {
        let mut desk = desk.borrow_mut();
        // As with kubectl, `^C` ends the client and not the program.
        desk.input = desk.input.take().filter(|_| typed.signal.is_none());
        desk.terminal.clone()
    };
    if let Some(terminal) = terminal {
        terminal.write(&typed.echo);
    }
}
