//! The cluster at work: programs run, find each other, fail, and come back.

#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod cases;
mod components;
mod faults;
mod foreign;
mod foreign_images;
mod hostile;
mod images;
mod ingress;
mod many;
mod network;
mod node_loss;
mod persistent_volumes;
mod place;
mod policies;
mod programs;
mod redis_image;
mod registries;
mod restart;
mod scheduling;
mod services;
mod start;
mod ways_in;
