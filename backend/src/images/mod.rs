//! Images: what a kubelet needs of one, and which ones the program brings along. How they are named,
//! `shared::image_reference` knows.

pub mod builtin;
mod image;

pub use builtin::Builtin;
pub use image::{Executable, Image, Launch, ProgramFile, Root};
pub use shared::image_reference::{Reference, ReferenceError};
