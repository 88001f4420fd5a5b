//! What a scalar means, decided as kubectl's YAML library decides it.
//!
//! Follows `resolve.go` of `sigs.k8s.io/yaml/goyaml.v2`: YAML 1.1 booleans in three spellings each
//! (`y`, `yes`, `on`, `true` and their opposites, also as keys), numbers as Go's `ParseInt` with base 0
//! reads them once underscores are gone (`0644` and `0o644` are octal, `0x1f`, `0b11`), floats by
//! pattern, and timestamps, which stay strings. Base-60 numbers are strings.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

/// A scalar after its meaning was decided.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer above the largest `i64`.
    Unsigned(u64),
    Float(f64),
    Text(String),
}

/// The prefix of the tags that YAML itself defines, written `!!` for short.
const TAG_PREFIX: &str = "tag:yaml.org,2002:";

/// Decides what `text` means. `plain` says that it stood without quotes and not in a block,
/// `tag` is the explicit tag in full.
///
/// # Errors
/// The problem in upstream's words, where text and tag do not fit.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Result<Scalar, String> {
    match tag {
        None if plain => Ok(resolve_plain(text)),
        None => Ok(Scalar::Text(text.to_owned())),
        Some(tag) => match tag.strip_prefix(TAG_PREFIX) {
            Some("binary") => decode_binary(text),
            Some(kind @ ("bool" | "int" | "float" | "null" | "timestamp")) => resolve_as(kind, text),
            _ => Ok(Scalar::Text(text.to_owned())),
        },
    }
}

fn decode_binary(text: &str) -> Result<Scalar, String> {
    let bytes =
        STANDARD.decode(text).map_err(|_| "!!binary value contains invalid base64 data".to_owned())?;
    Ok(Scalar::Text(String::from_utf8_lossy(&bytes).into_owned()))
}

fn resolve_as(wanted: &str, text: &str) -> Result<Scalar, String> {
    let scalar = resolve_plain(text);
    match (wanted, &scalar) {
        ("float", Scalar::Int(integer)) => Ok(Scalar::Float(*integer as f64)),
        ("timestamp", Scalar::Text(_)) => Ok(scalar),
        _ if scalar.kind() == wanted => Ok(scalar),
        _ => Err(format!("cannot decode !!{} `{text}` as a !!{wanted}", scalar.kind())),
    }
}

/// The meaning of a scalar without quotes and without a tag.
pub(super) fn resolve_plain(text: &str) -> Scalar {
    if let Some(word) = resolve_word(text) {
        return word;
    }
    match text.as_bytes().first() {
        Some(b'.') => parse_float(text),
        Some(b'+' | b'-' | b'0'..=b'9') => resolve_number(&text.replace('_', "")),
        _ => None,
    }
    .unwrap_or_else(|| Scalar::Text(text.to_owned()))
}

fn resolve_word(text: &str) -> Option<Scalar> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

fn resolve_number(text: &str) -> Option<Scalar> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let integer = parse_integer(unsigned).and_then(|magnitude| signed(negative, magnitude));
    integer
        .filter(|scalar| !matches!(scalar, Scalar::Unsigned(_)) || unsigned == text)
        .or_else(|| parse_float(text))
}

fn signed(negative: bool, magnitude: u64) -> Option<Scalar> {
    match i64::try_from(magnitude) {
        Ok(value) => Some(Scalar::Int(if negative { -value } else { value })),
        Err(_) if negative => 0i64.checked_sub_unsigned(magnitude).map(Scalar::Int),
        Err(_) => Some(Scalar::Unsigned(magnitude)),
    }
}

/// Digits with Go's prefixes for other bases, without a sign.
fn parse_integer(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.as_bytes() {
        [b'0', b'x', ..] => (&lower[2..], 16),
        [b'0', b'o', ..] => (&lower[2..], 8),
        [b'0', b'b', ..] => (&lower[2..], 2),
        [b'0', _, ..] => (&lower[1..], 8),
        _ => (&lower[..], 10),
    };
    let has_sign = digits.starts_with(['+', '-']);
    if has_sign { None } else { u64::from_str_radix(digits, radix).ok() }
}

fn parse_float(text: &str) -> Option<Scalar> {
    let float = text.parse::<f64>().ok().filter(|_| looks_like_float(text))?;
    float.is_finite().then_some(Scalar::Float(float))
}

/// Whether `text` is `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`; what else Rust's parser
/// takes (`inf`, `nan`) is a string in YAML, and what it does not take is left to it.
fn looks_like_float(text: &str) -> bool {
    text.chars().all(|character| character.is_ascii_digit() || "+-.eE".contains(character))
}

impl Scalar {
    /// The name of its tag after `!!`.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Scalar::Null => "null",
            Scalar::Bool(_) => "bool",
            Scalar::Int(_) | Scalar::Unsigned(_) => "int",
            Scalar::Float(_) => "float",
            Scalar::Text(_) => "str",
        }
    }

    /// The scalar as JSON. A float without fraction becomes an integer, for Go writes `1e3` as `1000`
    /// and the API server then reads that.
    ///
    /// # Errors
    /// JSON has neither infinities nor NaN.
    pub(super) fn into_value(self) -> Result<Value, String> {
        Ok(match self {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => Value::Bool(value),
            Scalar::Int(value) => value.into(),
            Scalar::Unsigned(value) => value.into(),
            Scalar::Float(value) => Value::Number(float_number(value)?),
            Scalar::Text(text) => Value::String(text),
        })
    }

    /// The scalar as a key of a JSON object, as `convertToJSONableObject` of `sigs.k8s.io/yaml` does it.
    ///
    /// # Errors
    /// The problem in upstream's words for null and for integers above the largest `i64`.
    pub(super) fn into_key(self) -> Result<String, String> {
        match self {
            Scalar::Text(text) => Ok(text),
            Scalar::Bool(value) => Ok(value.to_string()),
            Scalar::Int(value) => Ok(value.to_string()),
            Scalar::Float(value) => Ok(float_key(value as f32)),
            Scalar::Null => Err("unsupported map key of type: %!s(<nil>), key: <nil>".to_owned()),
            Scalar::Unsigned(value) => Err(format!("unsupported map key of type: uint64, key: {value:#x}")),
        }
    }
}

fn float_number(value: f64) -> Result<Number, String> {
    let integral = value.fract() == 0.0 && !(value == 0.0 && value.is_sign_negative());
    if integral && value.abs() < 2f64.powi(63) {
        return Ok(Number::from(value as i64));
    }
    Number::from_f64(value).ok_or_else(|| format!("json: unsupported value: {}", go_infinity(value)))
}

fn go_infinity(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    }
}

/// `strconv.FormatFloat(value, 'g', -1, 32)` with YAML's words for what is no number.
fn float_key(value: f32) -> String {
    if !value.is_finite() {
        let word = if value.is_nan() { ".nan" } else { ".inf" };
        return if value < 0.0 { format!("-{word}") } else { word.to_owned() };
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // Go's bounds between the two forms, whatever the digits.
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}
