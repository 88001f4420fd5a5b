//! Deployments.
//!
//! Follows kubernetes `pkg/apis/apps/v1/defaults.go` (`SetDefaults_Deployment`).

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Defaults, pod, text};

const REVISION_HISTORY_LIMIT: i32 = 10;
const PROGRESS_DEADLINE_SECONDS: i32 = 600;
const ROLLING_SHARE: &str = "25%";

impl Defaults for Deployment {
    fn apply(&mut self) {
        let spec = &mut self.spec;
        spec.replicas.get_or_insert(1);
        pod::apply_to_template(&mut spec.template);
        let strategy = spec.strategy.get_or_insert_default();
        text(&mut strategy.type_, "RollingUpdate");
        if strategy.type_.as_deref() == Some("RollingUpdate") {
            let share = || IntOrString::String(ROLLING_SHARE.to_owned());
            let rolling = strategy.rolling_update.get_or_insert_default();
            rolling.max_unavailable.get_or_insert_with(share);
            rolling.max_surge.get_or_insert_with(share);
        }
        spec.revision_history_limit.get_or_insert(REVISION_HISTORY_LIMIT);
        spec.progress_deadline_seconds.get_or_insert(PROGRESS_DEADLINE_SECONDS);
    }
}
