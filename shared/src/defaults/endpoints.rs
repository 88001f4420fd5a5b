//! Endpoints.
//!
//! Follows kubernetes `pkg/apis/core/v1/defaults.go` (`SetDefaults_Endpoints`).

use k8s_openapi::api::core::v1::Endpoints;

use super::{Defaults, text};

impl Defaults for Endpoints {
    fn apply(&mut self) {
        for subset in self.subsets.iter_mut().flatten() {
            for port in subset.ports.iter_mut().flatten() {
                text(&mut port.protocol, "TCP");
            }
        }
    }
}
