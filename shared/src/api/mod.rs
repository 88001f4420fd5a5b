//! The API's objects and the rules that every object follows.

pub use k8s_openapi;

pub mod events;
pub mod fields;
pub mod labels;
pub mod object;
pub mod patch;
pub mod pod_containers;
pub mod printers;
pub mod quantity;
pub mod schema;
pub mod scheme;
pub mod status;
pub mod strict;
pub mod table;
