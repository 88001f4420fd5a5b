//! The shapes of names: DNS labels and subdomains, label keys and values, ports, keys, environment variables.
//!
//! Each function returns what is wrong with a value, in upstream's sentences; an empty list means
//! that it is valid. Follows apimachinery `pkg/util/validation/validation.go` and
//! `pkg/api/validate/content`.

const DNS_1123_LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const DNS_1123_SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const DNS_1123_SUBDOMAIN_UNDERSCORE: &str =
    r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*";
const DNS_1035_LABEL: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const LABEL_KEY: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
const SUBDOMAIN_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// A name's rule: the name, and whether more characters will be appended to it (`generateName`).
pub type NameRule = fn(&str, bool) -> Vec<String>;

/// The rule of most kinds' names: a DNS-1123 subdomain.
pub fn name_is_dns_subdomain(name: &str, prefix: bool) -> Vec<String> {
    dns_1123_subdomain(&without_trailing_dash(name, prefix))
}

/// The rule of namespaces' names: a DNS-1123 label.
pub fn name_is_dns_label(name: &str, prefix: bool) -> Vec<String> {
    dns_1123_label(&without_trailing_dash(name, prefix))
}

/// The rule of names that are DNS-1035 labels.
pub fn name_is_dns_1035_label(name: &str, prefix: bool) -> Vec<String> {
    dns_1035_label(&without_trailing_dash(name, prefix))
}

/// Upstream's mask: a trailing dash and the character before it count as one valid character.
fn without_trailing_dash(name: &str, prefix: bool) -> String {
    match name.strip_suffix('-') {
        Some(stem) if prefix && !stem.is_empty() => {
            let mut masked: String = stem.to_owned();
            masked.pop();
            masked.push('a');
            masked
        }
        _ => name.to_owned(),
    }
}

/// A label of the DNS as RFC 1123 has it: `my-name`, `123-abc`.
pub fn dns_1123_label(value: &str) -> Vec<String> {
    let mut messages = longer_than(LABEL_MAX, value);
    if !is_dns_1123_label(value) {
        messages.push(if is_dns_1123_subdomain(value) {
            "must not contain dots".to_owned()
        } else {
            regex_message(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
                DNS_1123_LABEL,
                &["my-name", "123-abc"],
            )
        });
    }
    messages
}

/// A subdomain of the DNS as RFC 1123 has it: `example.com`.
pub fn dns_1123_subdomain(value: &str) -> Vec<String> {
    let mut messages = longer_than(SUBDOMAIN_MAX, value);
    if !is_dns_1123_subdomain(value) {
        messages.push(regex_message(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
            DNS_1123_SUBDOMAIN,
            &["example.com"],
        ));
    }
    messages
}

/// A subdomain in which underscores are allowed too, as in search lists of resolvers.
pub fn dns_1123_subdomain_with_underscore(value: &str) -> Vec<String> {
    let mut messages = longer_than(SUBDOMAIN_MAX, value);
    let is_label = |label: &str| {
        let label = label.strip_prefix('_').unwrap_or(label);
        is_token(label, is_lower_alphanumeric, |b| is_lower_alphanumeric(b) || b == b'-' || b == b'_')
    };
    if !value.split('.').all(is_label) {
        messages.push(regex_message(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
            DNS_1123_SUBDOMAIN_UNDERSCORE,
            &["example.com"],
        ));
    }
    messages
}

/// A subdomain whose first label is `*`: `*.example.com`.
pub fn wildcard_dns_1123_subdomain(value: &str) -> Vec<String> {
    let mut messages = longer_than(SUBDOMAIN_MAX, value);
    if !value.strip_prefix("*.").is_some_and(is_dns_1123_subdomain) {
        messages.push(regex_message(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
            &format!("\\*\\.{DNS_1123_SUBDOMAIN}"),
            &["*.example.com"],
        ));
    }
    messages
}

/// A part of a URL's path (`IsPathSegmentName`).
pub fn path_segment(name: &str) -> Vec<String> {
    if matches!(name, "." | "..") {
        return vec![format!("may not be '{name}'")];
    }
    let marks = ["/", "%"].into_iter().filter(|mark| name.contains(mark));
    marks.map(|mark| format!("may not contain '{mark}'")).collect()
}

/// A label of the DNS as RFC 1035 has it: it begins with a letter.
pub fn dns_1035_label(value: &str) -> Vec<String> {
    let mut messages = longer_than(LABEL_MAX, value);
    if !(is_dns_1123_label(value) && value.starts_with(|c: char| c.is_ascii_lowercase())) {
        messages.push(regex_message(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
            DNS_1035_LABEL,
            &["my-name", "abc-123"],
        ));
    }
    messages
}

/// A qualified name, which is a label's key: `name` or `example.com/name`.
pub fn qualified_name(value: &str) -> Vec<String> {
    let mut messages = Vec::new();
    let name = match value.split('/').collect::<Vec<_>>()[..] {
        [name] => name,
        [prefix, name] => {
            messages.extend(prefix_part(prefix));
            name
        }
        _ => {
            return vec![format!(
                "a valid label key {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                label_key_message()
            )];
        }
    };
    if name.is_empty() {
        messages.push("name part must be non-empty".to_owned());
    }
    messages.extend(longer_than(LABEL_MAX, name).into_iter().map(|message| format!("name part {message}")));
    if !is_label_key(name) {
        messages.push(format!("name part {}", label_key_message()));
    }
    messages
}

