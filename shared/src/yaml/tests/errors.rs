use super::*;

/// Each text's errors, as line and message.
#[track_caller]
fn check_errors(table: &[(&str, &[(usize, &str)])]) {
    for (text, expected) in table {
        let errors = parse(text).expect_err(text);
        let found: Vec<_> = errors.iter().map(|error| (error.line, error.message.as_str())).collect();
        assert_eq!(found, *expected, "{text:?}");
    }
}

#[test]
fn errors_should_be_worded_and_placed_as_kubectl_does() {
    check_errors(&[
        (
            "a: 1\nb: c: d\n",
            &[(
                2,
                "error converting YAML to JSON: yaml: line 2: mapping values are not allowed in this context",
            )],
        ),
        (
            "a: b: c\n",
            &[(1, "error converting YAML to JSON: yaml: mapping values are not allowed in this context")],
        ),
        (
            "a:\n  b: 1\n c: 2\n",
            &[(3, "error converting YAML to JSON: yaml: line 3: did not find expected key")],
        ),
        (
            "a:\n\tb: 1\n",
            &[(
                2,
                "error converting YAML to JSON: yaml: line 2: found character that cannot start any token",
            )],
        ),
        (
            "a: 1\nb: @x\n",
            &[(
                2,
                "error converting YAML to JSON: yaml: line 2: found character that cannot start any token",
            )],
        ),
        (
            "a: 1\nb: *gone\n",
            &[(2, "error converting YAML to JSON: yaml: line 2: unknown anchor 'gone' referenced")],
        ),
        (
            "a: 1\nb: [1]: x: d\n",
            &[(
                2,
                "error converting YAML to JSON: yaml: line 2: mapping values are not allowed in this context",
            )],
        ),
        (
            "a: 1\nb: \"x\n",
            &[(2, "error converting YAML to JSON: yaml: line 2: found unexpected end of stream")],
        ),
        (
            "a: 1\nb\nc: 2\n",
            &[(3, "error converting YAML to JSON: yaml: line 3: could not find expected ':'")],
        ),
        ("a: .inf\n", &[(1, "error converting YAML to JSON: json: unsupported value: +Inf")]),
        (
            "a: 1\nb: !!int x\n",
            &[(2, "error converting YAML to JSON: yaml: line 2: cannot decode !!str `x` as a !!int")],
        ),
        (
            "a: 1\nb: {{ .Values.x }}\n",
            &[(
                2,
                "error converting YAML to JSON: yaml: line 2: invalid map key: map[interface {}]interface {}{\".Values.x\":interface {}(nil)}",
            )],
        ),
        (
            "a: 1\n<<: 3\n",
            &[(
                2,
                "error converting YAML to JSON: yaml: line 2: map merge requires map or sequence of maps as the value",
            )],
        ),
        ("a: 1\n--- b: 2\n", &[(2, "invalid Yaml document separator: b: 2")]),
    ]);
}

#[test]
fn an_error_in_one_document_should_not_hide_those_in_the_next() {
    let lines: Vec<_> =
        parse("a: b: c\n---\nok: 1\n---\nd: *e\n").unwrap_err().iter().map(|error| error.line).collect();
    assert_eq!(lines, [1, 5]);
}

#[test]
fn anchors_should_end_with_their_document() {
    assert_eq!(parse("a: &a 1\n---\nb: *a\n").unwrap_err()[0].line, 3);
}

#[test]
fn anchors_should_not_contain_themselves() {
    assert!(parse("a: &a [*a]\n").unwrap_err()[0].message.contains("contains itself"));
}

#[test]
fn alias_bombs_should_be_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..=9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(parse(&bomb).unwrap_err()[0].message.ends_with("document contains excessive aliasing"));
}

#[test]
fn texts_beyond_the_budget_should_be_refused() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    assert!(parse(&deep).unwrap_err()[0].message.ends_with("exceeded max depth of 128"));
    let block: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert!(parse(&block).unwrap_err()[0].message.ends_with("exceeded max depth of 128"));
    let small = Budget { max_bytes: 10, ..Budget::default() };
    assert!(parse_within("key: a long value", &small).unwrap_err()[0].message.contains("limit is 10"));
    let few = Budget { max_nodes: 3, ..Budget::default() };
    assert!(parse_within("[1, 2, 3]", &few).is_err());
}
