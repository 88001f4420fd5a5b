//! EndpointSlices.
//!
//! Follows kubernetes `pkg/apis/discovery/v1/defaults.go` (`SetDefaults_EndpointPort`).

use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::Defaults;

impl Defaults for EndpointSlice {
    fn apply(&mut self) {
        for port in self.ports.iter_mut().flatten() {
            // Both are pointers upstream, so that empty text is an answer too.
            port.name.get_or_insert_default();
            port.protocol.get_or_insert_with(|| "TCP".to_owned());
        }
    }
}
