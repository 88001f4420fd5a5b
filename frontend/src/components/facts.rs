//! Labels and values in two columns.

use yew::prelude::*;

/// Properties of [`Facts`].
#[derive(Properties, PartialEq)]
pub(super) struct FactsProps {
    /// Labels and values; those without a value are left out.
    pub facts: Vec<(String, String)>,
}

/// A description list.
#[component]
pub(super) fn Facts(props: &FactsProps) -> Html {
    let fact = |(label, value): &(String, String)| {
        html! { <div class="facts__row"><dt>{ label }</dt><dd>{ value }</dd></div> }
    };
    html! { <dl class="facts">{ for props.facts.iter().filter(|(_, value)| !value.is_empty()).map(fact) }</dl> }
}
