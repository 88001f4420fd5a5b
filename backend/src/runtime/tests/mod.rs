//! The runtime with a real program, built from `backend/images/testguest`.

mod disk;
mod endings;
mod hostile;
mod http;
mod images;
mod inetd;
mod limits;
mod networking;
mod programs;
mod streams;
mod working_dir;
mod world;
