//! The store's promises, from outside: one suite for every engine, and crashes for the one on disk.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod behaviour;
mod disk;
mod engine;
mod files;
mod kill;
mod load;
mod power_cut;
mod replay;
mod watch;
