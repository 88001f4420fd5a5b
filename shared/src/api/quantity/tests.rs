use proptest::prelude::*;

use super::*;

fn quantity(text: &str) -> Quantity {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn quantities_should_be_written_in_canonical_form() {
    for (text, canonical) in [
        ("0", "0"),
        ("0n", "0"),
        ("0Mi", "0"),
        ("-0", "0"),
        ("0.5", "500m"),
        ("1.5", "1500m"),
        ("1500m", "1500m"),
        ("1000m", "1"),
        ("1000", "1k"),
        ("12000000000000000000", "12E"),
        ("100e1", "1e3"),
        ("12e6", "12e6"),
        ("1e-3", "1e-3"),
        ("12.3e2", "1230"),
        ("1024Mi", "1Gi"),
        ("1536Mi", "1536Mi"),
        ("1025Ki", "1025Ki"),
        ("1.5Gi", "1536Mi"),
        ("0.5Ki", "512"),
        ("0.001Ki", "1024m"),
        ("100Ki", "100Ki"),
        ("1023", "1023"),
        ("0.0001n", "1n"),
        ("-0.0001n", "-1n"),
        ("1.0000000001", "1000000001n"),
        ("-5m", "-5m"),
        ("9223372036854775807", "9223372036854775807"),
        ("9Ei", "9223372036854775807"),
        ("1G", "1G"),
        ("2Ti", "2Ti"),
        ("1.000", "1"),
        (".5", "500m"),
    ] {
        assert_eq!(quantity(text).to_string(), canonical, "{text}");
    }
}

/// Upstream keeps the text where its scale is a multiple of three and no three zeros end it.
#[test]
fn a_text_that_passes_for_canonical_should_be_kept() {
    for text in ["1.500", "01", "1.", "+1", "1E3", "3Mi"] {
        assert_eq!(quantity(text).to_string(), text);
    }
    assert_eq!(quantity("1.500").canonical(), "1500m");
}

#[test]
fn what_is_finer_than_a_thousandth_should_be_rounded_up() {
    for (text, rounded) in [
        ("1500.1m", Some("1501m")),
        ("999.9999", Some("1k")),
        ("1n", Some("1m")),
        ("-1.0001", Some("-1001m")),
        ("1.0001Ki", Some("1024103m")),
        ("1m", None),
        ("1.5", None),
    ] {
        let found = quantity(text).milli_rounded_up().map(|quantity| quantity.to_string());
        assert_eq!(found.as_deref(), rounded, "{text}");
    }
}

#[test]
fn what_is_no_quantity_should_be_refused_in_upstreams_words() {
    let format =
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    let suffix = "unable to parse quantity's suffix";
    for (text, message) in [
        ("", format),
        ("1.1.M", format),
        ("1+1.0M", format),
        ("0.1am", format),
        ("aoeu", format),
        ("1 Gi", format),
        (" 1", format),
        ("1GB", format),
        ("0.1mi", suffix),
        (".5i", suffix),
        ("1i", suffix),
        ("-3.01i", suffix),
        ("-3.01e-", suffix),
        ("1K", suffix),
        ("1gi", format),
    ] {
        assert_eq!(
            text.parse::<Quantity>().map_err(|error| error.to_string()),
            Err(message.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn values_should_be_rounded_up() {
    for (text, value, milli) in [
        ("1500m", 2, 1500),
        ("1m", 1, 1),
        ("1n", 1, 1),
        ("-1500m", -2, -1500),
        ("1Gi", 1 << 30, 1000 << 30),
        ("16Ei", i64::MAX, i64::MAX),
        ("1e30", i64::MAX, i64::MAX),
    ] {
        assert_eq!((quantity(text).value(), quantity(text).milli_value()), (value, milli), "{text}");
    }
}

#[test]
fn sums_and_differences_should_keep_the_left_notation_unless_it_is_zero() {
    for (left, right, sum, difference) in [
        ("1Gi", "1Mi", "1025Mi", "1023Mi"),
        ("500m", "1", "1500m", "-500m"),
        ("0", "1Gi", "1Gi", "-1Gi"),
        ("1M", "1Mi", "2048576", "-48576"),
        ("1Ki", "1m", "1024001m", "1023999m"),
    ] {
        assert_eq!((quantity(left) + &quantity(right)).to_string(), sum, "{left} + {right}");
        assert_eq!((quantity(left) - &quantity(right)).to_string(), difference, "{left} - {right}");
    }
    let parts = [quantity("100m"), quantity("0.4"), quantity("1")];
    assert_eq!(parts.iter().sum::<Quantity>().to_string(), "1500m");
    assert_eq!(quantity("250m").multiply(4).to_string(), "1");
}

#[test]
fn quantities_should_compare_as_numbers() {
    assert_eq!(quantity("1Gi"), quantity("1073741824"));
    assert!(quantity("999m") < quantity("1"));
    assert!(quantity("1G") < quantity("1Gi"));
    assert_eq!(Quantity::from_bytes(512 << 20).to_string(), "512Mi");
    assert_eq!(Quantity::from_milli(2500, Format::DecimalSi).to_string(), "2500m");
    let wire = WireQuantity::from(quantity("1024Ki"));
    assert_eq!(Quantity::try_from(&wire), Ok(quantity("1Mi")));
}

proptest! {
    #[test]
    fn what_is_written_should_be_read_back(nanos in any::<i64>(), shift in 0u32..60, binary in any::<bool>()) {
        let format = if binary { Format::BinarySi } else { Format::DecimalSi };
        let original = Quantity::of_nanos(i128::from(nanos) << shift, format);
        // A binary quantity is read with upstream's bound.
        prop_assume!(!binary || original.nanos.abs() <= i128::from(i64::MAX) * NANO);
        let read = quantity(&original.canonical());
        prop_assert_eq!(&read, &original);
        prop_assert_eq!(read.canonical(), original.canonical());
    }

    #[test]
    fn what_was_added_should_be_subtracted_again(a in any::<i64>(), b in any::<i64>()) {
        let (a, b) = (Quantity::from_milli(a, Format::DecimalSi), Quantity::from_bytes(b));
        prop_assert_eq!(a.clone() + &b - &b, a);
    }

    #[test]
    fn reading_should_never_panic(text in "[-+]?[0-9.]{0,50}[eEinumkKMGTP]{0,3}[-+]?[0-9]{0,30}") {
        let _ = text.parse::<Quantity>();
    }
}
