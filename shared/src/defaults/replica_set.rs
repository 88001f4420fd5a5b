//! ReplicaSets.
//!
//! Follows kubernetes `pkg/apis/apps/v1/defaults.go` (`SetDefaults_ReplicaSet`).

use k8s_openapi::api::apps::v1::ReplicaSet;

use super::{Defaults, pod};

impl Defaults for ReplicaSet {
    fn apply(&mut self) {
        self.spec.replicas.get_or_insert(1);
        pod::apply_to_template(self.spec.template.get_or_insert_default());
    }
}
