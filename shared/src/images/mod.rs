//! What is decided about images: what a manifest describes, who may pull, whether a pull is needed, what a node
//! says it has, and which images go when the disk fills. Names of images are [`crate::image_reference`]'s.

pub mod collection;
pub mod credentials;
pub mod manifest;
pub mod node_list;
pub mod pull;
pub mod pulled;
