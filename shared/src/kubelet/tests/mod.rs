//! Tests of the pod worker: its life as scripts, and laws that hold for any order of events.

mod laws;
mod names;
mod script;
