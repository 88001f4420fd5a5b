//! Reads a quantity: a decimal number and a suffix.

use super::{Format, NANO, ParseQuantityError, Quantity};

/// A quantity's text, taken apart.
struct Parts<'a> {
    negative: bool,
    /// The digits before the point without leading zeros, `0` where there are none.
    whole: &'a str,
    /// The digits after the point.
    fraction: &'a str,
    suffix: &'a str,
}

/// What a suffix stands for: a power of `base`, in a notation.
#[derive(Clone, Copy)]
struct Unit {
    base: i128,
    exponent: i64,
    format: Format,
}

pub(super) fn parse(text: &str) -> Result<Quantity, ParseQuantityError> {
    if text.is_empty() {
        return Err(ParseQuantityError::Format);
    }
    let parts = split(text)?;
    let unit = unit(parts.suffix).ok_or(ParseQuantityError::Suffix)?;
    let factor = if unit.base == 2 { 1i128 << unit.exponent } else { 1 };
    let decimals = if unit.base == 10 { unit.exponent } else { 0 };
    let places = i64::try_from(parts.fraction.len()).unwrap_or(i64::MAX);
    let digits = parts.whole.bytes().chain(parts.fraction.bytes());
    let magnitude = nanos(digits, decimals.saturating_sub(places).saturating_add(9), factor);
    let (magnitude, format) = bound(magnitude, unit.format);
    let nanos = if parts.negative { -magnitude } else { magnitude };
    let text = keeps_text(&parts, unit).then(|| text.into());
    Ok(Quantity { nanos, format, text })
}

fn split(text: &str) -> Result<Parts<'_>, ParseQuantityError> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, rest) = take_digits(unsigned);
    let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), take_digits);
    let letters = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
    let (_, after) = take_digits(letters.strip_prefix(['-', '+']).unwrap_or(letters));
    if !after.is_empty() {
        return Err(ParseQuantityError::Format);
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Ok(Parts { negative: text.starts_with('-'), whole, fraction, suffix })
}

fn take_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len()))
}

fn unit(suffix: &str) -> Option<Unit> {
    let decimal = |exponent| Unit { base: 10, exponent, format: Format::DecimalSi };
    let binary = |exponent| Unit { base: 2, exponent, format: Format::BinarySi };
    Some(match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            Unit { base: 10, exponent, format: Format::DecimalExponent }
        }
    })
}

/// `digits` · 10^`exponent` · `factor`, rounded up, at most `i128::MAX`.
fn nanos(digits: impl Iterator<Item = u8>, exponent: i64, factor: i128) -> i128 {
    let limit = i128::MAX / 10 / factor - 1;
    let (mut mantissa, mut exponent, mut inexact) = (0i128, exponent, false);
    for digit in digits.map(|byte| i128::from(byte - b'0')) {
        if mantissa <= limit / 10 {
            mantissa = mantissa * 10 + digit;
        } else {
            exponent = exponent.saturating_add(1);
            inexact |= digit != 0;
        }
    }
    scale(mantissa * factor, exponent, inexact)
}

fn scale(mut value: i128, exponent: i64, mut inexact: bool) -> i128 {
    if value == 0 {
        return 0;
    }
    for _ in 0..exponent.min(40) {
        value = value.saturating_mul(10);
    }
    for _ in exponent.max(-80)..0 {
        inexact |= value % 10 != 0;
        value /= 10;
    }
    value.saturating_add(i128::from(inexact))
}

/// Binary quantities end at `i64::MAX`, and below one they are decimal.
fn bound(magnitude: i128, format: Format) -> (i128, Format) {
    match format {
        Format::BinarySi if (1..NANO).contains(&magnitude) => (magnitude, Format::DecimalSi),
        Format::BinarySi => (magnitude.min(i128::from(i64::MAX) * NANO), format),
        _ => (magnitude, format),
    }
}

/// Whether upstream takes the text for canonical and keeps it: its fast path for numbers that fit
/// 64 bits, which looks at the last digits only.
fn keeps_text(parts: &Parts<'_>, unit: Unit) -> bool {
    let digits = format!("{}{}", parts.whole, parts.fraction);
    let places = i64::try_from(parts.fraction.len()).unwrap_or(i64::MAX);
    let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    if unit.base == 2 {
        let fits = places == 0 && 14 - length - unit.exponent * 3 / 10 >= 0;
        return fits && digits.parse::<i64>().is_ok_and(|number| number % 8 != 0);
    }
    let scale = unit.exponent.saturating_sub(places);
    let exact = length <= 18 && scale >= -9;
    exact && scale % 3 == 0 && !digits.ends_with("000") && !digits.starts_with('0')
}
