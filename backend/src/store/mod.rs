//! The store's engines that touch a disk; the contract is [`shared::store::Store`].

pub mod redb;

pub use redb::{Attach, OpenError, RedbStore};
