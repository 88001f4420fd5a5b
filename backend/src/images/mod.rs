//! Images: what a kubelet needs of one ([`image`]), which ones the program brings along ([`builtin`]), and which
//! ones the nodes have from registries: [`pull`] asks them by way of [`remote`], [`unpack`] makes files of layers, and
//! [`store`] keeps it all, on [`content`]. How they are
//! named, `shared::image_reference` knows; what is decided about them, `shared::images`.

pub mod builtin;
pub mod content;
mod image;
pub mod pull;
pub mod registry;
pub mod remote;
pub mod store;
mod unpack;

pub use builtin::Builtin;
pub use image::{Executable, Image, Launch, ProgramFile, Root};
pub use pull::{ImageService, Progress, refused};
pub use registry::Registry;
pub use remote::{AuthorityFile, Registries, RegistryOptions};
pub use shared::image_reference::{Reference, ReferenceError};
pub use store::{ImageStore, NodeImages};
