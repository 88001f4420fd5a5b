//! Secrets.
//!
//! Follows kubernetes `pkg/apis/core/v1/defaults.go` (`SetDefaults_Secret`) and, for `stringData`,
//! `pkg/apis/core/v1/conversion.go` (`Convert_v1_Secret_To_core_Secret`).

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use super::{Defaults, text};

impl Defaults for Secret {
    fn apply(&mut self) {
        text(&mut self.type_, "Opaque");
        // Text that was written for convenience becomes data and is never read again.
        for (key, value) in self.string_data.take().into_iter().flatten() {
            self.data.get_or_insert_default().insert(key, ByteString(value.into_bytes()));
        }
    }
}
