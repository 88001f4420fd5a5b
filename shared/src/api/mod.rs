//! The API's objects and the rules that every object follows.

pub use k8s_openapi;

pub mod object;
pub mod scheme;
pub mod events;
pub mod schema;
pub mod status;
pub mod quantity;
pub mod labels;
pub mod fields;
pub mod patch;
pub mod strict;
pub mod table;
pub mod printers;
