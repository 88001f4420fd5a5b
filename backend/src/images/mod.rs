//! Images: how they are named, and which ones the program brings along.

pub mod builtin;
pub mod reference;

pub use builtin::{Builtin, Launch};
pub use reference::{Reference, ReferenceError};
