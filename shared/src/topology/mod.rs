//! The cluster as a picture: objects in, boxes with coordinates out.
//!
//! A pipeline of pure steps: [`Topology::next`] turns objects into nodes with pods in slots that
//! stay the same from one picture to the next, [`layout::layout`] gives every box its place for a
//! given width. What is drawn, and how, is the page's affair.

pub mod graph;
pub mod layout;
pub mod node_box;
pub mod pod_state;
pub mod pod_status;
pub mod slots;

#[cfg(test)]
mod tests;

pub use graph::{Item, Objects, PodView, ServiceView, Topology, WaitingReason};
pub use layout::{Layout, Metrics, Rect, layout};
pub use node_box::{NodeBox, Usage};
pub use pod_state::PodState;
