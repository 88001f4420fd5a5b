//! Floating point numbers as Redis reads and writes them.

/// Reads a number; `inf` and `-inf` are numbers, `nan` is none.
#[must_use]
pub(crate) fn parse(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let is_plain = !text.is_empty() && !text.contains(char::is_whitespace);
    text.parse::<f64>().ok().filter(|value| is_plain && !value.is_nan())
}

/// The shortest text that reads back as the same number; very large and small ones with an exponent.
#[must_use]
pub(crate) fn text(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "inf".to_owned() } else { "-inf".to_owned() };
    }
    let size = value.abs();
    if value == 0.0 || (1e-6..1e21).contains(&size) {
        return format!("{value}");
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

/// The result of an addition, whose last digits a binary fraction cannot hold: 15 digits are kept.
#[must_use]
pub(crate) fn sum_text(value: f64) -> String {
    let rounded: f64 = format!("{value:.14e}").parse().unwrap_or(value);
    format!("{rounded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_should_be_written_as_redis_writes_them() {
        let cases = [
            (3.0, "3"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (1e20, "100000000000000000000"),
            (1e22, "1e+22"),
            (1e-7, "1e-7"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, expected) in cases {
            assert_eq!(text(value), expected);
        }
        assert_eq!(sum_text(0.1 + 0.2), "0.3");
        assert_eq!(sum_text(5000.0), "5000");
    }

    #[test]
    fn numbers_should_be_read_as_redis_reads_them() {
        let cases =
            [("1.5", Some(1.5)), ("1e3", Some(1000.0)), ("-inf", Some(f64::NEG_INFINITY)), ("nan", None)];
        for (text, expected) in cases {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
        assert!(["", " 1", "1 ", "a"].iter().all(|text| parse(text.as_bytes()).is_none()));
    }
}
