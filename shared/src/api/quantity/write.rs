//! The canonical text of a quantity.

use super::{Format, NANO};

const DECIMAL: [(i32, &str); 10] =
    [(-9, "n"), (-6, "u"), (-3, "m"), (0, ""), (3, "k"), (6, "M"), (9, "G"), (12, "T"), (15, "P"), (18, "E")];
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

pub(super) fn canonical(nanos: i128, format: Format) -> String {
    if nanos == 0 {
        return "0".to_owned();
    }
    match format {
        // Small and fractional numbers are clearer, and exact, in decimals.
        Format::BinarySi if nanos % NANO == 0 && nanos.unsigned_abs() >= 1024 * NANO.unsigned_abs() => {
            binary(nanos / NANO)
        }
        Format::BinarySi | Format::DecimalSi => decimal(nanos),
        Format::DecimalExponent => {
            let (mantissa, exponent) = thousands(nanos, i32::MAX);
            if exponent == 0 { mantissa.to_string() } else { format!("{mantissa}e{exponent}") }
        }
    }
}

fn binary(mut value: i128) -> String {
    let mut power = 0;
    while value % 1024 == 0 && power + 1 < BINARY.len() {
        value /= 1024;
        power += 1;
    }
    format!("{value}{}", BINARY[power])
}

fn decimal(nanos: i128) -> String {
    let (mantissa, exponent) = thousands(nanos, 18);
    let suffix = DECIMAL.iter().find(|(power, _)| *power == exponent).map_or("", |(_, suffix)| suffix);
    format!("{mantissa}{suffix}")
}

/// The number as a mantissa and a power of ten that is a multiple of three and at most `limit`.
fn thousands(nanos: i128, limit: i32) -> (i128, i32) {
    let (mut mantissa, mut exponent) = (nanos, -9);
    while mantissa % 1000 == 0 && exponent + 3 <= limit {
        mantissa /= 1000;
        exponent += 3;
    }
    (mantissa, exponent)
}
