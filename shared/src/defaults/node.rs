//! Nodes.
//!
//! Follows kubernetes `pkg/apis/core/v1/defaults.go` (`SetDefaults_NodeStatus`).

use k8s_openapi::api::core::v1::Node;

use super::Defaults;
use super::quantity::round_up;

impl Defaults for Node {
    fn apply(&mut self) {
        let Some(status) = &mut self.status else { return };
        if status.allocatable.is_none() {
            status.allocatable = status.capacity.clone();
        }
        round_up(&mut status.capacity);
        round_up(&mut status.allocatable);
    }
}
