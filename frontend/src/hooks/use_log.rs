//! A container's log, followed while somebody looks at it.

use std::rc::Rc;
use std::time::Duration;

use yew::prelude::*;

use crate::client::clock;
use crate::client::http::RequestError;
use crate::client::log::{self, LogRequest};
use crate::client::task::Task;
use crate::state::log::LogLines;

/// How long to wait before a log that ended or was refused is asked for again.
const PAUSE: Duration = Duration::from_secs(2);

/// A log as far as it has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogState {
    /// The lines.
    pub lines: LogLines,
    /// Whether it is still being written.
    pub following: bool,
    /// Why there is none.
    pub error: Option<RequestError>,
}

/// Something that happened to a log.
pub enum LogAction {
    /// It was asked for (again).
    Started,
    /// More of it came.
    Text(String),
    /// It ended, or was refused.
    Ended(Option<RequestError>),
}

impl Reducible for LogState {
    type Action = LogAction;

    fn reduce(self: Rc<Self>, action: LogAction) -> Rc<Self> {
        let mut next = Rc::unwrap_or_clone(self);
        match action {
            // The reason of the last refusal stays in sight until there is something better to show.
            LogAction::Started => {
                next = LogState { following: true, error: next.error, ..LogState::default() }
            }
            LogAction::Text(text) => {
                next.lines.push(&text);
                next.error = None;
            }
            LogAction::Ended(error) => {
                next.following = false;
                next.error = error;
            }
        }
        next.into()
    }
}

/// Follows a log. `run` names the container's run (its ID): when another begins, its log is
/// followed from the start.
#[hook]
pub fn use_log(request: &LogRequest, run: &str) -> Rc<LogState> {
    let state = use_reducer(LogState::default);
    let dispatcher = state.dispatcher();
    use_effect_with((request.clone(), run.to_owned()), move |(request, _)| {
        let request = request.clone();
        let task = Task::spawn(async move {
            loop {
                dispatcher.dispatch(LogAction::Started);
                let text = dispatcher.clone();
                let result = log::follow(&request, move |piece| text.dispatch(LogAction::Text(piece))).await;
                let ended = result.is_ok();
                dispatcher.dispatch(LogAction::Ended(result.err()));
                if ended {
                    return;
                }
                // A container that does not run yet has no log yet.
                clock::sleep(PAUSE).await;
            }
        });
        move || drop(task)
    });
    Rc::new((*state).clone())
}
