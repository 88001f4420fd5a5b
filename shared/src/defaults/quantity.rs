//! Quantities finer than a thousandth, which upstream rounds up.
//!
//! Follows kubernetes `pkg/apis/core/v1/defaults.go` (`SetDefaults_ResourceList`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as WireQuantity;

use crate::api::quantity::Quantity;

/// Rounds quantities up to whole thousandths.
pub(super) fn round_up(quantities: &mut Option<BTreeMap<String, WireQuantity>>) {
    for wire in quantities.iter_mut().flat_map(|quantities| quantities.values_mut()) {
        if let Some(rounded) =
            Quantity::try_from(&*wire).ok().and_then(|quantity| quantity.milli_rounded_up())
        {
            *wire = rounded.into();
        }
    }
}
