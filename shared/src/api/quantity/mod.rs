//! Quantities: `500m` of CPU, `1Gi` of memory, compared, added and written as upstream does.
//!
//! Follows `k8s.io/apimachinery/pkg/api/resource`. A value is kept exactly, in billionths; upstream
//! too rounds anything finer up to one billionth. What lies beyond 1.7·10²⁹ is held at that bound.

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as WireQuantity;

mod parse;
#[cfg(test)]
mod tests;
mod write;

/// Billionths in one.
const NANO: i128 = 1_000_000_000;

/// A number with the notation in which it is written.
///
/// Equality and order are those of the number: `1Gi` equals `1073741824`.
#[derive(Clone, Debug)]
pub struct Quantity {
    nanos: i128,
    format: Format,
    /// The text it was read from, where upstream keeps it (`1.500` stays `1.500`).
    text: Option<Box<str>>,
}

/// The notation of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// `12e6`.
    DecimalExponent,
    /// `12Mi`: powers of 1024.
    BinarySi,
    /// `12M`: powers of 1000.
    #[default]
    DecimalSi,
}

/// Why a text is no quantity; the texts are upstream's.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseQuantityError {
    /// It does not look like a quantity at all.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// Its number is none.
    #[error("unable to parse numeric part of quantity")]
    Number,
    /// Its suffix is unknown.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

impl Quantity {
    /// A whole number.
    pub fn new(value: i64, format: Format) -> Quantity {
        Quantity::of_nanos(i128::from(value) * NANO, format)
    }

    /// A number of thousandths, such as millicores.
    pub fn from_milli(value: i64, format: Format) -> Quantity {
        Quantity::of_nanos(i128::from(value) * (NANO / 1000), format)
    }

    /// A number of bytes, written in powers of 1024.
    pub fn from_bytes(bytes: i64) -> Quantity {
        Quantity::new(bytes, Format::BinarySi)
    }

    /// Nothing.
    pub fn zero() -> Quantity {
        Quantity::new(0, Format::DecimalSi)
    }

    /// The number rounded up (away from zero) to a whole one, at most `i64::MAX`.
    pub fn value(&self) -> i64 {
        self.scaled(NANO)
    }

    /// The number in thousandths, rounded up, at most `i64::MAX`.
    pub fn milli_value(&self) -> i64 {
        self.scaled(NANO / 1000)
    }

    /// The number in billionths, exactly.
    pub fn nanos(&self) -> i128 {
        self.nanos
    }

    /// The number, as near as a float comes.
    pub fn as_f64(&self) -> f64 {
        self.nanos as f64 / NANO as f64
    }

    /// The notation.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// Whether it is less than nothing.
    pub fn is_negative(&self) -> bool {
        self.nanos < 0
    }

    /// The product, in the same notation.
    pub fn multiply(&self, factor: i64) -> Quantity {
        Quantity::of_nanos(self.nanos.saturating_mul(i128::from(factor)), self.format)
    }

    /// The number rounded up (away from zero) to whole thousandths; `None` where it is no finer.
    pub fn milli_rounded_up(&self) -> Option<Quantity> {
        let unit = NANO / 1000;
        let rest = self.nanos % unit;
        let rounded = self.nanos - rest + rest.signum() * unit;
        (rest != 0).then(|| Quantity::of_nanos(rounded, self.format))
    }

    /// The text in canonical form: no fraction, and the largest suffix that leaves none.
    pub fn canonical(&self) -> String {
        write::canonical(self.nanos, self.format)
    }

    fn of_nanos(nanos: i128, format: Format) -> Quantity {
        Quantity { nanos, format, text: None }
    }

    fn scaled(&self, unit: i128) -> i64 {
        let rounded = match self.nanos % unit {
            0 => self.nanos / unit,
            rest => self.nanos / unit + rest.signum(),
        };
        i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
    }
}

impl Default for Quantity {
    fn default() -> Quantity {
        Quantity::zero()
    }
}

impl std::str::FromStr for Quantity {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Quantity, ParseQuantityError> {
        parse::parse(text)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => f.pad(text),
            None => f.pad(&self.canonical()),
        }
    }
}

impl TryFrom<&WireQuantity> for Quantity {
    type Error = ParseQuantityError;

    /// Reads the quantity of an API object; spaces around it are ignored, as upstream's decoder does.
    fn try_from(quantity: &WireQuantity) -> Result<Quantity, ParseQuantityError> {
        quantity.0.trim().parse()
    }
}

impl From<&Quantity> for WireQuantity {
    fn from(quantity: &Quantity) -> WireQuantity {
        WireQuantity(quantity.to_string())
    }
}

impl From<Quantity> for WireQuantity {
    fn from(quantity: Quantity) -> WireQuantity {
        WireQuantity::from(&quantity)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Quantity) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Quantity) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

/// The sum has the notation of the left side, or of the right where the left is zero.
impl AddAssign<&Quantity> for Quantity {
    fn add_assign(&mut self, other: &Quantity) {
        let format = if self.is_zero() { other.format } else { self.format };
        *self = Quantity::of_nanos(self.nanos.saturating_add(other.nanos), format);
    }
}

/// The difference has the notation of the left side, or of the right where the left is zero.
impl SubAssign<&Quantity> for Quantity {
    fn sub_assign(&mut self, other: &Quantity) {
        let format = if self.is_zero() { other.format } else { self.format };
        *self = Quantity::of_nanos(self.nanos.saturating_sub(other.nanos), format);
    }
}

impl Add<&Quantity> for Quantity {
    type Output = Quantity;

    fn add(mut self, other: &Quantity) -> Quantity {
        self += other;
        self
    }
}

impl Sub<&Quantity> for Quantity {
    type Output = Quantity;

    fn sub(mut self, other: &Quantity) -> Quantity {
        self -= other;
        self
    }
}

impl Neg for Quantity {
    type Output = Quantity;

    fn neg(self) -> Quantity {
        Quantity::of_nanos(self.nanos.saturating_neg(), self.format)
    }
}

impl<'a> std::iter::Sum<&'a Quantity> for Quantity {
    fn sum<I: Iterator<Item = &'a Quantity>>(quantities: I) -> Quantity {
        quantities.fold(Quantity::zero(), |sum, quantity| sum + quantity)
    }
}
