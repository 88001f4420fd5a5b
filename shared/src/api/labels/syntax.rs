//! What label keys and values may look like: `k8s.io/apimachinery/pkg/api/validate/content`.

const KEY_FORMAT: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const KEY_MESSAGE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const VALUE_MESSAGE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const SUBDOMAIN_FORMAT: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const SUBDOMAIN_MESSAGE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const EMPTY: &str = "must be non-empty";

/// The most bytes of a label's value, and of its key's name.
pub const MAX_BYTES: usize = 63;
const MAX_PREFIX_BYTES: usize = 253;

/// What is wrong with a label's key (a "qualified name"), in upstream's words.
pub fn label_key_errors(key: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let name = match key.split('/').collect::<Vec<_>>()[..] {
        [name] => name,
        [prefix, name] => {
            errors.extend(prefix_errors(prefix).into_iter().map(|error| format!("prefix part {error}")));
            name
        }
        _ => {
            return vec![format!(
                "a valid label key {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                key_format_error()
            )];
        }
    };
    if name.is_empty() {
        errors.push(format!("name part {EMPTY}"));
    } else if name.len() > MAX_BYTES {
        errors.push(format!("name part {}", too_long(MAX_BYTES)));
    }
    if !is_name(name) {
        errors.push(format!("name part {}", key_format_error()));
    }
    errors
}

/// What is wrong with a label's value, in upstream's words.
pub fn label_value_errors(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > MAX_BYTES {
        errors.push(too_long(MAX_BYTES));
    }
    if !value.is_empty() && !is_name(value) {
        let format = format!("({KEY_FORMAT})?");
        errors.push(format_error(VALUE_MESSAGE, &format, &["MyValue", "my_value", "12345"]));
    }
    errors
}

/// The error of a field whose value has these faults; `None` where it has none.
pub(super) fn invalid(field: &str, value: &str, errors: &[String]) -> Option<String> {
    (!errors.is_empty()).then(|| format!("{field}: Invalid value: {value:?}: {}", errors.join("; ")))
}

fn prefix_errors(prefix: &str) -> Vec<String> {
    if prefix.is_empty() {
        return vec![EMPTY.to_owned()];
    }
    let mut errors = Vec::new();
    if prefix.len() > MAX_PREFIX_BYTES {
        errors.push(too_long(MAX_PREFIX_BYTES));
    }
    if !prefix.split('.').all(is_dns_label) {
        errors.push(format_error(SUBDOMAIN_MESSAGE, SUBDOMAIN_FORMAT, &["example.com"]));
    }
    errors
}

fn key_format_error() -> String {
    format_error(KEY_MESSAGE, KEY_FORMAT, &["MyName", "my.name", "123-abc"])
}

fn format_error(message: &str, format: &str, examples: &[&str]) -> String {
    let examples: Vec<_> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{message} (e.g. {}regex used for validation is '{format}')", examples.join(" or "))
}

fn too_long(max: usize) -> String {
    format!("must be no more than {max} bytes")
}

fn is_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    ends_are(name, |byte| byte.is_ascii_alphanumeric()) && name.bytes().all(inner)
}

fn is_dns_label(label: &str) -> bool {
    let end = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    ends_are(label, end) && label.bytes().all(|byte| end(byte) || byte == b'-')
}

fn ends_are(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    matches!((bytes.first(), bytes.last()), (Some(&first), Some(&last)) if allowed(first) && allowed(last))
}
