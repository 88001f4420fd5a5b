//! The store's promises, from outside: one suite for every engine, and crashes for the one on disk.

mod behaviour;
mod disk;
mod engine;
mod files;
mod kill;
mod load;
mod power_cut;
mod replay;
mod watch;
