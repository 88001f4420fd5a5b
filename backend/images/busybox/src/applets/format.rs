//! Numbers and widths as `printf` of C writes them, for `printf` and `awk`.

/// A real number by `%e`, `%f` or `%g`, or their upper-case kin.
pub(super) fn real(kind: char, precision: Option<usize>, value: f64) -> String {
    let precision = precision.unwrap_or(6);
    if !value.is_finite() {
        let text = if value.is_nan() {
            "nan"
        } else if value < 0.0 {
            "-inf"
        } else {
            "inf"
        };
        return text.to_owned();
    }
    let text = match kind.to_ascii_lowercase() {
        'e' => exponential(value, precision),
        'g' => shortest(value, precision.max(1)),
        _ => format!("{value:.precision$}"),
    };
    if kind.is_ascii_uppercase() { text.to_ascii_uppercase() } else { text }
}

/// `1.234568e+04`
fn exponential(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// So many digits that count, without zeros at the end.
fn shortest(value: f64, precision: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponential = exponential(value, precision - 1);
    let (digits, exponent) = exponential.split_once('e').unwrap_or((&exponential, "+0"));
    let power: i32 = exponent.parse().unwrap_or_default();
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    let limit = i32::try_from(precision).unwrap_or(i32::MAX);
    match (-4..limit).contains(&power) {
        true => trim(&format!("{value:.*}", usize::try_from(limit - 1 - power).unwrap_or_default())),
        false => format!("{}e{exponent}", trim(digits)),
    }
}

/// Brings a text to the width that the flags and digits before a directive's letter ask for.
pub(super) fn pad(body: &str, width: &str, is_number: bool) -> String {
    let flags: String = width.chars().take_while(|letter| "-+ 0#".contains(*letter)).collect();
    let length: usize = width[flags.len()..].parse().unwrap_or_default();
    let body = match is_number && !body.starts_with('-') {
        true if flags.contains('+') => format!("+{body}"),
        true if flags.contains(' ') => format!(" {body}"),
        _ => body.to_owned(),
    };
    let missing = length.saturating_sub(body.chars().count());
    if flags.contains('-') {
        return body + &" ".repeat(missing);
    }
    if !(is_number && flags.contains('0')) {
        return " ".repeat(missing) + &body;
    }
    let digits = body.trim_start_matches(['-', '+', ' ']);
    let sign = &body[..body.len() - digits.len()];
    format!("{sign}{}{digits}", "0".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_should_be_written_as_c_writes_them() {
        let cases = [
            ('f', None, 3.5, "3.500000"),
            ('e', None, 12345.678, "1.234568e+04"),
            ('e', Some(2), 0.00012, "1.20e-04"),
            ('g', None, 0.0001, "0.0001"),
            ('g', None, 0.00001, "1e-05"),
            ('g', None, 100_000.0, "100000"),
            ('g', None, 1_234_567.0, "1.23457e+06"),
            ('g', Some(3), 2.34567, "2.35"),
            ('G', None, 1e-10, "1E-10"),
        ];
        for (kind, precision, value, expected) in cases {
            assert_eq!(real(kind, precision, value), expected, "%{kind} {value}");
        }
        assert_eq!(
            (pad("-5", "05", true), pad("5", "+4", true), pad("a", "-3", false)),
            ("-0005".into(), "  +5".into(), "a  ".into())
        );
    }
}
