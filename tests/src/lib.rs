//! What the tests share that see the system from outside: a server as a process of its own, kubectl as
//! a user types it, a browser, and waiting that ends as soon as what is awaited is there.

pub mod authority;
pub mod browser;
pub mod case;
pub mod command_line;
pub mod eventually;
pub mod figures;
pub mod foreign;
pub mod kubectl;
pub mod matching;
pub mod objects;
pub mod process;
pub mod programs;
pub mod registry;
pub mod server;
pub mod token_server;
pub mod workspace;

pub use eventually::eventually;
pub use kubectl::Kubectl;
pub use server::Server;
