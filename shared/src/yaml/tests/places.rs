use super::*;

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: 웹
  labels: {app: web, a.b/c: 😀, z: last}
spec:
  containers:
  - name: web
    image: nginx:1
    command:
    - sh
    - -c

  - name: side
    ports: [{containerPort: 80}]
  nodeName:
";

fn pod() -> Document {
    parse(POD).unwrap().remove(0)
}

/// What `span` covers, taken out of `text` by UTF-16 offsets as an editor does.
fn covered(text: &str, span: Span) -> String {
    let units: Vec<u16> = text.encode_utf16().collect();
    String::from_utf16(&units[span.start.utf16_offset..span.end.utf16_offset]).unwrap()
}

#[test]
fn fields_should_be_found_by_upstreams_paths() {
    for (path, key, value) in [
        ("kind", "kind", "Pod"),
        ("metadata.name", "name", "웹"),
        ("metadata.labels[app]", "app", "web"),
        ("metadata.labels.app", "app", "web"),
        ("metadata.labels[a.b/c]", "a.b/c", "😀"),
        ("metadata.labels.a.b/c", "a.b/c", "😀"),
        ("metadata.labels[z]", "z", "last"),
        ("metadata.labels", "labels", "{app: web, a.b/c: 😀, z: last}"),
        ("spec.containers[0].image", "image", "nginx:1"),
        ("spec.containers[0].command", "command", "sh\n    - -c"),
        ("spec.containers[1].ports[0].containerPort", "containerPort", "80"),
        ("spec.nodeName", "nodeName", ""),
    ] {
        let location = pod().spans.locate(path);
        assert!(location.exact, "{path}");
        assert_eq!(location.key.map(|key| covered(POD, key)).as_deref(), Some(key), "{path}");
        assert_eq!(covered(POD, location.value), value, "{path}");
    }
}

#[test]
fn fields_that_are_not_written_should_be_placed_at_the_nearest_parent() {
    for (path, line, column) in [
        ("", 1, 1),
        ("status.phase", 1, 1),
        ("metadata.namespace", 3, 1),
        ("spec.containers[0].resources.limits[cpu]", 8, 5),
        ("spec.containers[7].image", 7, 3),
        ("spec.containers[1].ports[0].hostPort", 15, 13),
    ] {
        let location = pod().spans.locate(path);
        let start = location.key.unwrap_or(location.value).start;
        assert_eq!((start.line, start.column), (line, column), "{path}");
        assert_eq!(location.exact, path.is_empty(), "{path}");
    }
}

#[test]
fn lines_columns_and_utf16_offsets_should_count_what_they_say() {
    let text = "a: 한글\nb: 😀😀\nc: [😀, x]\n";
    let spans = parse(text).unwrap().remove(0).spans;
    let x = spans.locate("c[1]").value;
    assert_eq!((x.start.line, x.start.column), (3, 8));
    assert_eq!((x.start.char_offset, x.start.utf16_offset), (19, 22));
    assert_eq!(covered(text, x), "x");
    assert_eq!(spans.path_at(x.start.utf16_offset), "c[1]");
}

#[test]
fn positions_should_count_carriage_returns_and_a_byte_order_mark() {
    let text = "\u{feff}a: 1\r\nb:\r\n  c: 2\r\n---\r\nd: 3\r\n";
    let documents = parse(text).unwrap();
    assert_eq!(covered(text, documents[0].spans.locate("b.c").value), "2");
    assert_eq!(covered(text, documents[1].spans.locate("d").value), "3");
    assert_eq!(documents[1].spans.locate("d").value.start.line, 5);
}

#[test]
fn what_comes_through_an_alias_should_be_placed_at_the_alias() {
    let text = "x: &x {a: 1}\nw: *x\nz:\n  <<: *x\n  b: 2\n";
    let spans = parse(text).unwrap().remove(0).spans;
    let through_alias = spans.locate("w.a");
    assert_eq!((covered(text, through_alias.value).as_str(), through_alias.exact), ("*x", false));
    let merged = spans.locate("z.a");
    assert_eq!((merged.key.map(|key| covered(text, key)).as_deref(), merged.exact), (Some("<<"), true));
}

#[test]
fn paths_should_be_found_at_offsets() {
    let at = |needle: &str, after: usize| {
        let before = &POD[..POD.find(needle).unwrap() + after];
        pod().spans.path_at(before.encode_utf16().count())
    };
    for (needle, after, path) in [
        ("kind", 0, "kind"),
        ("Pod", 1, "kind"),
        ("web, a.b", 1, "metadata.labels.app"),
        ("😀", 0, "metadata.labels[a.b/c]"),
        ("nginx", 3, "spec.containers[0].image"),
        ("-c", 1, "spec.containers[0].command[1]"),
        ("80}", 1, "spec.containers[1].ports[0].containerPort"),
        ("nodeName:", 9, "spec.nodeName"),
        // The end of a line that still has nothing in it.
        ("  nodeName", 2, "spec.nodeName"),
    ] {
        assert_eq!(at(needle, after), path, "{needle}");
    }
}

#[test]
fn blank_lines_should_belong_to_what_is_indented_less() {
    let text = "metadata:\n  name: a\nspec:\n  containers:\n  - name: x\n    \n  \n";
    let spans = parse(text).unwrap().remove(0).spans;
    let line_six = text.find("    \n").unwrap() + 4;
    assert_eq!(spans.path_at(line_six), "spec.containers[0]");
    assert_eq!(spans.path_at(line_six + 3), "spec");
}

#[test]
fn duplicate_keys_should_be_reported_and_the_last_should_count() {
    let text = "spec:\n  nodeName: a\n  nodeName: b\n  list:\n  - {x: 1, x: 2, x: 3}\n";
    let document = parse(text).unwrap().remove(0);
    assert_eq!(document.value, json!({"spec": {"nodeName": "b", "list": [{"x": 3}]}}));
    let found: Vec<_> = document
        .duplicates
        .iter()
        .map(|found| (found.path.as_str(), found.position.line, found.position.column))
        .collect();
    assert_eq!(found, [("spec.nodeName", 3, 3), ("spec.list[0].x", 5, 12), ("spec.list[0].x", 5, 18)]);
    assert_eq!(document.duplicates[0].first.line, 2);
    assert_eq!(covered(text, document.spans.locate("spec.nodeName").value), "b");
}

#[test]
fn keys_over_a_merge_should_not_be_duplicates() {
    assert_eq!(parse("a: &a {x: 1}\nb:\n  <<: *a\n  x: 2\n").unwrap()[0].duplicates, []);
}

#[test]
fn places_in_json_should_not_move_by_what_is_said_otherwise() {
    let text = "{\n\t\"a\": \"\\ud83d\\ude00\",\n\t\"b\": [1, 2]\n}\n";
    let document = parse(text).unwrap().remove(0);
    assert_eq!(document.value, json!({"a": "😀", "b": [1, 2]}));
    let second = document.spans.locate("b[1]").value;
    assert_eq!((covered(text, second).as_str(), second.start.line, second.start.column), ("2", 3, 11));
}
