//! Why the scheduler did with a pod what it did.

use shared::scheduler::Decision;
use yew::prelude::*;

use crate::client::decisions;
use crate::client::task::Task;

/// The scheduler's newest decision about a pod; asked for anew when `moment` changes.
#[hook]
pub fn use_decision(uid: &str, moment: &str) -> Option<Decision> {
    let decision = use_state(|| None);
    let setter = decision.setter();
    use_effect_with((uid.to_owned(), moment.to_owned()), move |(uid, _)| {
        let uid = uid.clone();
        let task = Task::spawn(async move { setter.set(decisions::of_pod(&uid).await) });
        move || drop(task)
    });
    (*decision).clone()
}
