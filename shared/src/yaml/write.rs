//! JSON as YAML text that looks like `kubectl get -o yaml`.
//!
//! serde_yaml writes; what it does not know is which words kubectl's reader takes for booleans and
//! numbers (`yes`, `0o17`, `1_000`), and which characters only YAML 1.1 takes for line ends. Such strings
//! travel through it as tokens and become the double-quoted strings that kubectl writes there.

use serde_json::{Map, Value};

use super::scalar::{Scalar, resolve_plain};

/// `value` as YAML, keys in the order given, with a line feed at the end.
pub fn write(value: &Value) -> String {
    let Some(mut tokens) = Tokens::unused_in(value) else { return plain(value) };
    let text = plain(&tokens.replace(value));
    tokens.restore(&text)
}

/// serde_yaml refuses no JSON value: all keys are strings, and YAML has every type that JSON has.
fn plain(value: &Value) -> String {
    serde_yaml::to_string(value).unwrap_or_default()
}

/// Stand-ins for strings that have to be quoted: a number between two marks.
struct Tokens {
    /// Two characters that the value does not contain.
    marks: (char, char),
    /// The quoted strings, by number.
    quoted: Vec<String>,
}

impl Tokens {
    /// Picks as marks the first two of Unicode's noncharacters that `value` does not contain.
    fn unused_in(value: &Value) -> Option<Self> {
        let text = value.to_string();
        let mut unused = ('\u{FDD0}'..='\u{FDEF}').filter(|mark| !text.contains(*mark));
        Some(Tokens { marks: (unused.next()?, unused.next()?), quoted: Vec::new() })
    }

    fn replace(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.replace_text(text)),
            Value::Array(items) => items.iter().map(|item| self.replace(item)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(key, value)| (self.replace_text(key), self.replace(value)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn replace_text(&mut self, text: &str) -> String {
        if survives_unquoted(text) {
            return text.to_owned();
        }
        self.quoted.push(quote(text));
        format!("{}{}{}", self.marks.0, self.quoted.len() - 1, self.marks.1)
    }

    fn restore(&self, text: &str) -> String {
        let mut parts = text.split(self.marks.0);
        let mut restored = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (number, rest) = part.split_once(self.marks.1).unwrap_or_default();
            let quoted = number.parse().ok().and_then(|number: usize| self.quoted.get(number));
            restored.push_str(quoted.map_or("", String::as_str));
            restored.push_str(rest);
        }
        restored
    }
}

/// Characters that end a line in YAML 1.1 and not in 1.2, and the byte order mark.
const VERSION_DEPENDENT: [char; 4] = ['\u{85}', '\u{2028}', '\u{2029}', '\u{FEFF}'];

/// Whether serde_yaml's own choice of style reads back as the same string.
fn survives_unquoted(text: &str) -> bool {
    text != "<<" && !text.contains(VERSION_DEPENDENT) && matches!(resolve_plain(text), Scalar::Text(_))
}

/// A JSON string, which is also a double-quoted YAML scalar.
fn quote(text: &str) -> String {
    let mut quoted = Value::from(text).to_string();
    for character in VERSION_DEPENDENT {
        quoted = quoted.replace(character, &format!("\\u{:04x}", u32::from(character)));
    }
    quoted
}
