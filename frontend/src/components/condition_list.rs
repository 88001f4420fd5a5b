//! The conditions of a pod or a node.

use serde_json::Value;
use yew::prelude::*;

use super::icon::{Glyph, Icon};
use crate::hooks::{use_clock, use_words};
use crate::state::object::{moment, text};
use crate::state::time::age;

/// Properties of [`ConditionList`].
#[derive(Properties, PartialEq)]
pub(super) struct ConditionListProps {
    /// `status.conditions`.
    pub conditions: Vec<Value>,
}

/// Conditions that are good when false: pressures and outages of nodes.
const GOOD_WHEN_FALSE: [&str; 5] =
    ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable", "DisruptionTarget"];

/// A table of conditions.
#[component]
pub(super) fn ConditionList(props: &ConditionListProps) -> Html {
    let words = use_words();
    let now = use_clock();
    if props.conditions.is_empty() {
        return Html::default();
    }
    let row = |condition: &Value| {
        let kind = text(condition, "/type");
        let wanted = if GOOD_WHEN_FALSE.contains(&kind) { "False" } else { "True" };
        let is_good = text(condition, "/status") == wanted;
        let (class, glyph) =
            if is_good { ("mark mark--good", Glyph::Check) } else { ("mark mark--open", Glyph::HalfCircle) };
        let why = [text(condition, "/reason"), text(condition, "/message")]
            .into_iter()
            .filter(|part| !part.is_empty());
        html! {
            <tr>
                <th scope="row">{ kind }</th>
                <td><span {class}><Icon {glyph} />{ text(condition, "/status") }</span></td>
                <td class="table__wide">{ why.collect::<Vec<_>>().join(": ") }</td>
                <td class="table__number">{ age(moment(condition, "/lastTransitionTime"), now) }</td>
            </tr>
        }
    };
    html! {
        <section class="block">
            <h3>{ words.say("details.conditions") }</h3>
            <div class="scroll-x"><table class="table"><tbody>{ for props.conditions.iter().map(row) }</tbody></table></div>
        </section>
    }
}
