//! Quantities finer than a thousandth, which upstream rounds up.
//!
//! Follows kubernetes `pkg/apis/core/v1/defaults.go` (`SetDefaults_ResourceList`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::validation::amount::Amount;

/// Rounds quantities up to whole thousandths.
pub(super) fn round_up(quantities: &mut Option<BTreeMap<String, Quantity>>) {
    for quantity in quantities.iter_mut().flat_map(|quantities| quantities.values_mut()) {
        if let Some(amount) = Amount::of(quantity).filter(|amount| amount.is_finer_than_milli()) {
            *quantity = Quantity(milli_text(amount.milli_rounded_up()));
        }
    }
}

/// Thousandths in the canonical form: `2`, `1500m`.
fn milli_text(milli: i128) -> String {
    if milli % 1000 == 0 { (milli / 1000).to_string() } else { format!("{milli}m") }
}
