//! Quantities as exact numbers, for the comparisons that validation and defaulting make.
//!
//! Follows apimachinery `pkg/api/resource/quantity.go`.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::api::quantity;

const NANO: i128 = 1_000_000_000;

/// The sentence for text that is no quantity.
pub(crate) const QUANTITY_MESSAGE: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/// A quantity's value in billionths, rounded up as upstream rounds; huge values saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Amount(i128);

impl Amount {
    /// Reads a quantity; `None` for text that is none.
    pub(crate) fn of(quantity: &Quantity) -> Option<Amount> {
        quantity::Quantity::try_from(quantity).ok().map(|quantity| Amount(quantity.nanos()))
    }

    /// Whether it is below zero.
    pub(crate) fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether it is zero.
    pub(crate) fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether it is a whole number when counted in thousandths.
    pub(crate) fn is_integer(self) -> bool {
        self.0 % NANO == 0
    }

    /// Whether it is a whole number of units; a unit of zero has no multiples.
    pub(crate) fn is_multiple_of(self, unit: Amount) -> bool {
        self.0.checked_rem(unit.0) == Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Option<Amount> {
        Amount::of(&Quantity(text.to_owned()))
    }

    #[test]
    fn equal_quantities_should_compare_equal_however_written() {
        for (a, b) in [("1", "1000m"), ("1.5", "1500m"), ("1Ki", "1024"), ("1e3", "1k"), ("0.5Gi", "512Mi")] {
            assert_eq!(amount(a), amount(b), "{a} {b}");
            assert!(amount(a).is_some());
        }
        assert!(amount("64Mi") < amount("1Gi"));
        assert!(amount("1Ei") > amount("900P"));
        assert!(amount("-1").unwrap().is_negative());
        assert!(!amount("1500m").unwrap().is_integer());
    }

    #[test]
    fn text_that_is_no_quantity_should_be_refused() {
        for text in ["", "abc", "1.2.3", "1 Gi", "1gi"] {
            assert_eq!(amount(text), None, "{text}");
        }
    }
}
