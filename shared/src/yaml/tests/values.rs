use super::*;

#[track_caller]
fn check_scalars(table: &[(&str, Value)]) {
    for (scalar, expected) in table {
        assert_eq!(value_of(&format!("key: {scalar}\n"))["key"], *expected, "{scalar:?}");
    }
}

#[test]
fn words_should_be_booleans_and_nulls_as_in_yaml_1_1() {
    for word in ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"] {
        check_scalars(&[(word, json!(true))]);
    }
    for word in ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"] {
        check_scalars(&[(word, json!(false))]);
    }
    for word in ["", "~", "null", "Null", "NULL"] {
        check_scalars(&[(word, json!(null))]);
    }
    for word in ["yEs", "nO", "oN", "tRUE", "nULL", "yess", "~~"] {
        check_scalars(&[(word, json!(word))]);
    }
}

#[test]
fn numbers_should_be_read_as_go_reads_them() {
    check_scalars(&[
        ("80", json!(80)),
        ("-80", json!(-80)),
        ("+80", json!(80)),
        ("0", json!(0)),
        ("0644", json!(420)),
        ("0o644", json!(420)),
        ("-0644", json!(-420)),
        ("08", json!(8)),
        ("0x1F", json!(31)),
        ("0b101", json!(5)),
        ("1_000_000", json!(1_000_000)),
        ("9223372036854775807", json!(i64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("9223372036854775808", json!(9_223_372_036_854_775_808_u64)),
        ("18446744073709551616", json!(18446744073709551616.0)),
        ("1.5", json!(1.5)),
        (".5", json!(0.5)),
        ("1e3", json!(1000)),
        ("1.0", json!(1)),
        ("-1.5e-3", json!(-0.0015)),
    ]);
}

#[test]
fn what_only_looks_like_a_number_should_be_text() {
    for text in
        ["100m", "1Gi", "1.2.3", "0x", "0o8", "1e", "-", "+", ".", "190:20:30", "1e400", "inf", "0x+5"]
    {
        let quoted = text == "-";
        if !quoted {
            check_scalars(&[(text, json!(text))]);
        }
    }
    for text in ["2001-01-01", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43"] {
        check_scalars(&[(text, json!(text))]);
    }
}

#[test]
fn quotes_blocks_and_tags_should_decide_over_looks() {
    check_scalars(&[
        ("'yes'", json!("yes")),
        ("\"0644\"", json!("0644")),
        ("''", json!("")),
        ("\"tab\\there \\u00e9\"", json!("tab\there é")),
        ("'it''s'", json!("it's")),
        ("!!str 80", json!("80")),
        ("!!int \"80\"", json!(80)),
        ("!!float 3", json!(3)),
        ("!!binary aGVsbG8=", json!("hello")),
        ("!custom 80", json!("80")),
        ("!!timestamp 2001-01-01", json!("2001-01-01")),
    ]);
}

#[test]
fn block_scalars_should_keep_and_fold_lines() {
    check_values(&[
        ("run: |\n  echo one\n  echo two\n", json!({"run": "echo one\necho two\n"})),
        ("run: |-\n  echo one\n", json!({"run": "echo one"})),
        ("run: |+\n  one\n\n", json!({"run": "one\n\n"})),
        ("run: >\n  one\n  two\n\n  three\n", json!({"run": "one two\nthree\n"})),
        ("run: |2\n   indented\n", json!({"run": " indented\n"})),
        ("run: |\n  yes\n", json!({"run": "yes\n"})),
    ]);
}

#[test]
fn keys_should_become_strings() {
    check_values(&[
        ("80: web", json!({"80": "web"})),
        ("yes: web", json!({"true": "web"})),
        ("off: web", json!({"false": "web"})),
        ("1.5: web", json!({"1.5": "web"})),
        ("1e6: web", json!({"1e+06": "web"})),
        ("0x10: web", json!({"16": "web"})),
        (".inf: web", json!({".inf": "web"})),
        ("'yes': web", json!({"yes": "web"})),
    ]);
}

#[test]
fn aliases_should_stand_for_their_anchors() {
    check_values(&[
        ("a: &x {b: 1}\nc: *x\n", json!({"a": {"b": 1}, "c": {"b": 1}})),
        ("a: &x 1\nb: [*x, *x]\n", json!({"a": 1, "b": [1, 1]})),
        ("a: &x one\nb: &x two\nc: *x\n", json!({"a": "one", "b": "two", "c": "two"})),
        ("&k key: 1\nother: *k\n", json!({"key": 1, "other": "key"})),
    ]);
}

#[test]
fn merge_keys_should_merge_as_kubectls_library_does() {
    let base = "base: &base {a: 1, b: 2}\nmore: &more {b: 3, c: 4}\n";
    let merged = |text: &str| value_of(&format!("{base}{text}"))["at"].clone();
    assert_eq!(merged("at:\n  <<: *base\n  b: 9\n"), json!({"a": 1, "b": 9}));
    assert_eq!(merged("at:\n  <<: [*base, *more]\n"), json!({"a": 1, "b": 2, "c": 4}));
    assert_eq!(merged("at:\n  <<: {z: 1}\n"), json!({"z": 1}));
    // Unlike YAML 1.1's own text: a merge counts where it stands.
    assert_eq!(merged("at:\n  b: 9\n  <<: *base\n"), json!({"a": 1, "b": 2}));
    assert_eq!(merged("at:\n  '<<': 1\n"), json!({"<<": 1}));
}

#[test]
fn json_should_be_read_as_yaml() {
    check_values(&[
        ("{\"a\": [1, true, null, \"x\"], \"b\": {}}", json!({"a": [1, true, null, "x"], "b": {}})),
        ("{\n\t\"a\": {\n\t\t\"b\": \"c\\td\"\n\t}\n}\n", json!({"a": {"b": "c\td"}})),
        ("[]", json!([])),
        (
            r#"{"a": "x \ud83d\ude00 \uD83D\uDE00", "b": "\\ud83d\\ude00 \ud55c"}"#,
            json!({"a": "x 😀 😀", "b": r"\ud83d\ude00 한"}),
        ),
        ("{\"url\":\"http:\\/\\/a\"}", json!({"url": "http://a"})),
    ]);
}

#[test]
fn streams_should_be_cut_at_separators() {
    let count = |text: &str| parse(text).unwrap().len();
    for (text, expected) in [
        ("", 0),
        ("\n\n", 0),
        ("# only a comment\n", 0),
        ("---\n", 0),
        ("a: 1\n---\n", 1),
        ("a: 1\n---", 1),
        ("---\na: 1\n--- # next\nb: 2\n", 2),
        ("a: 1\n---\n---\n# nothing\n---\nnull\n---\nb: 2\n", 2),
        ("a: 1\n...\n", 1),
        ("a: 1\n...\n---\nb: 2\n", 2),
        ("\u{feff}a: 1\n", 1),
    ] {
        assert_eq!(count(text), expected, "{text:?}");
    }
}

#[test]
fn documents_should_know_their_first_line() {
    let documents = parse("# web\na: 1\n---\n\nb: 2\n").unwrap();
    assert_eq!(documents.iter().map(|document| document.start_line).collect::<Vec<_>>(), [2, 5]);
}

#[test]
fn carriage_returns_should_end_lines() {
    check_values(&[("a: 1\r\nb:\r\n  - x\r\n  - z\r\n", json!({"a": 1, "b": ["x", "z"]}))]);
    assert_eq!(parse("a: 1\r\n---\r\nb: 2\r\n").unwrap().len(), 2);
}
