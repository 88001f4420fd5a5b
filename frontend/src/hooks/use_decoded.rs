//! Nodes and pods as types, decoded anew only where they changed.

use std::ops::Deref;
use std::rc::Rc;

use yew::prelude::*;

use crate::state::cluster::{Cluster, Watched};
use crate::state::collection::Collection;
use crate::state::decoded::{Decoded, Decoder};

/// Decoded objects that equal others only if they are the same ones.
#[derive(Clone)]
pub struct SharedDecoded(Rc<Decoded>);

impl PartialEq for SharedDecoded {
    fn eq(&self, other: &SharedDecoded) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for SharedDecoded {
    type Target = Decoded;

    fn deref(&self) -> &Decoded {
        &self.0
    }
}

/// Collections that are compared by allocation: they are replaced, never changed.
struct Inputs(Rc<Collection>, Rc<Collection>);

impl PartialEq for Inputs {
    fn eq(&self, other: &Inputs) -> bool {
        Rc::ptr_eq(&self.0, &other.0) && Rc::ptr_eq(&self.1, &other.1)
    }
}

/// The nodes and pods of a cluster as types.
#[hook]
pub(super) fn use_decoded(cluster: &Cluster) -> SharedDecoded {
    let decoder = use_mut_ref(Decoder::default);
    let inputs = Inputs(cluster.of(Watched::Nodes), cluster.of(Watched::Pods));
    SharedDecoded(use_memo(inputs, |Inputs(nodes, pods)| decoder.borrow_mut().decode(nodes, pods)))
}
