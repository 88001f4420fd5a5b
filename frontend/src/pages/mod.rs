//! The pages. There is one.

pub mod cluster;
