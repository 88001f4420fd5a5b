//! What the user has chosen to see, kept in step with the address bar.

use std::rc::Rc;

use yew::prelude::*;

use crate::client::location;
use crate::route::Route;
use crate::state::ui::{Pane, Ui, UiAction};

impl Reducible for Ui {
    type Action = UiAction;

    fn reduce(self: Rc<Self>, action: UiAction) -> Rc<Self> {
        Rc::new(self.after(action))
    }
}

/// The choices and the way to change them.
pub type UiContext = UseReducerHandle<Ui>;

/// Properties of [`UiProvider`].
#[derive(Properties, PartialEq)]
pub struct UiProviderProps {
    /// Who may choose.
    pub children: Children,
}

/// Holds the choices for its children.
#[component]
pub fn UiProvider(props: &UiProviderProps) -> Html {
    let ui = use_reducer(|| initial(location::route()));
    let route = Route { selection: ui.selection.clone(), tab: ui.tab };
    use_effect_with(route, location::show);
    let dispatcher = ui.dispatcher();
    use_effect_with((), move |()| {
        let listener = location::on_change(move |route| {
            dispatcher.dispatch(match route.selection {
                Some(selection) => UiAction::Open(selection, route.tab),
                None => UiAction::Deselect,
            });
        });
        move || drop(listener)
    });
    html! { <ContextProvider<UiContext> context={ui}>{ props.children.clone() }</ContextProvider<UiContext>> }
}

fn initial(route: Route) -> Ui {
    let pane = if route.selection.is_some() { Pane::Details } else { Pane::Editor };
    Ui { selection: route.selection, tab: route.tab, pane, ..Ui::default() }
}

/// What the user has chosen to see.
#[hook]
pub fn use_ui() -> UiContext {
    use_context().expect("inside UiProvider")
}
