//! The cluster, kept up to date for all components below.

use std::rc::Rc;

use yew::prelude::*;

use super::use_decoded::{SharedDecoded, use_decoded};
use crate::client::task::Task;
use crate::client::{audit, metrics, watch};
use crate::state::cluster::{Cluster, ClusterAction, Watched};

impl Reducible for Cluster {
    type Action = ClusterAction;

    fn reduce(self: Rc<Self>, action: ClusterAction) -> Rc<Self> {
        Rc::new(self.after(action))
    }
}

/// The cluster and the wish to hear from it at once.
#[derive(Clone, PartialEq)]
pub struct ClusterContext {
    /// What the page knows.
    pub cluster: UseReducerHandle<Cluster>,
    /// Its nodes and pods as types.
    pub decoded: SharedDecoded,
    /// Connects anew without waiting.
    pub retry: Callback<()>,
}

/// Properties of [`ClusterProvider`].
#[derive(Properties, PartialEq)]
pub struct ClusterProviderProps {
    /// Who hears.
    pub children: Children,
}

/// Follows the cluster for its children.
#[component]
pub fn ClusterProvider(props: &ClusterProviderProps) -> Html {
    let cluster = use_reducer(Cluster::default);
    let attempt = use_state(|| 0_u32);
    let decoded = use_decoded(&cluster);
    let dispatcher = cluster.dispatcher();
    use_effect_with(*attempt, move |_| {
        let tell = move |action| dispatcher.dispatch(action);
        let watches = Watched::ALL.map(|kind| Task::spawn(watch::follow(kind, tell.clone())));
        let audit = Task::spawn(audit::follow(tell.clone()));
        let metrics = Task::spawn(metrics::follow(tell));
        move || drop((watches, audit, metrics))
    });
    let retry = Callback::from(move |()| attempt.set(*attempt + 1));
    html! {
        <ContextProvider<ClusterContext> context={ClusterContext { cluster, decoded, retry }}>
            { props.children.clone() }
        </ContextProvider<ClusterContext>>
    }
}

/// The cluster as the page knows it.
#[hook]
pub fn use_cluster() -> ClusterContext {
    use_context().expect("inside ClusterProvider")
}