fn prefix_part(prefix: &str) -> Vec<String> {
    if prefix.is_empty() {
        return vec!["prefix part must be non-empty".to_owned()];
    }
    dns_1123_subdomain(prefix).into_iter().map(|message| format!("prefix part {message}")).collect()
}

fn label_key_message() -> String {
    regex_message(
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        LABEL_KEY,
        &["MyName", "my.name", "123-abc"],
    )
}

/// A label's value: empty, or up to 63 characters that begin and end alphanumerically.
pub fn label_value(value: &str) -> Vec<String> {
    let mut messages = longer_than(LABEL_MAX, value);
    if !value.is_empty() && !is_label_key(value) {
        messages.push(regex_message(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
            LABEL_VALUE,
            &["MyValue", "my_value", "12345"],
        ));
    }
    messages
}

/// An identifier of the C language.
pub fn c_identifier(value: &str) -> Vec<String> {
    let letter = |b: u8| b.is_ascii_alphabetic() || b == b'_';
    let valid =
        value.bytes().next().is_some_and(letter) && value.bytes().all(|b| letter(b) || b.is_ascii_digit());
    if valid {
        return Vec::new();
    }
    vec![regex_message(
        "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
        "[A-Za-z_][A-Za-z0-9_]*",
        &["my_name", "MY_NAME", "MyName"],
    )]
}

/// The name of an environment variable: printable ASCII without `=`, as upstream allows since 1.34.
pub fn environment_variable(value: &str) -> Vec<String> {
    if value.is_empty() {
        return vec!["environment variable name must be non-empty".to_owned()];
    }
    if value.bytes().all(|b| (b.is_ascii_graphic() || b == b' ') && b != b'=') {
        return Vec::new();
    }
    vec![
        "a valid environment variable name must consist only of printable ASCII characters other than '='"
            .to_owned(),
    ]
}

/// A key in the data of a ConfigMap or Secret.
pub fn config_map_key(value: &str) -> Vec<String> {
    let mut messages = longer_than(SUBDOMAIN_MAX, value);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if value.is_empty() || !value.bytes().all(allowed) {
        messages.push(regex_message(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            "[-._a-zA-Z0-9]+",
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    messages.extend(parent_directory(value));
    messages
}

fn parent_directory(value: &str) -> Option<String> {
    match value {
        "." => Some("must not be '.'".to_owned()),
        ".." => Some("must not be '..'".to_owned()),
        _ if value.starts_with("..") => Some("must not start with '..'".to_owned()),
        _ => None,
    }
}

/// The number of a port: 1 to 65535.
pub fn port_number(port: i32) -> Vec<String> {
    in_range(i64::from(port), 1, 65535)
}

/// A user's number: 0 to 2³¹ − 1.
pub fn user_id(id: i64) -> Vec<String> {
    in_range(id, 0, i64::from(i32::MAX))
}

/// A group's number: 0 to 2³¹ − 1.
pub fn group_id(id: i64) -> Vec<String> {
    in_range(id, 0, i64::from(i32::MAX))
}

/// A number in a range that includes both ends.
pub fn in_range(value: i64, low: i64, high: i64) -> Vec<String> {
    if (low..=high).contains(&value) { Vec::new() } else { vec![range_message(low, high)] }
}

/// The sentence for a number outside of a range.
pub fn range_message(low: i64, high: i64) -> String {
    format!("must be between {low} and {high}, inclusive")
}

/// The name of a port: up to 15 of `a-z`, `0-9` and `-`, with a letter (RFC 6335, lower case).
pub fn port_name(value: &str) -> Vec<String> {
    let mut messages = longer_than(15, value);
    if value.is_empty() || !value.bytes().all(|b| is_lower_alphanumeric(b) || b == b'-') {
        messages.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !value.bytes().any(|b| b.is_ascii_lowercase()) {
        messages.push("must contain at least one letter (a-z)".to_owned());
    }
    if value.contains("--") {
        messages.push("must not contain consecutive hyphens".to_owned());
    }
    if value.starts_with('-') || value.ends_with('-') {
        messages.push("must not begin or end with a hyphen".to_owned());
    }
    messages
}

/// The name of an HTTP header.
pub fn http_header_name(value: &str) -> Vec<String> {
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Vec::new();
    }
    vec![regex_message(
        "a valid HTTP header must consist of alphanumeric characters or '-'",
        "[-A-Za-z0-9]+",
        &["X-Header-Name"],
    )]
}

fn longer_than(max: usize, value: &str) -> Vec<String> {
    if value.len() > max { vec![format!("must be no more than {max} characters")] } else { Vec::new() }
}

fn regex_message(message: &str, regex: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{message} (e.g. {}regex used for validation is '{regex}')", examples.join(" or "))
}

fn is_lower_alphanumeric(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

fn is_dns_1123_label(value: &str) -> bool {
    is_token(value, is_lower_alphanumeric, |b| is_lower_alphanumeric(b) || b == b'-')
}

fn is_dns_1123_subdomain(value: &str) -> bool {
    value.split('.').all(is_dns_1123_label)
}

fn is_label_key(value: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    is_token(value, |b| b.is_ascii_alphanumeric(), inner)
}

/// Whether the value is not empty, its first and last byte are `edge` and all are `inner`.
fn is_token(value: &str, edge: fn(u8) -> bool, inner: fn(u8) -> bool) -> bool {
    match value.as_bytes() {
        [] => false,
        bytes @ [first, .., last] => edge(*first) && edge(*last) && bytes.iter().all(|b| inner(*b)),
        [only] => edge(*only),
    }
}

#[cfg(test)]
mod tests;
