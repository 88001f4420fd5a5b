//! What a kubelet decides: see the modules.

pub mod quality_of_service;
