//! Images: which ones the program brings along. How they are named, `shared::image_reference` knows.

pub mod builtin;

pub use builtin::{Builtin, Launch};
pub use shared::image_reference::{Reference, ReferenceError};
