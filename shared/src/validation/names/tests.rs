//! Names that upstream takes, and what it says of others.

use super::*;

type Rule = fn(&str) -> Vec<String>;

#[test]
fn names_should_accept_what_upstream_accepts() {
    let table: [(Rule, &[&str]); 8] = [
        (dns_1123_label, &["a", "ab", "a1", "1a", "a-1", "0"]),
        (dns_1123_subdomain, &["a", "a.b", "1.2.3", "a-b.c-d"]),
        (dns_1035_label, &["a", "a1", "a-b"]),
        (qualified_name, &["a", "A.b_c-d", "example.com/MyName", "1-num.2-num/3-num"]),
        (label_value, &["", "a", "A_b.c-d"]),
        (c_identifier, &["a", "_", "A_1"]),
        (environment_variable, &["a", "MY ENV", "1.b", "."]),
        (port_name, &["http", "p1", "8a", "a-b"]),
    ];
    for (rule, values) in table {
        for value in values {
            assert_eq!(rule(value), Vec::<String>::new(), "{value}");
        }
    }
}

#[test]
fn names_should_say_what_is_wrong_in_upstreams_words() {
    let table: [(Rule, &str, &str); 9] = [
        (
            dns_1123_label,
            "A",
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ),
        (dns_1123_label, "a.b", "must not contain dots"),
        (
            dns_1123_subdomain,
            "web_1",
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ),
        (
            qualified_name,
            "a/",
            "name part must be non-empty|name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        ),
        (
            qualified_name,
            "a/b/c",
            "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
        ),
        (
            label_value,
            "a b",
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
        ),
        (
            port_name,
            "1--",
            "must contain at least one letter (a-z)|must not contain consecutive hyphens|must not begin or end with a hyphen",
        ),
        (config_map_key, "..", "must not be '..'"),
        (
            environment_variable,
            "a=b",
            "a valid environment variable name must consist only of printable ASCII characters other than '='",
        ),
    ];
    for (rule, value, expected) in table {
        assert_eq!(rule(value).join("|"), expected, "{value}");
    }
}

#[test]
fn lengths_should_be_bounded() {
    let long = "a".repeat(254);
    assert_eq!(dns_1123_subdomain(&long), ["must be no more than 253 characters"]);
    assert_eq!(dns_1123_label(&long[..64]), ["must be no more than 63 characters"]);
    assert_eq!(label_value(&long[..63]), Vec::<String>::new());
}

#[test]
fn generate_name_should_allow_a_trailing_dash() {
    assert!(name_is_dns_subdomain("web-", true).is_empty());
    assert!(!name_is_dns_subdomain("web-", false).is_empty());
}
