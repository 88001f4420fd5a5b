//! Whether something looks as expected: the expectation says some of its fields.

use serde_json::Value;

/// The first way in which the actual value is not as expected: its place, and both. A map has to have the
/// expected entries among others, a list the same number of elements, and in a text `*` stands for anything.
pub fn mismatch(expected: &Value, actual: &Value) -> Option<String> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(_)) => expected.iter().find_map(|(key, expected)| {
            let actual = actual.get(key).unwrap_or(&Value::Null);
            mismatch(expected, actual).map(|why| format!(".{key}{why}"))
        }),
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            expected.iter().zip(actual).enumerate().find_map(|(index, (expected, actual))| {
                mismatch(expected, actual).map(|why| format!("[{index}]{why}"))
            })
        }
        (Value::String(expected), Value::String(actual)) if matches_text(expected, actual) => None,
        (expected, actual) if expected == actual => None,
        (expected, actual) => Some(format!(": expected {expected}, found {actual}")),
    }
}

/// Whether a text matches a pattern in which `*` stands for anything.
pub fn matches_text(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let Some((middle, tail)) = rest.rsplit_once('*') else { return text.ends_with(rest) };
    for part in middle.split('*') {
        let Some((_, after)) = text.split_once(part) else { return false };
        text = after;
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{matches_text, mismatch};

    #[test]
    fn a_star_should_stand_for_anything() {
        let table = [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c2b", false),
            ("a*a", "a", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(matches_text(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_mismatch_should_say_its_place() {
        let actual = json!({"a": [{"b": 1, "c": 2}], "d": "text"});
        assert_eq!(mismatch(&json!({"a": [{"b": 1}]}), &actual), None);
        assert_eq!(mismatch(&json!({"a": [{"b": 2}]}), &actual).unwrap(), ".a[0].b: expected 2, found 1");
        assert_eq!(mismatch(&json!({"e": 1}), &actual).unwrap(), ".e: expected 1, found null");
        assert!(mismatch(&json!({"a": []}), &actual).is_some());
    }
}
