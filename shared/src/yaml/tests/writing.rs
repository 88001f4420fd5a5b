use proptest::prelude::*;
use serde_json::Map;

use super::*;

#[test]
fn strings_that_read_as_something_else_should_be_quoted_as_kubectl_quotes_them() {
    for (text, written) in [
        ("yes", "\"yes\""),
        ("n", "\"n\""),
        ("80", "\"80\""),
        ("0o644", "\"0o644\""),
        ("1_000", "\"1_000\""),
        ("", "\"\""),
        ("~", "\"~\""),
        ("<<", "\"<<\""),
        ("100m", "100m"),
        ("nginx:1", "nginx:1"),
        ("한글", "한글"),
    ] {
        assert_eq!(write(&json!({"key": text})), format!("key: {written}\n"), "{text:?}");
    }
}

#[test]
fn objects_should_be_written_as_kubectl_writes_them() {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "labels": {"80": "on"}},
        "spec": {"containers": [{"name": "web", "args": ["-c", "a\nb\n"], "env": []}], "nodeSelector": {}},
    });
    insta::assert_snapshot!(write(&pod), @r#"
    apiVersion: v1
    kind: Pod
    metadata:
      name: web
      labels:
        "80": "on"
    spec:
      containers:
      - name: web
        args:
        - -c
        - |
          a
          b
        env: []
      nodeSelector: {}
    "#);
}

fn text() -> impl Strategy<Value = String> {
    let awkward = prop::sample::select(vec![
        "yes", "0644", "1_0", "~", "- a", "a: b", "a #b", "#", "'", "\"", " x ", "x\n", "\nx", "\t",
        "\u{FDD0}", "<<", "---", "...", "|", "1e3", "\r\n", "\u{85}", "\u{2028}", "\u{feff}", "*a", "&a",
        "!x", "%", "@", "`", "a\n b\nc",
    ]);
    prop_oneof![awkward.prop_map(str::to_owned), "[a-z]{0,6}", "\\PC{0,12}", "[ \n\ta:#-]{0,8}"]
}

fn value() -> impl Strategy<Value = Value> {
    let float = any::<i32>().prop_map(|number| json!(f64::from(number) + 0.5));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        float,
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn what_was_written_should_be_read_back(value in value()) {
        let object = json!({ "value": value });
        prop_assert_eq!(value_of(&write(&object)), object);
    }

    #[test]
    fn json_should_be_read_back(value in value()) {
        let object = json!({ "value": value });
        prop_assert_eq!(value_of(&object.to_string()), object);
    }

    #[test]
    fn no_text_should_make_reading_panic(text in "[ \\n\\ta-c:&*#|>'\"{}\\[\\],!?<-]{0,40}", offset in 0usize..50) {
        if let Ok(documents) = parse(&text) {
            for document in documents {
                let path = document.spans.path_at(offset);
                document.spans.locate(&path);
            }
        }
    }
}
