//! The runtime with a real program, built from `backend/images/testguest`.

mod disk;
mod endings;
mod images;
mod limits;
mod networking;
mod programs;
mod streams;
mod world;
