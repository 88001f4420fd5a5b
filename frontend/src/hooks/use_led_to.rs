//! The pods behind the Service that is looked at.

use std::collections::BTreeSet;
use std::rc::Rc;

use yew::prelude::*;

use super::{use_cluster, use_ui};
use crate::state::cluster::{Cluster, Watched};
use crate::state::service::endpoints;
use crate::state::ui::Selection;

/// The uids of pods.
pub type LedTo = Rc<BTreeSet<String>>;

/// The pods that the selected Service leads to; none where no Service is selected.
#[hook]
pub fn use_led_to() -> LedTo {
    let cluster = use_cluster().cluster;
    let pods = pods(&cluster, use_ui().selection.as_ref());
    // The same set keeps its place, so that no pod is drawn anew for nothing.
    use_memo(pods, BTreeSet::clone)
}

fn pods(cluster: &Cluster, selection: Option<&Selection>) -> BTreeSet<String> {
    let Some(Selection::Service(key)) = selection else { return BTreeSet::new() };
    let (services, slices) = (cluster.of(Watched::Services), cluster.of(Watched::EndpointSlices));
    let service = services.get(key);
    let endpoints = service.into_iter().flat_map(|service| endpoints(&slices, service));
    endpoints.map(|endpoint| endpoint.pod.1).filter(|uid| !uid.is_empty()).collect()
}
