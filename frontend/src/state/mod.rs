//! The page's state: reducers and derivations over plain data. Nothing here knows the browser, so
//! all of it is tested natively.

pub mod apply;
pub mod audit;
pub mod backoff;
pub mod cluster;
pub mod collection;
pub mod completion;
pub mod connection;
pub mod containers;
pub mod decoded;
pub mod draft;
pub mod event;
pub mod examples;
pub mod forecast;
pub mod judgement;
pub mod kinds;
pub mod life;
pub mod line_keys;
pub mod log;
pub mod measured;
pub mod node;
pub mod object;
pub mod pod;
pub mod reflector;
pub mod resource;
pub mod service;
pub mod session;
pub mod time;
pub mod ui;
